"""The command line, put together from the files in ``cli/``; and ``finsent.connect`` for programs in Python."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from cli import COMMANDS, Commands, use_running_service

if TYPE_CHECKING:
    from storage.access import PersonsClient

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Sentiment of financial news and comments: Kafka in, ClickHouse out, alerts with evidence.

**On one machine, nothing else installed:**

`finsent demo` runs a recorded week end to end and ends by itself;
`finsent up` starts the service and keeps it up until Ctrl-C.

**Then, from another shell:**

`finsent produce feed.jsonl --topic news` sends documents,
`finsent sql "SELECT count() FROM documents"` asks for the scored ones,
`finsent alerts` lists what shifted.

**Against a real cluster**, set `KAFKA_BOOTSTRAP_SERVERS` and `CLICKHOUSE_URL` and start `finsent worker`
as often as needed. `finsent doctor` shows what is configured, what is reachable and what to fix.
""",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"finsent {version('finsent')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    for name in ("kafka", "clickhouse_driver"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is raised as an exception
    use_running_service()


def connect(user: str = "", password: str = "", url: str = "") -> PersonsClient:
    """A client that asks the views with the rights of ``user``, the risk reader if none is named.

    ``connect().query("SELECT * FROM movers").to_pandas()``. What is not given comes from the environment, as
    docs/programs.md says. Raises ``errors.FinsentError``, with the reason.
    """
    from storage.access import log_in

    use_running_service()
    return log_in(user, password, url)


for command in COMMANDS:
    command.register(app)

if __name__ == "__main__":
    app()
