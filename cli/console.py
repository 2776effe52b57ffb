"""``finsent console``: the web page, and who may sign in to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cli.shared.output import echo
from settings import given

group = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="""The web page: market, companies, alerts, labels, search, health.

`finsent console --port 8800` serves it until Ctrl-C; `finsent up` serves one by itself.

`finsent console --print-url` prints the address alone, for scripts.

`finsent console add-user users.yaml ana --role risk_reader` writes who may sign in.
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="console")


@group.callback()
def console(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default CONSOLE_HOST, or loopback.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 is any free one; default CONSOLE_PORT.")] = None,
    print_url: Annotated[
        bool,
        typer.Option(
            "--print-url", help="Print the address alone: of the console that 'finsent up' serves, else serve one."
        ),
    ] = False,
) -> None:
    """Serve the web page until Ctrl-C.

    It shows the service that 'finsent up' runs, or the one that CLICKHOUSE_URL and KAFKA_BOOTSTRAP_SERVERS name.
    On loopback nobody signs in, unless CONSOLE_USERS names a file; elsewhere that file and TLS are needed.
    """
    if ctx.invoked_subcommand is not None:
        return
    from console import serve
    from settings import ConsoleSettings, KafkaSettings
    from stream.kafka import LabelSender

    running = given("CONSOLE_URL")
    if print_url and running and port is None and host is None:
        echo(running)
        return
    options = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    # What the command line gives comes before the environment.
    settings = ConsoleSettings(**options)  # type: ignore[arg-type]
    serve(
        settings,
        backlog,
        LabelSender(KafkaSettings()).send,
        lambda url: echo(url if print_url else f"console: {url}"),
    )


def backlog() -> Mapping[str, int]:
    """For each topic, the number of records in Kafka that are not yet in ClickHouse. Raises what the clients raise."""
    from settings import KafkaSettings
    from storage import connect
    from stream import kafka

    with connect() as client:
        return kafka.backlog(KafkaSettings(), client)


@group.command("add-user")
def add_user(
    file: Annotated[Path, typer.Argument(metavar="USERS.yaml", dir_okay=False)],
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[
        list[str], typer.Option(help="risk_reader, annotator, auditor or admin; may be given several times.")
    ],
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input, for scripts.")] = False,
) -> None:
    """Add a user who may sign in, or change a user's password or roles. The file holds Argon2 hashes.

    A risk_reader reads, acknowledges and silences; an annotator labels; an auditor sees who did what; an admin may
    do all of it. A running console reads the changed file by itself.

    `finsent console add-user users.yaml ana --role risk_reader --role annotator`
    """
    import sys

    from console import add

    given = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    add(file, name, given or typer.prompt("Password", hide_input=True, confirmation_prompt=True), tuple(role))  # type: ignore[arg-type]
    echo(f"{name} may sign in: {', '.join(role)}; CONSOLE_USERS={file}")
