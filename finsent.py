"""The command line: the only place that knows every room.

Other rooms are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import alerts, audit, console, cookbook, drift, evaluate, explain, rescore, score, topics
from cli import labels as people
from cli import model as models
from cli import retrain as retraining
from cli import storage as store
from cli.common import (
    Commands,
    Data,
    Format,
    cell,
    fail,
    kafka_answering,
    mask,
    own_environment,
    parse_time,
    print_rows,
    progress_bar,
    use_running_service,
)
from settings import data_directory

if TYPE_CHECKING:
    from stream.kafka.producer import Produced


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
as often as needed. `finsent doctor` tells what is configured, what is reachable and what to fix.
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
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is raised
    use_running_service()


def _speed(text: str) -> float | None:
    """``max`` -> None, ``60x`` or ``60`` -> 60.0 (event seconds per wall second)."""
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(f"{text!r} is neither 'max' nor a factor such as '60x'")
    return speed


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise typer.BadParameter(f"{name!r} is no time zone; one is 'America/New_York'") from error


@app.command()
def produce(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE...")],
    topic: Annotated[
        str | None, typer.Option(help="news, comments or labels; without it, a CSV's column 'kind' tells.")
    ] = None,
    speed: Annotated[
        str,
        typer.Option(help="Event time over wall time, from published_at: 60x is an hour a minute; or max."),
    ] = "max",
    timezone: Annotated[str, typer.Option(help="Zone of CSV times that name none.")] = "UTC",
    undated: Annotated[
        str | None,
        typer.Option(metavar="TIME|now", help="Date for CSV rows that have none (else they are skipped)."),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")] = False,
) -> None:
    """Send FILEs of documents to Kafka: JSON lines or CSV, plain or gzipped, in the order of their dates.

    Lines of JSON are sent as the bytes they are, malformed ones too: the worker keeps those as dead letters.
    Columns of a CSV become the fields of the topic's message (`text` the title of news, `ticker(s)`; a bare
    date is midnight UTC; without `id`, a hash of source and text). The key is the document's id; every
    broker replica acknowledges.

    `finsent produce week.jsonl.gz --topic news`

    `finsent produce tweets.csv.gz --topic comments --speed 3600x`

    Exit code 1 if a record failed, or if nothing could be sent; 130 after Ctrl-C.
    """
    from documents.messages import SCHEMAS
    from stream.kafka import producer
    from stream.kafka.topics import ensure_topics, topic_ids

    pace, zone, date = _speed(speed), _zone(timezone), parse_time(undated) if undated else None
    bootstrap = kafka_answering()
    if topic is None or topic in SCHEMAS:
        ensure_topics(bootstrap)
    else:
        topic_ids(bootstrap, [topic])  # a topic that is none of ours must exist: a slip of the pen would make it
    with progress_bar(f"to {topic or 'Kafka'}") as show:
        result = producer.produce_many(
            [(file, topic) for file in files], bootstrap, pace, zone=zone, undated=date, progress=show
        )
    _report(result, json_out)
    if result.stopped == "interrupted":
        raise typer.Exit(130)
    if result.failed or result.stopped or (not result.sent and result.skipped):
        raise typer.Exit(1)


def _report(result: Produced, as_json: bool) -> None:
    for what, counts in (("failed", result.failures), ("not sent", result.skipped)):
        for reason, count in counts.most_common(10):
            typer.echo(f"finsent: {count:,} {what}: {mask(reason)}", err=True)
    if result.skipped["without a date"]:
        typer.echo("finsent: --undated TIME sends rows without a date", err=True)
    if result.stopped:
        typer.echo(f"finsent: stopped early: {mask(result.stopped)}", err=True)
    summary = {
        "sent": result.sent,
        "acknowledged": result.acknowledged,
        "failed": result.failed,
        "skipped": result.skipped.total(),
        "seconds": round(result.seconds, 3),
        "records_per_second": round(result.records_per_second, 1),
        "topics": dict(result.by_topic),
    }
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        topics = ", ".join(f"{count:,} to {topic}" for topic, count in result.by_topic.items()) or "none"
        typer.echo(
            f"sent {result.sent:,} ({topics}), acknowledged {result.acknowledged:,}, "
            f"failed {result.failed:,}, skipped {result.skipped.total():,}; "
            f"{result.seconds:.1f} s, {result.records_per_second:,.0f} records/s"
        )


@app.command()
def schemas(
    topic: Annotated[str | None, typer.Argument(help="Only this topic's.")] = None,
    check: Annotated[bool, typer.Option(help="Exit 1 where the committed files differ from the code.")] = False,
) -> None:
    """Print the JSON Schemas of the topics, generated from the code that validates and writes the messages.

    `finsent schemas news`

    `finsent schemas --check` (in CI)
    """
    from documents import schemas as published

    if check:
        if stale := published.differences():
            fail(f"{', '.join(stale)} differ from the code; run 'python -m documents.schemas' and commit")
        return
    topics = [*published.RECEIVED, *published.SENT]
    if topic is not None and topic not in topics:
        raise typer.BadParameter(f"no topic {topic!r}; there are {', '.join(topics)}")
    found = published.schema(topic) if topic else {name: published.schema(name) for name in topics}
    typer.echo(json.dumps(found, indent=2))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; '-' reads it from standard input.")],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print the rows.")] = Format.table,
    max_seconds: Annotated[float, typer.Option(min=1, help="ClickHouse stops the query after so long.")] = 60,
) -> None:
    """Ask ClickHouse, read-only: documents, mentions, sentiment_now, movers, alerts_now, feeds and the other views that
    docs/dictionary.md tells of; `finsent cookbook` has queries to start from.

    `finsent sql "SELECT label, count() FROM documents GROUP BY label"`

    `finsent sql "SELECT entity, avg(sentiment) FROM counted_mentions GROUP BY entity" --format csv`

    `finsent sql "SELECT * FROM documents LIMIT 5" --format json` prints an array of objects, jsonl one a line.
    """
    from storage import connect

    client = connect()
    rows = client.execute_iter(
        sys.stdin.read() if query == "-" else query,
        with_column_types=True,
        settings={"readonly": 1, "max_execution_time": max_seconds, "max_block_size": 8192},
    )
    columns = [name for name, _ in next(rows)]
    print_rows(columns, rows, form)


@app.command()
def worker(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run one worker until Ctrl-C or SIGTERM: news and comments from Kafka, scored, into ClickHouse.

    Start as many as there are partitions; they share them. Logs are JSON lines on stderr; /metrics, /health and
    /ready are served on STREAM_WEB_PORT.

    `KAFKA_BOOTSTRAP_SERVERS=kafka:9092 CLICKHOUSE_URL=clickhouse://user:secret@db:9000/default finsent worker`
    """
    # Its matrix products are small: on a busy machine a second thread of them waits more than it works.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stream.worker import run

    kafka_answering()
    run(level=log_level.upper())


@app.command()
def up(
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes; they share the partitions.")] = 1,
    detach: Annotated[
        bool, typer.Option(help="Return when the service is ready; stop it with 'finsent down'.")
    ] = False,
    env: Annotated[bool, typer.Option("--env", help="Print the settings to reach it as shell lines.")] = False,
) -> None:
    """Start the service on this machine and keep it up until Ctrl-C: broker, ClickHouse and workers.

    With KAFKA_BOOTSTRAP_SERVERS or CLICKHOUSE_URL set, that part is used instead of an embedded one.

    `finsent up`

    `eval "$(finsent up --data ./data --detach --env)"` starts it in the background (or finds it running there)
    and sets what the other commands need; `finsent down --data ./data` stops it.
    """
    from deploy.local import NotRunning, environment_of, run, start_detached, usage

    folder = data or data_directory()
    if not (detach or env):
        own_environment()
        run(folder, workers)
        return
    try:
        settings = environment_of(folder)
    except NotRunning:
        if not detach:
            raise
        own_environment()
        settings = start_detached(folder, workers)
    if env:
        for name, value in settings.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
    else:
        typer.echo(usage(settings, folder))


@app.command()
def down(data: Data = None) -> None:
    """Stop the service that runs on the data directory; the stored documents stay.

    `finsent down --data ./data`
    """
    from deploy.local import stop

    stop(data or data_directory())


@app.command()
def demo(
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the summary there.")] = None,
    workers: Annotated[int, typer.Option(min=1)] = 1,
    speed: Annotated[
        str, typer.Option(metavar="FACTOR", help="How much faster than time: '8000x', or 'max'.")
    ] = "8000x",
    keep: Annotated[
        bool | None,
        typer.Option(
            help="Keep the console open until Ctrl-C; by default where there is a screen.", show_default=False
        ),
    ] = None,
) -> None:
    """Replay a recorded week from end to end and check the accounts; ends by itself and leaves nothing running.

    Without a screen the console's pages are saved as pictures beside the summary. Exit code 0 only if every record is
    stored once and the week's shifts, and no others, raised alerts.
    """
    from deploy.demo.run import run

    own_environment()
    raise typer.Exit(run(json_path, workers, _speed(speed), keep))


letters = typer.Typer(no_args_is_help=True, help="Bad records: list them, look at one, send them again.")
app.add_typer(letters, name="dead-letters")
Position = Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET")]


def _position(text: str) -> tuple[str, int, int]:
    parts = text.rsplit("/", 2)
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise typer.BadParameter(f"{text!r} is no position; one is 'news/0/17'")
    return parts[0], int(parts[1]), int(parts[2])


@letters.command("list")
def list_dead_letters(
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Stored since then.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """List the bad records, newest first, with the reason and what was done with them.

    `finsent dead-letters list --since 2026-01-31`
    """
    from storage import connect
    from storage.reads import dead_letters

    rows = dead_letters(connect(), parse_time(since) if since else None, limit)
    columns = ["position", "ingested_at", "error_kind", "error_field", "error", "bytes", "action"]
    print_rows(
        columns,
        [[f"{r['topic']}/{r['partition']}/{r['offset']}", *(r[name] for name in columns[1:])] for r in rows],
        form,
    )


@letters.command("show")
def show_dead_letter(position: Position) -> None:
    """Show one bad record whole: why it is bad, and its bytes.

    `finsent dead-letters show news/0/17`
    """
    from storage import connect
    from storage.reads import dead_letters_at

    rows = dead_letters_at(connect(), *_position(position))
    if not rows:
        fail(f"no bad record at {position}; see 'finsent dead-letters list'")
    for row in rows:
        raw = bytes.fromhex(row.pop("raw"))
        for name, value in row.items():
            typer.echo(f"{name}: {cell(value)}")
        typer.echo(f"raw ({len(raw)} bytes): {raw[:2000].decode('utf-8', 'backslashreplace')}")


def _chosen(positions: list[str], everything: bool, again: bool) -> list[dict[str, Any]]:
    from storage import connect
    from storage.reads import dead_letters

    if bool(positions) == everything:
        raise typer.BadParameter("name positions, or --all")
    wanted = {_position(position) for position in positions}
    rows = dead_letters(connect(), limit=10_000_000)
    if not everything:
        rows = [row for row in rows if (row["topic"], row["partition"], row["offset"]) in wanted]
        found = {(row["topic"], row["partition"], row["offset"]) for row in rows}
        if missing := ["/".join(map(str, position)) for position in sorted(wanted - found)]:
            fail(f"no bad record at {', '.join(missing)}; see 'finsent dead-letters list'")
    chosen = [row for row in rows if again or not row["action"]]
    if not everything and len(chosen) < len(rows):
        typer.echo(f"finsent: {len(rows) - len(chosen)} skipped: replayed or dropped before", err=True)
    return chosen


@letters.command("replay")
def replay_dead_letters(
    positions: Annotated[list[str] | None, typer.Argument(metavar="TOPIC/PARTITION/OFFSET...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that nothing was done with yet.")] = False,
    again: Annotated[bool, typer.Option(help="Also those that were replayed or dropped before.")] = False,
) -> None:
    """Send bad records to their topic again, after the worker or the schema was mended.

    A record that is good now ends up in documents once; one that is still bad becomes a dead letter again.

    `finsent dead-letters replay news/0/17`
    """
    from storage import connect
    from stream.kafka.dead_letters import replay

    rows = _chosen(positions or [], everything, again)
    typer.echo(f"{replay(connect(), kafka_answering(), rows)} records sent again")


@letters.command("drop")
def drop_dead_letters(
    positions: Annotated[list[str] | None, typer.Argument(metavar="TOPIC/PARTITION/OFFSET...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that nothing was done with yet.")] = False,
) -> None:
    """Note that nothing is to be done about bad records; they stay in the log and are not replayed by --all.

    `finsent dead-letters drop news/0/17`
    """
    from storage import connect
    from storage.writes import record_dead_letter_actions

    rows = _chosen(positions or [], everything, again=False)
    keys = ("topic", "topic_id", "partition", "offset")
    record_dead_letter_actions(connect(), "dropped", [tuple(row[key] for key in keys) for row in rows])
    typer.echo(f"{len(rows)} records dropped")


score.register(app)
evaluate.register(app)
explain.register(app)
audit.register(app)
rescore.register(app)
retraining.register(app)
cookbook.register(app)
drift.register(app)
topics.register(app)
app.add_typer(console.app, name="console")
app.add_typer(models.app, name="model")
app.add_typer(alerts.app, name="alerts")
app.add_typer(people.app, name="label")
app.add_typer(store.app, name="storage")


@app.command()
def doctor(json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Tell what is configured, what is reachable, which versions run, and what to fix. Exit code 1 if something is.

    `finsent doctor`
    """
    from deploy.doctor import examine

    findings = [f._replace(state=mask(f.state), remedy=mask(f.remedy)) for f in examine(data_directory())]
    if json_out:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        rows = [[f.what, {True: "ok", False: "FIX", None: ""}[f.ok], f.state, f.remedy] for f in findings]
        print_rows(["what", "", "state", "what to do"], rows, Format.table)
    raise typer.Exit(int(any(finding.ok is False for finding in findings)))


if __name__ == "__main__":
    app()
