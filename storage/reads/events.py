"""What documents report of companies: the events that alerts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from clickhouse_driver import Client

from documents import Kind
from documents.events import EventState
from storage.reads.documents import beyond
from storage.rows import Row, select

LEAST_PROBABILITY, LEAST_RELEVANCE = 0.5, 20
"""Reports below these are no witness: too unsure, or the document is about something else."""

# What happened to the company itself.
_OF_ITSELF = """
    event_role = 'subject' AND event_probability >= %(probability)s AND event_relevance >= %(relevance)s
    AND event_state NOT IN ('historic', 'hypothetical')
"""

_EVENTS = """
    ARRAY JOIN
        events.entity AS event_entity, events.type AS event_type, events.state AS event_state,
        events.role AS event_role, events.severity AS event_severity, events.polarity AS event_polarity,
        events.probability AS event_probability, events.relevance AS event_relevance
"""


# Where documents with events are, by two narrow columns: most have none, and their texts need not be read.
_WITH_EVENTS = """
    SELECT topic, topic_id, partition, offset FROM record_log
    WHERE published_at > %(since)s AND published_at <= %(until)s
        AND notEmpty(events.entity) AND (%(all)s OR hasAny(events.entity, %(entities)s))
"""


class EventReport(NamedTuple):
    """One event of one company in one document. ``sentiment`` and ``label`` are those about the company."""

    entity: str
    type: str
    state: EventState
    severity: int
    polarity: int
    probability: float
    relevance: int
    published_at: datetime
    ingested_at: datetime
    topic: str
    topic_id: str
    partition: int
    offset: int
    kind: Kind
    source: str
    document_id: str
    story_id: int
    title: str
    text: str
    url: str
    label: str
    sentiment: float
    model_version: str
    novelty: float
    surface: str = ""
    """The text that names the company."""

    @property
    def order(self) -> tuple[datetime, datetime, str, int, int]:
        """Reports are taken in this order."""
        return self.published_at, self.ingested_at, self.topic, self.partition, self.offset


def event_reports(
    client: Client, since: datetime, until: datetime, entities: Iterable[str] | None = None
) -> list[EventReport]:
    """The reports of ``since < published_at <= until`` in the order of time, about ``entities`` or about all (None).

    Only what happened to the company itself, or may happen: neither history nor what-ifs.
    """
    rows = client.execute(
        f"""
        SELECT event_entity, event_type, event_state, event_severity, event_polarity, event_probability,
            event_relevance, published_at, ingested_at, topic, topic_id, partition, offset, kind, source, document_id,
            story_id, title, text, url,
            toString(mentions.label[indexOf(mentions.entity, event_entity)]) AS event_label,
            mentions.sentiment[indexOf(mentions.entity, event_entity)] AS event_sentiment, model_version, novelty,
            mentions.surface[indexOf(mentions.entity, event_entity)] AS event_surface
        FROM documents
        {_EVENTS}
        WHERE published_at > %(since)s AND published_at <= %(until)s AND {_OF_ITSELF}
            AND (topic, topic_id, partition, offset) IN ({_WITH_EVENTS})
            AND (%(all)s OR event_entity IN %(entities)s)
        ORDER BY published_at, ingested_at, topic, partition, offset
        """,
        {
            "since": since,
            "until": until,
            "all": entities is None,
            "entities": [*(entities or ()), ""],
            "probability": LEAST_PROBABILITY,
            "relevance": LEAST_RELEVANCE,
        },
    )
    return [_report(row) for row in rows]


def _report(row: tuple[Any, ...]) -> EventReport:
    found = EventReport(*row)
    return found._replace(state=EventState(found.state))


def events_told(client: Client, since: datetime, until: datetime, probability: float) -> list[Row]:
    """What was told of each company in ``since < published_at <= until``, by types, the worst first.

    A row has ``entity``, ``type``, ``state``, ``severity``, ``polarity``, ``stories`` (how many), and of the first
    report ``published_at``, ``source``, ``title`` and ``url``. Only what happened to the company itself, or may happen,
    and is told with this ``probability``.
    """
    return select(
        client,
        f"""
        SELECT event_entity AS entity, event_type AS type, event.3 AS state, event.4 AS severity, event.5 AS polarity,
            stories, event.1 AS published_at, event.6 AS source, event.7 AS title, event.8 AS url
        FROM
        (
            SELECT event_entity, event_type, uniqExact(story_id) AS stories,
                argMin((published_at, ingested_at, toString(event_state), event_severity, event_polarity, source,
                    if(title = '', substring(text, 1, 200), title), url), (published_at, ingested_at)) AS event
            FROM documents
            {_EVENTS}
            WHERE published_at > %(since)s AND published_at <= %(until)s AND {_OF_ITSELF}
            GROUP BY event_entity, event_type
        )
        ORDER BY severity DESC, stories DESC, published_at, entity, type
        """,
        {"since": since, "until": until, "probability": probability, "relevance": LEAST_RELEVANCE},
    )


def events_stored(
    client: Client, after: Mapping[tuple[str, str, int], int], until: datetime
) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """The companies and types in reports beyond the offsets ``after``, with the publication of the first and the last.

    Only documents published in the week before ``until``, or later, count.
    """
    ranges, parameters = beyond(client, after, 2**62)
    if not ranges:
        return {}
    rows = client.execute(
        f"""
        SELECT event_entity, event_type, min(published_at), max(published_at)
        FROM record_log
        {_EVENTS}
        WHERE ({ranges}) AND error_kind = '' AND {_OF_ITSELF}
            AND published_at > %(until)s - INTERVAL 7 DAY
        GROUP BY event_entity, event_type
        """,
        {**parameters, "until": until, "probability": LEAST_PROBABILITY, "relevance": LEAST_RELEVANCE},
    )
    return {(entity, type_): (first, last) for entity, type_, first, last in rows}


class SourceDay(NamedTuple):
    """How many events a source told of on a day (of one company and type each), and with how many of them it was
    alone."""

    source: str
    day: date
    told: int
    alone: int


def source_days(client: Client, since: datetime, until: datetime) -> list[SourceDay]:
    """What each source reported of companies in ``since < published_at <= until``, by the day.

    It is alone with an event where no other source tells of the same type at the same company within three days.
    """
    rows = client.execute(
        f"""
        SELECT source, toDate(day) AS on_day, count() AS told, countIf(alone) AS told_alone
        FROM
        (
            SELECT day, sources,
                length(groupUniqArrayArray(sources) OVER (PARTITION BY event_entity, event_type
                    ORDER BY day RANGE BETWEEN 3 PRECEDING AND 3 FOLLOWING)) = 1 AS alone
            FROM
            (
                SELECT event_entity, event_type, toInt32(toDate(published_at, 'UTC')) AS day,
                    groupUniqArray(lower(toString(source))) AS sources
                FROM record_log
                {_EVENTS}
                WHERE error_kind = '' AND published_at > %(since)s AND published_at <= %(until)s AND {_OF_ITSELF}
                GROUP BY event_entity, event_type, day
            )
        )
        ARRAY JOIN sources AS source
        GROUP BY source, on_day
        ORDER BY source, on_day
        """,
        {"since": since, "until": until, "probability": LEAST_PROBABILITY, "relevance": LEAST_RELEVANCE},
    )
    return [SourceDay(*row) for row in rows]
