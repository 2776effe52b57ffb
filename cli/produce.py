"""``finsent produce``: files of documents sent to Kafka."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.arguments import parse_pairs, parse_speed, parse_time
from cli.shared.columns import ColumnMap, DayFirst, order_of, print_columns
from cli.shared.failures import fail, mask
from cli.shared.output import echo, progress_bar
from cli.shared.service import kafka_answering
from cli.shared.waiting import PATIENCE_S, Waited, Waiting, places
from errors import ExitCode, many

if TYPE_CHECKING:
    from documents.files import Messages, RowFault
    from settings import KafkaSettings
    from stream.kafka import Produced

MOST_FAULTS = 100


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(produce)


def produce(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE...")],
    topic: Annotated[
        str | None, typer.Option(help="news, comments or labels; without it, the column 'kind' decides.")
    ] = None,
    columns: ColumnMap = None,
    speed: Annotated[
        str,
        typer.Option(help="Event time over wall time, from published_at: 60x is an hour a minute; or max."),
    ] = "max",
    timezone: Annotated[str, typer.Option(help="Zone of times that name none.")] = "UTC",
    undated: Annotated[str | None, typer.Option(metavar="TIME|now", help="Date for rows that have none.")] = None,
    day_first: DayFirst = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="SPELLING=LABEL", help="What a spelling of a label means. May be repeated."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good rows of a file that has bad ones.")
    ] = False,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Send lines of JSON unchanged and unchecked; the worker keeps bad ones.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until all that was sent is stored, or set aside as dead letters.")
    ] = False,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="--wait fails when nothing more was stored for so long.")
    ] = PATIENCE_S,
    json_out: Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")] = False,
) -> None:
    """Send FILEs of documents to Kafka, in the order of their dates.

    A file is JSON (lines, a list, or the answer of an interface with the list in it), CSV with any separator, Parquet,
    Excel or OpenDocument, in any encoding, and may be packed (gzip, bzip2, xz, zstd, a ZIP archive of one file). What
    it was recognised as, and which column becomes which field, is shown first; `--map title=Headline` sets one. All
    rows are checked before the first is sent: with bad ones nothing is sent, and each of the first hundred is named
    with its field and the remedy.

    A date may be RFC 3339, that of RSS, an epoch, or written out; a day alone is midnight UTC. Without `id` it is a
    hash of source and text. The message's key is the document's id; all replicas acknowledge.

    `finsent produce week.jsonl.gz --topic news`

    `finsent produce headlines.xlsx --topic news --map title=Headline --undated 2024-01-31`

    `finsent produce tweets.csv.gz --topic comments --speed 3600x`

    `finsent produce week.jsonl.gz --topic news --wait`

    Exit code 1 if a record failed, if nothing was sent, or if `--wait` ended before all was stored; 130 after Ctrl-C.
    """
    from documents.files import BadFile, Reading, recognise
    from documents.messages import RECEIVED
    from stream.kafka import ensure_topics, produce_many, topic_ids

    pace, zone = parse_speed(speed), _zone(timezone)
    reading = Reading(
        columns=parse_pairs(columns, "--map"),
        labels={name: label.lower() for name, label in parse_pairs(labels, "--label").items()},
        zone=zone,
        undated=parse_time(undated) if undated else None,
        order=order_of(day_first),
    )
    unchecked = as_is or (topic is not None and topic not in RECEIVED)
    if as_is and topic is None:
        raise BadFile("--as-is needs --topic")
    if wait and topic not in (None, *RECEIVED):
        raise typer.BadParameter(f"no worker stores the topic {topic!r}: nothing to wait for", param_hint="--wait")
    for file in files if as_is else ():
        with suppress(BadFile):  # whatever else it is, it has lines
            if (found := recognise(file)).form == "JSON":
                fail(f"{file} is {found}, which has no record in each line: leave out --as-is")
    made = [] if unchecked else [_recognised(file, topic, reading) for file in files]
    rows = 0 if unchecked else _checked(made, skip_bad)
    kafka = kafka_answering()
    if topic is None or topic in RECEIVED:
        ensure_topics(kafka, kafka.partitions, [topic] if topic else RECEIVED)
    else:
        topic_ids(kafka, [topic])  # another topic must exist already: a typing error must not create one
    waiting = _waiting(kafka, topic) if wait else None
    noted: Any = {"on_acknowledged": waiting.arrivals.acknowledged} if waiting else {}
    with progress_bar(f"to {topic or 'Kafka'}") as show:
        if unchecked:
            result = produce_many([(file, topic) for file in files], kafka, pace, zone=zone, progress=show, **noted)
        else:
            result = _send(made, kafka, pace, lambda sent, _: show(sent, sent / max(rows, 1)), **noted)
    _report(result, json_out, waiting, patience)
    if waiting is None and (topic is None or topic in RECEIVED):
        echo(f"workers score and store now: watch {places()}; --wait waits until all is stored", err=True)


def _recognised(file: Path, topic: str | None, reading: Any) -> Messages:
    """The messages of ``file``, after showing what it is."""
    from documents.files import Messages, read_table

    table = read_table(file)
    made = Messages(table, topic, reading)
    if made.plain:
        return made
    echo(f"{file.name} is {table}", err=True)
    for name, columns in made.columns.items():
        unused = [one for one in columns.unused if not (topic is None and one == "kind")]
        print_columns(f"fields of {name}", replace(columns, unused=unused), table)
    return made


def _checked(made: list[Messages], skip_bad: bool) -> int:
    """How many messages there are. Ends the command if rows are bad, unless these are to be skipped."""
    from documents.files import Outgoing

    total = 0
    faults: list[tuple[Path, RowFault]] = []
    for path, one in ((messages.table.path, one) for messages in made for one in messages):
        if isinstance(one, Outgoing):
            total += 1
        elif not skip_bad:
            faults.append((path, one))
            if len(faults) == MOST_FAULTS:
                break
    if faults:
        for path, fault in faults:
            echo(f"finsent: {path.name}, {fault}", err=True)
        all_shown = len(faults) < MOST_FAULTS
        told = many(len(faults), "bad row") if all_shown else f"the first {MOST_FAULTS} bad rows are above"
        fail(f"nothing was sent: {told}; --skip-bad sends the others, --as-is lines of JSON unchecked")
    if not total:
        fail(f"nothing was sent: {', '.join(str(one.table.path) for one in made)} has no rows that are messages")
    return total


def _waiting(kafka: KafkaSettings, topic: str | None) -> Waiting:
    from documents.messages import RECEIVED
    from stream.kafka import topic_ids

    return Waiting(topic_ids(kafka, [kafka.topic(name) for name in ([topic] if topic else RECEIVED)]))


def _send(made: list[Messages], kafka: KafkaSettings, pace: float | None, progress: Any, **options: Any) -> Produced:
    from stream.kafka import as_rows, send

    skipped: Counter[str] = Counter()
    result = send([as_rows(messages, skipped) for messages in made], kafka, pace, progress=progress, **options)
    result.skipped.update(skipped)
    return result


def _report(result: Produced, as_json: bool, waiting: Waiting | None, patience: float) -> None:
    """Say what became of the records, and end the command if that is not what was wanted."""
    for what, counts in (("failed", result.failures), ("not sent", result.skipped)):
        for reason, count in counts.most_common(10):
            echo(f"finsent: {count:,} {what}: {mask(reason)}", err=True)
    if result.stopped:
        echo(f"finsent: stopped early: {mask(result.stopped)}", err=True)
    if not as_json:
        topics = ", ".join(f"{count:,} to {topic}" for topic, count in result.by_topic.items()) or "none"
        echo(
            f"sent {result.sent:,} ({topics}), acknowledged {result.acknowledged:,}, "
            f"failed {result.failed:,}, skipped {result.skipped.total():,}; "
            f"{result.seconds:.1f} s, {result.records_per_second:,.0f} records/s"
        )
    interrupted = result.stopped == "interrupted"
    waited = waiting.wait(patience) if waiting and result.acknowledged and not interrupted else None
    if as_json:
        echo(json.dumps(_summary(result) | (_summary_of_wait(waited) if waited else {})))
    elif waited and not waited.problem:
        bad = f", {waited.dead_letters:,} of them as dead letters ('finsent dead-letters list')"
        echo(f"stored {waited.stored:,}{bad if waited.dead_letters else ''}; {waited.seconds:.1f} s")
    if waited and waited.problem:
        echo(f"finsent: {mask(waited.problem)}", err=True)
    if interrupted or (waited and waited.interrupted):
        raise typer.Exit(ExitCode.INTERRUPTED)
    if result.failed or result.stopped or (not result.sent and result.skipped) or (waited and waited.problem):
        raise typer.Exit(ExitCode.FAILED)


def _summary(result: Produced) -> dict[str, Any]:
    return {
        "sent": result.sent,
        "acknowledged": result.acknowledged,
        "failed": result.failed,
        "skipped": result.skipped.total(),
        "seconds": round(result.seconds, 3),
        "records_per_second": round(result.records_per_second, 1),
        "topics": dict(result.by_topic),
    }


def _summary_of_wait(waited: Waited) -> dict[str, Any]:
    return {
        "stored": waited.stored,
        "dead_letters": waited.dead_letters,
        "waited_seconds": round(waited.seconds, 3),
    }


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise typer.BadParameter(f"{name!r} is no time zone; one is 'America/New_York'") from error
