"""Whether the minute windows that people and alert rules read equal those made in Python from the raw rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clickhouse_driver import Client

from storage.reads import sentiment_windows, windows

SAME_STORY = timedelta(days=1)
"""As docs/dictionary.md defines ``counted_mentions``; said again here, as what is checked is not imported."""

Windows = dict[tuple, list[float]]
"""The count and the sum of sentiments, by entity and start in seconds."""

RAW = """
SELECT topic, topic_id, partition, offset, ingested_at, published_at, kind, document_id, source, story_id, error_kind,
    unscored, sentiment, `mentions.entity`, `mentions.sentiment`
FROM record_log
"""


class Scored(NamedTuple):
    """One company of a scored document, or the document itself if it names none."""

    order: tuple
    """Published at, ingested at, and the position: the earliest counts."""

    entity: str
    sentiment: float
    story: int
    source: str
    document_id: str


def view_differences(client: Client) -> list[str]:
    """Where what people and rules read differs from what Python makes of the raw rows: [] nowhere."""
    documents, scored = _from_raw_rows(client)
    opens, closes = _windows(scored)
    shown = {
        tuple(row[:2]): row[2]
        for row in client.execute("SELECT kind, toStartOfMinute(published_at), count() FROM documents GROUP BY ALL")
    }
    differences = [] if shown == documents else [f"documents: {len(shown)} windows, {len(documents)} in Python"]
    counted = client.execute(
        "SELECT entity, toUnixTimestamp(toStartOfMinute(published_at)), count(), sum(sentiment) FROM counted_mentions "
        "GROUP BY ALL",
        columnar=True,
    ) or [[], [], [], []]
    far = timedelta(days=2)
    times = [one.order[0] for one in scored] or [datetime.now(UTC)]
    span = min(times) - far, max(times) + far
    for name, columns, made in (
        ("counted_mentions", counted, opens),
        ("windows", windows(client, *span, 60), opens),
        ("sentiment_windows", sentiment_windows(client, *span, 60), closes),
    ):
        got = {(e, int(start)): (count, total) for e, start, count, total in zip(*columns[:4], strict=True)}
        wrong = [key for key in made.keys() | got.keys() if not _same(made.get(key), got.get(key))]
        if wrong:
            differences.append(f"{name}: {len(wrong)} of {len(made)} windows, such as {wrong[0]}")
    return differences


def _from_raw_rows(client: Client) -> tuple[Counter[tuple], list[Scored]]:
    """How many documents there are by kind and minute, and what is scored, in order. Bad records are left out."""
    first: dict[tuple, tuple] = {}
    for row in sorted(client.execute(RAW), key=lambda row: row[4]):  # the earliest writing of a position counts
        first.setdefault(row[:4], row)
    documents: Counter[tuple] = Counter()
    scored: list[Scored] = []
    for row in first.values():
        at, kind, document_id, source, story, error, unscored, alone, entities, sentiments = row[5:]
        if error:
            continue
        documents[kind, at.replace(second=0, microsecond=0)] += 1
        if not unscored:
            order = (at, row[4], row[0], *row[2:4])
            pairs = zip(entities, sentiments, strict=True) if entities else [("", alone)]
            scored += [Scored(order, entity, sentiment, story, source, document_id) for entity, sentiment in pairs]
    return documents, sorted(scored, key=lambda one: one.order)


def _windows(scored: Sequence[Scored]) -> tuple[Windows, Windows]:
    """The windows that open at their start, as people read them, and those that close at their end, as rules do. What
    is about a company counts if neither its story nor the same document came in the day before."""
    latest: dict[tuple, datetime] = {}
    opens: Windows = defaultdict(lambda: [0, 0.0])  # start <= published_at
    closes: Windows = defaultdict(lambda: [0, 0.0])  # published_at <= end
    for one in scored:
        published_at = one.order[0]
        seen = False
        for key in ((one.entity, one.story), (one.entity, one.source, one.document_id)):
            seen |= key in latest and latest[key] >= published_at - SAME_STORY
            latest[key] = published_at
        if seen:
            continue
        at = round(published_at.timestamp() * 1000)
        if one.entity:
            _add(opens[one.entity, at // 60_000 * 60], one.sentiment)
        _add(closes[one.entity, (at - 1) // 60_000 * 60], one.sentiment)
    return opens, closes


def _add(window: list[float], sentiment: float) -> None:
    window[0] += 1
    window[1] += sentiment


def _same(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    return one is not None and other is not None and one[0] == other[0] and abs(one[1] - other[1]) < 1e-4
