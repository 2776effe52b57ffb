"""``finsent doctor``: what is configured, what is reachable, what to fix."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.shared.failures import mask
from cli.shared.output import Format, echo, print_rows
from errors import ExitCode
from settings import data_directory


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(doctor)


def doctor(
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON: a list of {what, ok, state, todo}.")] = False,
    acls: Annotated[
        bool, typer.Option("--acls", help="Print the commands that allow in Kafka what finsent needs, and end.")
    ] = False,
) -> None:
    """Show what is configured, what is reachable, which versions run, and what to fix. Exit code 1 if anything is.

    `finsent doctor`

    `finsent doctor --acls > acls.sh`
    """
    if acls:
        from settings import KafkaSettings
        from stream.kafka import acl_commands

        echo("\n".join(acl_commands(KafkaSettings())))
        return
    from deploy.doctor import examine

    findings = [f._replace(state=mask(f.state), todo=mask(f.todo)) for f in examine(data_directory())]
    if json_out:
        echo(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        rows = [[f.what, {True: "ok", False: "FIX", None: ""}[f.ok], f.state, f.todo] for f in findings]
        print_rows(["what", "", "state", "what to do"], rows, Format.table)
    raise typer.Exit(ExitCode.FAILED if any(finding.ok is False for finding in findings) else ExitCode.OK)
