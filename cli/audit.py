"""``finsent audit``: every Kafka record is stored once, or which are not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cli.shared.arguments import parse_time
from cli.shared.output import Format, echo, print_rows, write_text
from cli.shared.service import KafkaUnavailable, kafka_answering
from errors import ExitCode

if TYPE_CHECKING:
    from settings import KafkaSettings
    from storage import Audited, DatedLoss

MOST_REREAD = 100_000
"""The longest gap for which the broker is asked what it holds; a longer one counts as missing."""


class Partition(NamedTuple):
    """What the broker holds of one partition."""

    topic_id: str
    low: int
    high: int


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(audit)


def audit(
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only of what was stored since then.")] = None,
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="OUT", help="Write the report to a file as JSON; - is stdout.")
    ] = None,
    explain: Annotated[bool, typer.Option(help="Print how ClickHouse answers the question, and end.")] = False,
) -> None:
    """Show that every record that Kafka held is stored once: in documents, or with its error in dead_letters.

    For each partition of each topic (a topic that was deleted and made again counts as two): the first and last offset
    stored, the broker's watermarks, and how many records are stored, dead-lettered, without a value (tombstones),
    missing (in no view) and doubled (more than once in a view). Repeats are further rows of a position, which the views
    leave out. A gap is no fault where the broker says that it has no record there (transaction markers, compaction).
    Where the broker no longer has the offsets of a gap, nobody can tell, and they are unproven: that is no fault, but
    an audit within the retention would have told. Topics without transactions and compaction have none of them.
    Offsets that were stored in a partition of the table that people have dropped since are dropped, not missing.
    What Kafka lost before or after it was read is not missing either: a worker has noticed it, and it is named with its
    reason (lost, table lost_ranges). Lag is no fault. Exit code 1, with the exact offsets, if anything is missing or
    doubled, or stored beyond the broker's end without a worker having noticed.

    `finsent audit`

    `finsent audit --since 2026-01-31 --json audit.json`
    """
    from storage import audit_plan, connect

    client = connect()
    if explain:
        echo(audit_plan(client))
        return
    report = audit_report(client, parse_time(since) if since else None)
    if json_out:
        write_text(json.dumps(report, indent=1), json_out)
    if json_out != "-":
        columns = ["topic", "topic_id", "partition", "first", "last", "low", "high", "stored", "dead_lettered",
                   "tombstones", "dropped", "lost", "missing", "unproven", "doubled", "repeats", "lag"]  # fmt: skip
        print_rows(columns, [[row[name] for name in columns] for row in report["partitions"]], Format.table)
    if report["kafka"] is None:
        echo(f"finsent: the table alone was audited: {report['kafka_error']}", err=True)
    for row in report["partitions"]:
        for what in ("missing", "unproven", "doubled"):
            if row[f"{what}_ranges"]:
                offsets = ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in row[f"{what}_ranges"])
                echo(f"finsent: {what}: {row['topic']}/{row['partition']} ({row['topic_id']}): {offsets}", err=True)
        for first, last in row["dropped_ranges"]:
            where = f"{row['topic']}/{row['partition']} ({row['topic_id']})"
            echo(f"finsent: dropped after they were stored: {where}: {first}-{last}", err=True)
        for loss in row["losses"]:
            echo(f"finsent: lost, noticed {loss['at']}: {loss['text']}", err=True)
        if row["beyond"]:
            echo(
                f"finsent: {row['topic']}/{row['partition']} ({row['topic_id']}): the last {row['beyond']} offsets "
                "stored are beyond the broker's end: it lost records, and will give their offsets to others",
                err=True,
            )
    if not report["clean"]:
        raise typer.Exit(ExitCode.FAILED)


def audit_report(client: Any, since: datetime | None = None) -> dict[str, Any]:
    """The report that ``finsent audit --json`` writes. Raises what ClickHouse's driver raises."""
    from kafka.errors import KafkaError

    from storage import audited, dropped_ranges, lives, lost_ranges

    at = datetime.now(UTC)
    marks: dict[tuple[str, int], Partition] = {}
    held = audited(client, since)  # before the broker is asked: records that come in between count as lag
    dropped: dict[tuple[str, str, int], list[tuple[int, int]]] = {}
    for one in dropped_ranges(client):
        dropped.setdefault(one.of, []).append((one.first, one.last))
    lost = Lost(lost_ranges(client), since)
    kafka, why = None, ""
    try:
        kafka = kafka_answering()
        marks = _partitions(kafka, sorted({account.topic for account in held} | kafka.feeds.keys()))
    except (KafkaUnavailable, KafkaError) as error:
        kafka, why = None, str(error)
    for place, life in lives(client, {topic: part.topic_id for (topic, _), part in marks.items()}).items():
        if part := marks.get(place):
            marks[place] = part._replace(topic_id=life.topic_id, low=max(part.low, life.first))
    rows = []
    for account in held:
        part = marks.get((account.topic, account.partition))
        where = (account.topic, account.topic_id, account.partition)
        current = part if part and part.topic_id == account.topic_id else None
        rows.append(_row(account, current, kafka, lost, dropped.pop(where, [])))
    seen = {(account.topic, account.topic_id, account.partition) for account in held}
    for (topic, number), part in marks.items():
        where = (topic, part.topic_id, number)
        if where not in seen:
            rows.append(_empty(where, part, lost, dropped.pop(where, [])))
    rows += [_empty(where, None, lost, gone) for where, gone in dropped.items()]
    counts = ("stored", "dead_lettered", "tombstones", "dropped", "lost", "missing", "unproven", "doubled", "repeats",
              "beyond")  # fmt: skip
    totals = {name: sum(row[name] for row in rows) for name in counts}
    return {
        "clean": not (totals["missing"] or totals["doubled"] or totals["beyond"]),
        "at": at.isoformat(),
        "since": since.isoformat() if since else None,
        "kafka": kafka and kafka.bootstrap_servers,
        **({"kafka_error": why} if why else {}),
        **totals,
        "lag": sum(row["lag"] or 0 for row in rows) if kafka else None,
        "partitions": rows,
    }


def _partitions(kafka: KafkaSettings, topics: Iterable[str]) -> dict[tuple[str, int], Partition]:
    from contextlib import suppress

    from kafka.errors import UnknownTopicOrPartitionError

    from stream.kafka import topic_ids, watermarks

    ids: dict[str, str] = {}
    for topic in topics:
        with suppress(UnknownTopicOrPartitionError):
            ids |= topic_ids(kafka, [topic])
    marks: Mapping[tuple[str, int], tuple[int, int]] = watermarks(kafka, ids) if ids else {}
    return {(topic, number): Partition(ids[topic], *ends) for (topic, number), ends in sorted(marks.items())}


class Lost:
    """The losses that workers have found, by partition. With ``since``, ``columns`` shows only those noticed from then
    on."""

    def __init__(self, found: Iterable[DatedLoss], since: datetime | None) -> None:
        self._found, self._since = list(found), since

    def of(self, topic: str, topic_id: str, partition: int) -> list[DatedLoss]:
        """The losses of one partition, in order."""
        return [one for one in self._found if one.loss[:3] == (topic, topic_id, partition)]

    def columns(self, topic: str, topic_id: str, partition: int) -> dict[str, Any]:
        """The same as columns of the report."""
        shown = [one for one in self.of(topic, topic_id, partition) if not self._since or one.at >= self._since]
        return {
            "lost": sum(loss.offsets for loss, _ in shown),
            "lost_ranges": [(loss.first, loss.end - 1) for loss, _ in shown if loss.offsets],
            "losses": [
                {
                    "first": loss.first,
                    "end": loss.end,
                    "reason": loss.reason.value,
                    "at": at.isoformat(),
                    "text": str(loss),
                }
                for loss, at in shown
            ],
        }


def _row(
    account: Audited,
    part: Partition | None,
    kafka: KafkaSettings | None,
    lost: Lost,
    dropped: list[tuple[int, int]],
) -> dict[str, Any]:
    from storage import outside

    where = (account.topic, account.topic_id, account.partition)
    gone = [(loss.first, loss.end - 1) for loss, _ in lost.of(*where) if loss.offsets]
    missing = list(account.missing)
    if part and account.begins and account.first > part.low:
        missing.insert(0, (part.low, account.first - 1))
    missing = outside(missing, [*gone, *dropped])
    unproven: list[tuple[int, int]] = []
    if kafka:
        # Of a topic that is no more, the broker has nothing.
        begins = part.low if part else account.last + 1
        unproven = [(first, min(last, begins - 1)) for first, last in missing if first < begins]
        missing = outside(missing, unproven)
    if part and kafka:
        missing = [real for gap in missing for real in _held(kafka, account, gap, part)]
    return {
        "topic": account.topic,
        "topic_id": account.topic_id,
        "partition": account.partition,
        "current": part is not None,
        "first": account.first,
        "last": account.last,
        "low": part and part.low,
        "high": part and part.high,
        "stored": account.stored,
        "dead_lettered": account.dead_lettered,
        "tombstones": account.tombstones,
        **_dropped_columns(dropped),
        **lost.columns(*where),
        "missing": sum(b - a + 1 for a, b in missing),
        "missing_ranges": missing,
        "unproven": sum(b - a + 1 for a, b in unproven),
        "unproven_ranges": unproven,
        "doubled": sum(b - a + 1 for a, b in account.doubled),
        "doubled_ranges": account.doubled,
        "repeats": account.repeats,
        "beyond": max(0, account.last + 1 - part.high) if part else 0,
        "lag": max(0, part.high - max(account.last + 1, *(end + 1 for _, end in [*gone, *dropped]), 0))
        if part
        else None,
    }


def _held(kafka: KafkaSettings, account: Audited, gap: tuple[int, int], part: Partition) -> list[tuple[int, int]]:
    """The part of ``gap`` that is missing: the offsets that the broker holds, or those beyond its end."""
    from storage import ranges
    from stream.kafka import reread

    first, end = gap[0], min(gap[1] + 1, part.high)
    if first >= end or end - first > MOST_REREAD:
        return [gap]
    real = {record.offset for record in reread(kafka, account.topic, account.partition, first, end)}
    return ranges([*real, *range(end, gap[1] + 1)])


def _empty(
    key: tuple[str, str, int], part: Partition | None, lost: Lost, dropped: list[tuple[int, int]]
) -> dict[str, Any]:
    """A partition of which no row is stored."""
    names = ("stored", "dead_lettered", "tombstones", "missing", "unproven", "doubled", "repeats", "beyond")
    counts = dict.fromkeys(names, 0)
    topic, topic_id, number = key
    where = {"topic": topic, "topic_id": topic_id, "partition": number, "current": part is not None}
    begins = max(part.low, *(last + 1 for _, last in dropped), 0) if part else 0
    ends = {
        "first": None,
        "last": None,
        "low": part and part.low,
        "high": part and part.high,
        "lag": max(0, part.high - begins) if part else None,
    }
    told = {**_dropped_columns(dropped), **lost.columns(*key)}
    return {**where, **ends, **counts, **told, "missing_ranges": [], "unproven_ranges": [], "doubled_ranges": []}


def _dropped_columns(dropped: list[tuple[int, int]]) -> dict[str, Any]:
    return {"dropped": sum(last - first + 1 for first, last in dropped), "dropped_ranges": dropped}
