"""``finsent feeds``: public sources read into Kafka."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.extras import need_feeds
from cli.shared.output import Format, echo, print_rows
from cli.shared.service import kafka_answering
from errors import ExitCode, many
from settings import given

if TYPE_CHECKING:
    from feeds import FeedHealth

group = typer.Typer(
    no_args_is_help=True,
    help="Feeds: public sources (RSS, Atom, JSON, web sockets, EDGAR, GDELT, a folder, IMAP) read into Kafka.",
)
File = Annotated[Path, typer.Argument(metavar="FEEDS.yaml", exists=True, dir_okay=False, readable=True)]
log = logging.getLogger(__name__)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="feeds")


@group.command()
def run(
    file: File,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to keep what was sent; default FEEDS_STATE.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Read each feed once, and end.")] = False,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Read the sources in FEEDS.yaml into Kafka until Ctrl-C or SIGTERM.

    Of each source only what is new is sent: a restart, also after a crash, sends nothing twice and leaves nothing out.
    Sources are asked politely: only for what has changed, one question at a time of a host, later where they say so or
    fail, and never at a private address unless the file allows it. Keys are in the environment variables that a preset
    names. The console's health page shows how feeds are doing, and so does /metrics at FEEDS_METRICS_PORT.

    `finsent feeds run deploy/feeds/starter.yaml` reads the set that comes with finsent; say who you are first: put your
    address into `contact` there, or into FEEDS_CONTACT. docs/feeds.md tells how to write a file of your own.

    Exit code 78 if FEEDS.yaml or the file of what was sent cannot be used, which a restart does not mend; with --once,
    1 if a feed could not be read.
    """
    import logging.config
    from importlib.metadata import version

    need_feeds()
    from feeds import Runner, StateFile, load_plan
    from settings import FeedSettings
    from stream.kafka import RecordOutlet, ensure_topics
    from stream.upkeep import logging_config

    plan, settings = load_plan(file), FeedSettings()
    logging.config.dictConfig(logging_config(log_level.upper()))
    for library in ("httpx", "httpcore", "websockets"):  # they log addresses, and a key may be in one
        logging.getLogger(library).setLevel("WARNING")
    kafka = kafka_answering()
    ensure_topics(kafka, kafka.partitions, ["news", "comments"])
    runner = Runner(
        plan, StateFile(state or settings.state_file), RecordOutlet(kafka), _Reports(), version=version("finsent")
    )
    if settings.metrics_port:
        from prometheus_client import start_http_server

        start_http_server(settings.metrics_port, registry=runner.metrics.registry)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sent = runner.run(stop, once)
    echo(f"{many(sent, 'record')} sent")
    logging.shutdown()
    os._exit(ExitCode.FAILED if once and runner.failed else ExitCode.OK)  # no waiting for what is still being read


@group.command()
def check(
    file: File,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """Ask each source in FEEDS.yaml once, and show what it has, without sending anything.

    `finsent feeds check deploy/feeds/starter.yaml`

    Exit code 1 if a source cannot be read, or has items that cannot be sent; 78 if FEEDS.yaml cannot be used.
    """
    from importlib.metadata import version

    need_feeds()
    from feeds import examine, load_plan

    found = list(examine(load_plan(file), version("finsent")))
    print_rows(
        ["feed", "kind", "topic", "items", "newest", "example", "problem"],
        [[one.feed, one.kind, one.topic, one.items, one.newest, one.example, one.problem] for one in found],
        form,
    )
    if all(one.unreachable for one in found):
        echo("finsent: no feed can be reached: there is no way to the internet from here", err=True)
    if any(one.problem for one in found):
        raise typer.Exit(ExitCode.FAILED)


class _Reports:
    """Writes how feeds are doing into ClickHouse, where there is one, for the console. Feeds go on without it."""

    def __init__(self) -> None:
        self._away = False

    def __call__(self, healths: Sequence[FeedHealth]) -> None:
        from storage import UNAVAILABLE, connect
        from storage.writes import FeedPoll, write_feed_polls

        if not given("CLICKHOUSE_URL"):
            return
        polls = [
            FeedPoll(
                one.feed, one.kind, one.polled_at, one.last_item_at, one.next_poll_at, one.sent, one.errors, one.error
            )
            for one in healths
        ]
        try:
            with connect() as client:
                write_feed_polls(client, polls)
            self._away = False
        except UNAVAILABLE as error:
            if not self._away:
                log.warning("the console is not told how feeds are doing: %s", str(error).partition("\n")[0])
            self._away = True
