"""``finsent up``: the whole service on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.shared.arguments import Data
from cli.shared.extras import need_feeds
from cli.shared.output import echo
from cli.shared.service import own_environment
from settings import data_directory


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(up)


def up(
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes; they share the partitions.")] = 1,
    broker: Annotated[
        Literal["embedded", "kafka"],
        typer.Option(help="embedded: small, topics in memory; kafka: Apache Kafka, topics on disk (needs Java 17)."),
    ] = "embedded",
    brokers: Annotated[int, typer.Option(min=1, max=9, help="Brokers of Apache Kafka: 1, or a cluster of 3.")] = 1,
    detach: Annotated[
        bool, typer.Option(help="Return when the service is ready; stop it with 'finsent down'.")
    ] = False,
    feeds: Annotated[
        Path | None,
        typer.Option(metavar="FEEDS.yaml", exists=True, dir_okay=False, help="Read these public sources, too."),
    ] = None,
    env: Annotated[bool, typer.Option("--env", help="Print the settings that reach it, as shell lines.")] = False,
) -> None:
    """Start the service on this machine and keep it up until Ctrl-C: broker, ClickHouse and workers.

    What is started, and where, is said on stderr, a line for each part; the worker takes longest.

    With KAFKA_BOOTSTRAP_SERVERS or CLICKHOUSE_URL set, that part is used instead of an embedded one.

    `finsent up`

    `FEEDS_CONTACT=you@your.org finsent up --feeds deploy/feeds/starter.yaml` reads public sources, too, so that there
    is news without a feed of your own (`finsent feeds run --help`).

    `eval "$(finsent up --data ./data --detach --env)"` starts it in the background (or finds it running there)
    and sets what the other commands need; `finsent down --data ./data` stops it.

    `finsent up --broker kafka --data ./data` runs Apache Kafka in place of the embedded broker: its topics are in the
    data directory and survive a restart. Its jars are fetched once, by Maven.
    """
    from deploy.local import NotRunning, environment_of, run, start_detached, usage

    if feeds is not None:
        need_feeds()
        from feeds import load_plan

        load_plan(feeds)  # a mistake in it is told before anything starts
    if brokers > 1 and broker != "kafka":
        raise typer.BadParameter("only Apache Kafka makes a cluster: add --broker kafka", param_hint="--brokers")
    folder = data or data_directory()
    if not (detach or env):
        own_environment()
        run(folder, workers, broker, brokers, feeds)
        return
    try:
        settings = environment_of(folder)
    except NotRunning:
        if not detach:
            raise
        own_environment()
        settings = start_detached(folder, workers, broker, brokers, feeds)
    if env:
        for name, value in settings.items():
            echo(f"export {name}={shlex.quote(value)}")
    else:
        echo(usage(settings, folder))
