"""The SELECTs that find what is ranked, and what all there is to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clickhouse_driver import Client

from console.ranking.order import HALF_LIFE_H

DAYS = 3
"""How old documents may be: after six half-lives they would be last anyway."""

CANDIDATES = """
SELECT document_id, entity, published_at, sentiment, novelty, topics, told.2 AS event, told.1 AS severity,
       toString(source) AS source
FROM
(
    SELECT document_id, source, toString(about) AS entity, published_at, tone AS sentiment, novelty,
           `topics.name` AS topics,
           arrayReverseSort(x -> x.1, arrayMap(x -> (x.1, toString(x.2)), arrayFilter(
               x -> x.3 = about AND x.4 = 'subject' AND x.5 NOT IN ('historic', 'hypothetical'),
               arrayZip(events.severity, events.type, events.entity, events.role, events.state))))[1] AS told
    FROM documents ARRAY JOIN mentions.entity AS about, mentions.sentiment AS tone
    WHERE unscored = '' AND published_at > toDateTime64(%(moment)s, 3, 'UTC') - toIntervalDay(%(days)s)
        AND published_at <= %(moment)s
    ORDER BY published_at, document_id
    LIMIT 1 BY story_id, entity
)
ORDER BY (1 + 2 * (entity IN %(mine)s OR entity IN (
              SELECT ticker FROM entities FINAL WHERE desk = %(desk)s AND desk != ''))
             + greatest(severity / 2.5, abs(sentiment) / 2.5))
         * exp2(-dateDiff('second', published_at, toDateTime64(%(moment)s, 3, 'UTC')) / %(half_life_s)s) DESC,
         document_id, source, entity
LIMIT 2000
"""
"""The columns of a ``Candidate``: documents that may get far up, each story once a company."""

TEXTS = """
SELECT source, document_id, kind, title, text, url, lang, lang_quality
FROM documents
WHERE document_id IN %(ids)s AND published_at > toDateTime64(%(moment)s, 3, 'UTC') - toIntervalDay(%(days)s)
    AND published_at <= %(moment)s
LIMIT 1 BY source, document_id
"""

_OFFERED_COMPANIES = """
SELECT toString(about) AS entity, count() AS documents
FROM documents ARRAY JOIN mentions.entity AS about
WHERE published_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY AND published_at <= %(moment)s
GROUP BY entity
ORDER BY documents DESC
LIMIT 50000
"""
_OFFERED_TOPICS = """
SELECT toString(about) AS topic, count() AS documents
FROM documents ARRAY JOIN `topics.name` AS about
WHERE published_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY AND published_at <= %(moment)s
    AND notEmpty(mentions.entity)
GROUP BY topic
"""


def parameters(moment: datetime, desk: str = "", mine: Iterable[str] = ()) -> dict[str, Any]:
    """Of ``CANDIDATES``, and but for ``ids`` of ``TEXTS``. The companies of ``desk`` and ``mine`` may get farther up
    than others."""
    named = [*mine, ""]  # an array must not be empty
    return {"moment": _second(moment), "days": DAYS, "half_life_s": HALF_LIFE_H * 3600, "desk": desk, "mine": named}


def offered(client: Client, moment: datetime) -> tuple[Counter[str], Counter[str]]:
    """How many documents there were of each company, and of each topic, in the 7 days before the moment."""
    given = {"moment": _second(moment)}
    companies, topics = (Counter(dict(client.execute(sql, given))) for sql in (_OFFERED_COMPANIES, _OFFERED_TOPICS))
    return companies, topics


def _second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
