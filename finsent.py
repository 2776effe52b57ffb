"""The command line: the only place that knows every room.

Other rooms are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from stream.producer import Produced


class Format(StrEnum):
    """How rows are printed."""

    table = auto()
    csv = auto()
    json = auto()
    jsonl = auto()


class Failure(Exception):
    """An expected failure, told as one line: what was wrong and what to do."""


KNOWN = {
    "stream.ProduceError",
    "stream.BadWatchlist",
    "storage.MigrationChanged",
    "model.BadVersion",
    "deploy.AlreadyRunning",
    "deploy.ChildFailed",
    "deploy.InstallError",
    "deploy.NotRunning",
}
"""Errors whose sentence is made for people."""


class _Commands(TyperGroup):
    """Tells expected failures of any room in one line on stderr, exit code 1; bugs keep their traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except Exception as error:
            if os.environ.get("FINSENT_TRACEBACK") or (sentence := _sentence(error)) is None:
                raise
            typer.echo(f"finsent: {mask(sentence)}", err=True)
            raise typer.Exit(1) from error


def _sentence(error: Exception) -> str | None:
    """Cause and remedy of an expected failure, or None for a bug. Told by type name: rooms may be absent."""
    names = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    cause = " ".join(str(error).split("Stack trace")[0].split()) or type(error).__name__
    if isinstance(error, Failure) or names & KNOWN:
        return cause
    if "kafka.KafkaError" in names:
        return f"Kafka at {_kafka()}: {cause}; see 'finsent doctor'"
    if "storage.StorageUnavailable" in names:
        return f"{cause}; set CLICKHOUSE_URL, or start the service with 'finsent up'; see 'finsent doctor'"
    if "clickhouse_driver.Error" in names:
        # "Code: 62. DB::Exception: default: Syntax error ... " -> what a person needs of it
        return f"ClickHouse: {re.sub(r'^Code: [0-9]+[.] (DB::Exception: )?', '', cause).rstrip('. ')}"
    if "pydantic_core.ValidationError" in names:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]  # type: ignore[attr-defined]
        return f"settings ({error.title}): {'; '.join(faults)}; see 'finsent doctor'"  # type: ignore[attr-defined]
    if isinstance(error, OSError):
        return cause
    return None


def mask(text: str) -> str:
    """``text`` without the passwords of the URLs in it."""
    return re.sub(r"(\w+://[^:/@\s]*):[^@\s]+@", r"\1:***@", text)


def _kafka() -> str:
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")


def _kafka_answering() -> str:
    """The configured bootstrap servers; fails at once, not after a client's time-out, if none listens."""
    bootstrap, errors = _kafka(), []
    for server in bootstrap.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return bootstrap
        except (OSError, ValueError) as error:
            errors.append(f"{server}: {error}")
    fail(
        f"no Kafka broker listens ({'; '.join(errors)}); set KAFKA_BOOTSTRAP_SERVERS, or start the service "
        "with 'finsent up'"
    )


app = typer.Typer(
    cls=_Commands,
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
    _use_running_service()


_taken_over: set[str] = set()


def data_directory() -> Path:
    """FINSENT_DATA, or finsent's place in the home directory."""
    return Path(os.environ.get("FINSENT_DATA") or Path.home() / ".local" / "share" / "finsent")


def _use_running_service() -> None:
    """With no cluster named, commands speak to the service that runs on the data directory, if one does."""
    if "KAFKA_BOOTSTRAP_SERVERS" in os.environ or "CLICKHOUSE_URL" in os.environ:
        return
    state = data_directory() / "state.json"
    if state.exists():
        from deploy.local import NotRunning, environment_of

        with suppress(NotRunning):
            found = environment_of(data_directory())
            _taken_over.update(found.keys() - os.environ.keys())
            for name in _taken_over:  # what the caller set stays
                os.environ[name] = found[name]


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


def _time(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; one is '2024-01-31T12:00:00Z', or 'now'") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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
    from stream import producer
    from stream.messages import SCHEMAS
    from stream.topics import ensure_topics, topic_ids

    pace, zone, date = _speed(speed), _zone(timezone), _time(undated) if undated else None
    bootstrap = _kafka_answering()
    if topic is None or topic in SCHEMAS:
        ensure_topics(bootstrap)
    else:
        topic_ids(bootstrap, [topic])  # a topic that is none of ours must exist: a slip of the pen would make it
    with _progress(f"to {topic or 'Kafka'}") as show:
        result = producer.produce_many(
            [(file, topic) for file in files], bootstrap, pace, zone=zone, undated=date, progress=show
        )
    _report(result, json_out)
    if result.stopped == "interrupted":
        raise typer.Exit(130)
    if result.failed or result.stopped or (not result.sent and result.skipped):
        raise typer.Exit(1)


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """A progress bar on stderr; yields ``show(records, share)``."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0, records=0)
        yield lambda records, share: bar.update(task, completed=share, records=records)


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
    from stream import schemas as published

    if check:
        if stale := published.differences():
            fail(f"{', '.join(stale)} differ from the code; run 'python -m stream.schemas' and commit")
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
    """Ask ClickHouse, read-only: what people use are the views documents, mentions, counted_mentions, dead_letters,
    and the table alerts.

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


def print_rows(columns: list[str], rows: Iterable[Sequence[Any]], form: Format) -> None:
    """Print rows as they come, in the format asked for; a table is printed whole."""
    if form is Format.table:
        from rich.console import Console
        from rich.table import Table

        console = Console()
        if not console.is_terminal:
            console.width = 10_000  # a pipe has no width to fit into
        table = Table(*columns, highlight=True)
        for row in rows:
            table.add_row(*(_text(value) for value in row))
        console.print(table, markup=False)
    elif form is Format.csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(value) for value in row] for row in rows)
    else:
        import msgspec

        encoder = msgspec.json.Encoder(enc_hook=str)
        lines = (encoder.encode(dict(zip(columns, map(_plain, row), strict=True))).decode() for row in rows)
        if form is Format.jsonl:
            for line in lines:
                sys.stdout.write(line + "\n")
        else:
            sys.stdout.write("[")
            for n, line in enumerate(lines):
                sys.stdout.write(f"{',' if n else ''}\n{line}")
            sys.stdout.write("\n]\n")


def _plain(value: Any) -> Any:
    """``value`` as msgspec should encode it: text that is no UTF-8 escaped, keys of maps as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _plain(item) for key, item in value.items()}
    return value


def _text(value: Any) -> str:
    """``value`` as one cell: like ClickHouse's own CSV, but times in RFC 3339."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple | dict):
        import msgspec

        return msgspec.json.encode(_plain(value), enc_hook=str).decode()
    return str(value)


@app.command()
def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...")] = None,
    file: Annotated[
        typer.FileText | None, typer.Option(help="One text a line; '-' is standard input.", encoding="utf-8")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Score what the texts say about this company, as written in them.")
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Score texts with the champion model, without Kafka or ClickHouse.

    `finsent score "Profit fell by a third, and the dividend is gone"`

    `finsent score "Acme sues Globex over patents" --entity Globex`

    `finsent score --file headlines.txt --json`
    """
    import model

    lines = [*(texts or []), *(line.strip() for line in file or () if line.strip())]
    if not lines:
        raise typer.BadParameter("give at least one TEXT, or --file")
    settings = model.ModelSettings()
    model.ensure_default(settings.registry)
    scorer = model.load(model.champion(settings.registry), threads=settings.threads)
    labels = ("negative", "neutral", "positive")
    columns = ["text", "label", "sentiment", *(f"p_{label}" for label in labels), "model_version"]
    rows = []
    for start in range(0, len(lines), 256):
        batch = lines[start : start + 256]
        for text, p in zip(batch, scorer.score(batch, [entity] * len(batch)).probabilities.tolist(), strict=True):
            numbers = [round(x, 4) for x in (p[2] - p[0], *p)]
            rows.append([text, labels[p.index(max(p))], *numbers, scorer.version])
    print_rows(columns, rows, Format.jsonl if json_out else Format.table)


@app.command()
def worker(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run one worker until Ctrl-C or SIGTERM: news and comments from Kafka, scored, into ClickHouse.

    Start as many as there are partitions; they share them. Logs are JSON lines on stderr; /metrics, /health and
    /ready are served on STREAM_WEB_PORT.

    `KAFKA_BOOTSTRAP_SERVERS=kafka:9092 CLICKHOUSE_URL=clickhouse://user:secret@db:9000/default finsent worker`
    """
    from stream.worker import run

    _kafka_answering()
    run(level=log_level.upper())


Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data directory; default FINSENT_DATA or ~/.local/share.")
]


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
        _own_environment()
        run(folder, workers)
        return
    try:
        settings = environment_of(folder)
    except NotRunning:
        if not detach:
            raise
        _own_environment()
        settings = start_detached(folder, workers)
    if env:
        for name, value in settings.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
    else:
        typer.echo(usage(settings, folder))


def _own_environment() -> None:
    """Forget the settings taken over from a service that runs on another data directory."""
    for name in _taken_over:
        os.environ.pop(name, None)


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
        str, typer.Option(metavar="FACTOR", help="How much faster than time: '12000x', or 'max'.")
    ] = "12000x",
) -> None:
    """Replay a recorded week from end to end and check the accounts; ends by itself and leaves nothing running.

    Exit code 0 only if every record is stored once and the week's shifts, and no others, raised alerts.
    """
    from deploy.demo import run

    _own_environment()
    raise typer.Exit(run(json_path, workers, _speed(speed)))


@app.command()
def alerts(
    entity: Annotated[str, typer.Option(help="Only this company's (its ticker in the watch list).")] = "",
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Fired since then, e.g. 2020-06-18.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON, with the evidence.")] = False,
) -> None:
    """List the alerts, newest first: what shifted, since when, and the documents that moved it most.

    `finsent alerts --entity WDI.DE --json`
    """
    from storage import alerts as stored
    from storage import connect

    rows = stored(connect(), entity, _time(since) if since else None)
    if json_out:
        typer.echo(json.dumps(rows, indent=1, default=_text))
        return
    columns = [
        "fired_at",
        "entity",
        "direction",
        "severity",
        "state",
        "before",
        "after",
        "began_at",
        "because of",
        "id",
    ]
    print_rows(
        columns,
        [
            [
                *(row[name] for name in ("fired_at", "entity", "direction", "severity", "state")),
                f"{row['before_mean']:+.2f} ({row['before_documents']})",
                f"{row['after_mean']:+.2f} ({row['after_documents']})",
                row["began_at"],
                "\n".join((d["title"] or d["text"])[:80] for d in row["evidence"]["documents"][:3]),
                row["id"],
            ]
            for row in rows
        ],
        Format.table,
    )


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
    from storage import connect, dead_letters

    rows = dead_letters(connect(), _time(since) if since else None, limit)
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
    from storage import connect, dead_letter

    rows = dead_letter(connect(), *_position(position))
    if not rows:
        fail(f"no bad record at {position}; see 'finsent dead-letters list'")
    for row in rows:
        raw = bytes.fromhex(row.pop("raw"))
        for name, value in row.items():
            typer.echo(f"{name}: {_text(value)}")
        typer.echo(f"raw ({len(raw)} bytes): {raw[:2000].decode('utf-8', 'backslashreplace')}")


def _chosen(positions: list[str], everything: bool, again: bool) -> list[dict[str, Any]]:
    from storage import connect, dead_letters

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
    from stream.dead_letters import replay

    rows = _chosen(positions or [], everything, again)
    typer.echo(f"{replay(connect(), _kafka_answering(), rows)} records sent again")


@letters.command("drop")
def drop_dead_letters(
    positions: Annotated[list[str] | None, typer.Argument(metavar="TOPIC/PARTITION/OFFSET...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that nothing was done with yet.")] = False,
) -> None:
    """Note that nothing is to be done about bad records; they stay in the log and are not replayed by --all.

    `finsent dead-letters drop news/0/17`
    """
    from storage import connect, record_dead_letter_actions

    rows = _chosen(positions or [], everything, again=False)
    keys = ("topic", "topic_id", "partition", "offset")
    record_dead_letter_actions(connect(), "dropped", [tuple(row[key] for key in keys) for row in rows])
    typer.echo(f"{len(rows)} records dropped")


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


def fail(sentence: str) -> NoReturn:
    """End the command with one line on stderr and exit code 1."""
    raise Failure(sentence)


if __name__ == "__main__":
    app()
