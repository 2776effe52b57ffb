"""``finsent console``: the web page."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(console)


def console(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 is any free one.")] = None,
) -> None:
    """Serve the web page on this machine until Ctrl-C: market, companies, alerts, labels, search, health.

    `finsent console --port 8800`

    It shows the service that 'finsent up' runs, or the one that CLICKHOUSE_URL and KAFKA_BOOTSTRAP_SERVERS name.
    """
    from console import ConsoleSettings, serve

    serve(ConsoleSettings().port if port is None else port, lambda url: typer.echo(f"console: {url}"))
