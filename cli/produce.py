"""``finsent produce``: files of documents sent to Kafka."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.arguments import parse_speed, parse_time
from cli.shared.failures import mask
from cli.shared.output import echo, progress_bar
from cli.shared.service import kafka_answering
from errors import ExitCode

if TYPE_CHECKING:
    from stream.kafka import Produced


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(produce)


def produce(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE...")],
    topic: Annotated[
        str | None, typer.Option(help="news, comments or labels; without it, the column 'kind' of a CSV decides.")
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

    Lines of JSON are sent unchanged, malformed ones too: the worker keeps those as dead letters. Columns of a CSV
    become the fields of the topic's message: `text` is the title of news, a date without a time is midnight UTC, and
    without `id` it is a hash of source and text. The message's key is the document's id; all replicas acknowledge.

    `finsent produce week.jsonl.gz --topic news`

    `finsent produce tweets.csv.gz --topic comments --speed 3600x`

    Exit code 1 if a record failed, or if nothing could be sent; 130 after Ctrl-C.
    """
    from documents.messages import RECEIVED
    from stream.kafka import ensure_topics, produce_many, topic_ids

    pace, zone, date = parse_speed(speed), _zone(timezone), parse_time(undated) if undated else None
    kafka = kafka_answering()
    if topic is None or topic in RECEIVED:
        ensure_topics(kafka, kafka.partitions, [topic] if topic else RECEIVED)
    else:
        topic_ids(kafka, [topic])  # another topic must exist already: a typing error must not create one
    with progress_bar(f"to {topic or 'Kafka'}") as show:
        result = produce_many([(file, topic) for file in files], kafka, pace, zone=zone, undated=date, progress=show)
    _report(result, json_out)
    if result.stopped == "interrupted":
        raise typer.Exit(ExitCode.INTERRUPTED)
    if result.failed or result.stopped or (not result.sent and result.skipped):
        raise typer.Exit(ExitCode.FAILED)


def _report(result: Produced, as_json: bool) -> None:
    for what, counts in (("failed", result.failures), ("not sent", result.skipped)):
        for reason, count in counts.most_common(10):
            echo(f"finsent: {count:,} {what}: {mask(reason)}", err=True)
    if result.skipped["without a date"]:
        echo("finsent: --undated TIME sends rows without a date", err=True)
    if result.stopped:
        echo(f"finsent: stopped early: {mask(result.stopped)}", err=True)
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
        echo(json.dumps(summary))
    else:
        topics = ", ".join(f"{count:,} to {topic}" for topic, count in result.by_topic.items()) or "none"
        echo(
            f"sent {result.sent:,} ({topics}), acknowledged {result.acknowledged:,}, "
            f"failed {result.failed:,}, skipped {result.skipped.total():,}; "
            f"{result.seconds:.1f} s, {result.records_per_second:,.0f} records/s"
        )


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise typer.BadParameter(f"{name!r} is no time zone; one is 'America/New_York'") from error
