"""The SELECTs behind the pages. ``moment`` is the moment that is shown; ``until`` is the same if it was asked for, and
else far in the future."""

from __future__ import annotations

MARKET = """
SELECT e.ticker AS entity, e.name AS name, e.desk AS desk, e.sector AS sector, s.sentiment AS sentiment,
       s.dispersion AS dispersion, s.documents_1d AS documents, s.buzz AS buzz, s.latest_at AS latest_at
FROM sentiment_as_of(moment = %(moment)s, known = now64(3)) AS s
INNER JOIN (SELECT * FROM entities FINAL) AS e ON s.name = e.ticker
WHERE s.scope = 'entity' AND s.kind = 'all'
ORDER BY sector, entity
"""

INDICES = """
SELECT s.scope AS scope, s.name AS entity, e.ticker != '' AS listed, e.name AS name, e.desk AS desk, e.sector AS sector,
       s.sentiment AS sentiment, s.dispersion AS dispersion, s.documents_1d AS documents, s.buzz AS buzz,
       s.latest_at AS latest_at
FROM sentiment_as_of(moment = %(moment)s, known = now64(3)) AS s
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON s.name = e.ticker
WHERE s.kind = 'all'
"""
"""What MARKET, SECTORS, OTHERS and EXPOSURE show, read once for all of them."""

HELD = """
SELECT p.ticker AS entity, any(e.name) AS name, any(e.sector) AS sector, sum(p.exposure) AS exposure,
       any(p.currency) AS currency
FROM positions_as_of(moment = %(until)s) AS p
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON p.ticker = e.ticker
GROUP BY entity
HAVING exposure != 0
ORDER BY abs(exposure) DESC, entity
LIMIT 60
"""

SECTORS = """
SELECT scope, name, sentiment, dispersion, documents_1d AS documents, buzz, latest_at
FROM sentiment_as_of(moment = %(moment)s, known = now64(3))
WHERE scope IN ('market', 'sector') AND kind = 'all'
ORDER BY scope, name
"""

EXPOSURE = """
SELECT p.ticker AS entity, any(e.name) AS name, any(e.sector) AS sector, sum(p.exposure) AS exposure,
       any(p.currency) AS currency, any(s.sentiment) AS sentiment, any(s.documents_1d) AS documents,
       any(s.buzz) AS buzz, any(s.name) != '' AS told
FROM positions_as_of(moment = %(until)s) AS p
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON p.ticker = e.ticker
LEFT JOIN
(
    SELECT * FROM sentiment_as_of(moment = %(moment)s, known = now64(3)) WHERE scope = 'entity' AND kind = 'all'
) AS s ON p.ticker = s.name
GROUP BY entity
HAVING exposure != 0
ORDER BY abs(exposure) DESC, entity
LIMIT 60
"""

OTHERS = """
SELECT s.scope AS entity_type, s.name AS entity, e.name AS name, e.desk AS desk, s.sentiment AS sentiment,
       s.dispersion AS dispersion, s.documents_1d AS documents, s.buzz AS buzz, s.latest_at AS latest_at
FROM sentiment_as_of(moment = %(moment)s, known = now64(3)) AS s
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON s.name = e.ticker
WHERE s.scope NOT IN ('entity', 'desk', 'sector', 'market') AND s.kind = 'all'
ORDER BY entity_type, documents DESC, entity
"""

MOVERS = """
SELECT m.name AS entity, e.name AS name, before, after, change, documents, z
FROM movers_as_of(moment = %(moment)s, known = now64(3)) AS m
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON m.name = e.ticker
WHERE m.scope = %(scope)s AND m.kind = 'all'
ORDER BY abs(z) DESC
LIMIT 10
"""

_ANY = "scope NOT IN ('desk', 'sector', 'market')"
"""A company or another entity: the scope of others is their type."""

NOW = """
SELECT kind, e.name AS name, if(e.entity_type = '', 'company', toString(e.entity_type)) AS entity_type, e.desk AS desk,
       e.sector AS sector, s.sentiment AS sentiment, s.dispersion AS dispersion, s.documents_1d AS documents,
       s.usual_1d AS usual, s.buzz AS buzz, s.latest_at AS latest_at, e.leads AS leads,
       (SELECT groupArray((ticker, w.name)) FROM entities AS w FINAL WHERE leads = %(entity)s) AS led_by
FROM sentiment_of(companies = [%(entity)s], moment = %(moment)s, known = now64(3)) AS s
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON s.entity = e.ticker
ORDER BY kind
"""

_COUNTED = """
        SELECT * FROM counted_scores_of(companies = {companies},
            first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL {days} DAY, until = %(moment)s, known = now64(3))
"""
"""What the indices of some companies are made of."""

_COUNTED_IN_SECTOR = """
        SELECT * FROM counted_scores(first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY, until = %(moment)s,
            known = now64(3), weekly = 0)
        WHERE entity IN (SELECT ticker FROM entities FINAL WHERE sector = %(sector)s)
"""

_WINDOWS = """
    SELECT toStartOfInterval(published_at, INTERVAL 3 HOUR) AS start, sum(weight * sentiment) / sum(weight) AS tone,
           sqrt(greatest(0, sum(weight * sentiment * sentiment) / sum(weight) - pow(tone, 2))) AS dispersion,
           count() AS documents
    FROM ({counted})
    GROUP BY start
    HAVING sum(weight) > 0
"""
"""Of one company or sector what ``sentiment_windows`` makes of all of them before it chooses one."""

_OF_ONE = "[%(entity)s]"
_SENTIMENT = """
SELECT start, tone AS sentiment, tone - 1.96 * greatest(dispersion, 0.2) / sqrt(documents) AS low,
       tone + 1.96 * greatest(dispersion, 0.2) / sqrt(documents) AS high, documents
FROM ({windows})
ORDER BY start
"""

VOLUME = f"""
SELECT slot AS start, sumIf(n, lag = 0) AS documents, round(sumIf(n, lag > 0) / greatest(any(weeks), 1), 2) AS usual
FROM
(
    SELECT n, weeks, arrayJoin([0, 7, 14, 21, 28]) AS lag, begin + toIntervalDay(lag) AS slot
    FROM
    (
        SELECT start AS begin, documents AS n,
               least(4, intDiv(dateDiff('hour', min(start) OVER (), toDateTime(%(moment)s, 'UTC')), 168)) AS weeks
        FROM ({_WINDOWS.format(counted=_COUNTED.format(companies=_OF_ONE, days=35))})
    )
)
WHERE slot > toDateTime(%(moment)s, 'UTC') - INTERVAL 7 DAY AND slot <= toDateTime(%(moment)s, 'UTC')
GROUP BY slot
ORDER BY slot
"""

TOPICS = """
SELECT toStartOfDay(published_at) AS day, topic_name AS topic, count() AS documents
FROM counted_scores_of(companies = [%(entity)s], first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY,
    until = %(moment)s, known = now64(3)) ARRAY JOIN `topics.name` AS topic_name
GROUP BY day, topic ORDER BY day, documents DESC
"""

MODELS = """
SELECT model_version, min(published_at) AS first_at, count() AS documents
FROM mentions_of(companies = [%(entity)s], first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY,
    until = %(moment)s)
GROUP BY model_version ORDER BY first_at
"""

DOCUMENTS = """
SELECT published_at, kind, source, document_id, surface, label, sentiment, title, text, `topics.name` AS topics,
       novelty, model_version, lang, lang_quality, deciding, cut
FROM mentions_of(companies = [%(entity)s], first = '1970-01-03 00:00:00', until = %(moment)s)
ORDER BY published_at DESC, document_id
LIMIT 1 BY source, document_id
LIMIT %(limit)s OFFSET %(offset)s
"""
DOCUMENTS_NEWEST = DOCUMENTS.replace("'1970-01-03 00:00:00'", "toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY")

EVENTS = """
SELECT published_at, type, event_group, state, severity, polarity, novelty, stories, began_at, source, document_id,
       title, text, url
FROM events_of(companies = [%(entity)s], first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY,
    until = %(moment)s, known = now64(3))
WHERE novelty IN ('first', 'development')
ORDER BY published_at DESC, type, document_id
LIMIT 100
"""

PRICES = """
SELECT p.date AS date, p.close AS close, if(s.documents = 0, NULL, s.tone) AS sentiment, s.documents AS documents
FROM
(
    SELECT date, close FROM prices
    WHERE ticker = %(entity)s AND date >= toDate(%(moment)s) - 60 AND date < toDate(%(moment)s)
) AS p
LEFT JOIN
(
    SELECT toDate32(published_at) AS date, avg(m.sentiment) AS tone, count() AS documents
    FROM counted_scores_of(companies = [%(entity)s], first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 61 DAY,
        until = %(moment)s, known = now64(3)) AS m
    GROUP BY date
) AS s ON p.date = s.date
ORDER BY date
"""
"""Closes of days before the moment: that of its own day was not known then."""

LINES = f"""
SELECT name AS entity, groupArray(start) AS times, groupArray(round(sentiment, 3)) AS tones
FROM
(
    SELECT toString(entity) AS name, toStartOfInterval(published_at, INTERVAL 6 HOUR) AS start,
           sum(weight * w.sentiment) / sum(weight) AS sentiment
    FROM ({_COUNTED.format(companies="%(entities)s", days=7)}) AS w
    GROUP BY name, start
    HAVING sum(weight) > 0
    ORDER BY name, start
)
GROUP BY name ORDER BY name
"""

OF_SECTOR = {
    "companies": """
SELECT e.ticker AS entity, e.name AS name, s.sentiment AS sentiment, s.documents_1d AS documents, s.usual_1d AS usual,
       s.buzz AS buzz, s.latest_at AS latest_at
FROM sentiment_as_of(moment = %(moment)s, known = now64(3)) AS s
INNER JOIN (SELECT * FROM entities FINAL) AS e ON s.name = e.ticker
WHERE s.scope = 'entity' AND s.kind = 'all' AND e.sector = %(sector)s
ORDER BY documents DESC, entity
""",
    "sentiment": _SENTIMENT.format(windows=_WINDOWS.format(counted=_COUNTED_IN_SECTOR)),
    "events": """
SELECT published_at, entity, type, state, severity, polarity, novelty, stories, source, document_id, title, text
FROM events_between(first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY, until = %(moment)s,
    known = now64(3))
WHERE entity IN (SELECT ticker FROM entities FINAL WHERE sector = %(sector)s) AND novelty IN ('first', 'development')
ORDER BY severity DESC, published_at DESC, entity, type
LIMIT 30
""",
}

OF_TOPIC = {
    "companies": """
SELECT t.entity AS entity, e.name AS name, t.documents AS documents, t.documents_before AS documents_before,
       t.share AS share, t.change AS change, t.sentiment AS sentiment
FROM topics_as_of(moment = %(moment)s, known = now64(3)) AS t
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON t.entity = e.ticker
WHERE t.topic = %(theme)s AND t.documents > 0 AND e.entity_type IN ('', 'company')
ORDER BY documents DESC, entity
LIMIT 50
""",
    "days": """
SELECT toStartOfDay(published_at) AS day, %(theme)s AS topic, uniqExact(source, document_id) AS documents,
       avg(d.sentiment) AS sentiment
FROM documents AS d
WHERE has(`topics.name`, %(theme)s) AND unscored = '' AND published_at <= %(moment)s
    AND published_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY
GROUP BY day ORDER BY day
""",
    "documents": """
SELECT published_at, kind, source, document_id, mentions.entity AS entities, label, sentiment, title, text, lang,
       lang_quality
FROM documents
WHERE has(`topics.name`, %(theme)s) AND unscored = '' AND published_at <= %(moment)s
    AND published_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY
ORDER BY published_at DESC, document_id
LIMIT 1 BY source, document_id
LIMIT %(limit)s OFFSET %(offset)s
""",
}

COMPARED = f"""
SELECT s.entity AS entity, e.name AS name, e.sector AS sector, s.sentiment AS sentiment,
       s.negative_share AS negative_share, s.documents_1d AS documents, s.usual_1d AS usual, s.buzz AS buzz,
       m.documents > 0 AS moved, m.change AS change, m.z AS z, t.topics AS topics, v.worst AS worst
FROM sentiment_of(companies = %(entities)s, moment = %(moment)s, known = now64(3)) AS s
LEFT JOIN (SELECT * FROM entities FINAL) AS e ON s.entity = e.ticker
LEFT JOIN
(
    SELECT name, change, z, documents FROM movers_as_of(moment = %(moment)s, known = now64(3))
    WHERE {_ANY} AND kind = 'all' AND name IN %(entities)s
) AS m ON s.entity = m.name
LEFT JOIN
(
    SELECT entity, arraySlice(arrayMap(x -> x.2, arrayReverseSort(groupArray((documents, topic)))), 1, 3) AS topics
    FROM
    (
        SELECT entity, topic_name AS topic, count() AS documents
        FROM counted_scores_of(companies = %(entities)s,
            first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 1 DAY, until = %(moment)s, known = now64(3))
        ARRAY JOIN `topics.name` AS topic_name
        GROUP BY entity, topic
    )
    GROUP BY entity
) AS t ON s.entity = t.entity
LEFT JOIN
(
    SELECT entity, argMax(type, (severity, published_at)) AS worst
    FROM events_of(companies = %(entities)s, first = toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY,
        until = %(moment)s, known = now64(3))
    WHERE polarity < 0 AND novelty IN ('first', 'development') GROUP BY entity
) AS v ON s.entity = v.entity
WHERE s.kind = 'all'
ORDER BY documents DESC, entity
"""

EMERGING = """
SELECT e.name AS name, e.documents AS documents, e.recent AS recent, e.usual AS usual, e.first_at AS first_at,
       e.last_at AS last_at, e.entities AS entities, d.typical AS typical
FROM emerging AS e
LEFT JOIN
(
    SELECT emerging_id, arrayMap(x -> x.2, arraySort(groupArray(3)((place, if(title != '', title, text))))) AS typical
    FROM (SELECT * FROM emerging_documents ORDER BY place) GROUP BY emerging_id
) AS d ON e.emerging_id = d.emerging_id
WHERE e.last_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 7 DAY AND e.first_at <= %(moment)s
ORDER BY recent DESC, documents DESC
LIMIT 8
"""

OF_ENTITY = {
    "now": NOW,
    "sentiment": _SENTIMENT.format(windows=_WINDOWS.format(counted=_COUNTED.format(companies=_OF_ONE, days=7))),
    "volume": VOLUME,
    "topics": TOPICS,
    "models": MODELS,
    "documents": DOCUMENTS,
    "events": EVENTS,
    "prices": PRICES,
}

SEARCH = """
SELECT published_at, kind, source, document_id, mentions.entity AS entities, label, sentiment, title, text
FROM documents
WHERE arrayAll(word -> positionCaseInsensitiveUTF8(concat(title, ' ', text), word) > 0, %(words)s)
    AND published_at <= %(until)s
    AND (%(entity_type)s = ''
         OR hasAny(mentions.entity,
                   (SELECT groupArray(ticker) FROM entities FINAL WHERE entity_type = %(entity_type)s)))
    AND (%(desk)s = ''
         OR hasAny(mentions.entity, (SELECT groupArray(ticker) FROM entities FINAL WHERE desk = %(desk)s)))
    AND (%(topic)s = '' OR has(`topics.name`, %(topic)s))
    AND (%(entity)s = '' OR arrayExists(named -> upperUTF8(named) = upperUTF8(%(entity)s), mentions.entity))
    AND (%(tone)s = ''
         OR if(%(entity)s = '', toString(label) = %(tone)s,
               arrayExists((named, said) -> upperUTF8(named) = upperUTF8(%(entity)s) AND toString(said) = %(tone)s,
                           mentions.entity, mentions.label)))
ORDER BY published_at DESC, document_id
LIMIT 1 BY source, document_id
LIMIT %(limit)s OFFSET %(offset)s
"""

SEARCH_NEWEST = SEARCH.replace(
    "AND published_at <= %(until)s",
    "AND published_at <= %(until)s AND published_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL 2 DAY",
)
"""Of two days alone. Where they fill the page, it is that of ``SEARCH``: older documents come after these."""

NEWEST_OF = {DOCUMENTS: DOCUMENTS_NEWEST, SEARCH: SEARCH_NEWEST}
"""By a question about all of history, the one about its end that is asked first."""

SIMILAR = """
WITH (SELECT reinterpret(any(embedding), 'Array(Int8)') FROM documents
      WHERE document_id = %(document)s AND length(embedding) = 384) AS wanted
SELECT published_at, kind, source, document_id, mentions.entity AS entities, label, sentiment, title, text,
       1 - cosineDistance(reinterpret(embedding, 'Array(Int8)'), wanted) AS likeness
FROM
(
    SELECT * FROM documents
    WHERE length(embedding) = 384 AND document_id != %(document)s AND notEmpty(wanted) AND published_at <= %(until)s
        AND published_at > %(since)s
    ORDER BY published_at DESC LIMIT %(candidates)s
)
ORDER BY likeness DESC
LIMIT %(limit)s
"""

HOW_MANY = """
SELECT count() FROM documents
WHERE unscored = '' AND published_at > toDateTime64(%(moment)s, 3, 'UTC') - INTERVAL %(days)s DAY
    AND published_at <= %(until)s
"""

FEEDS = """
SELECT topic, count() AS records, countIf(error_kind NOT IN ('', 'tombstone')) AS dead_letters,
       max(ingested_at) AS stored_at,
       maxIf(r.published_at, r.error_kind = '') AS published_at,
       countIf(ingested_at > now64(3) - INTERVAL 1 HOUR) AS last_hour,
       quantileIf(0.5)(dateDiff('millisecond', r.published_at, ingested_at) / 1000,
           error_kind = '' AND ingested_at > now64(3) - INTERVAL 1 HOUR) AS delay_p50_s
FROM record_log AS r GROUP BY topic ORDER BY topic
"""

SOURCES = """
SELECT feed, kind, polled_at, last_item_at, next_poll_at, sent, errors, error FROM sources_read ORDER BY feed
"""

MODEL_EVENTS = """
SELECT at, event, version, previous, worker, pause_s, detail FROM model_events ORDER BY at DESC LIMIT 10
"""

DRIFT = """
SELECT at, kind, source, measure, reference_mean, current_mean, effect, alarm != '' AS drifts, began_at
FROM drifts WHERE at = (SELECT max(at) FROM drifts) AND (alarm != '' OR source = '')
ORDER BY drifts DESC, abs(effect) DESC LIMIT 20
"""

SHADOW = """
SELECT challenger, champion, count() AS documents, avg(champion_label = challenger_label) AS agreement,
       avg(abs((challenger_p[3] - challenger_p[1]) - (champion_p[3] - champion_p[1]))) AS difference,
       sum(challenger_s) / nullIf(sum(champion_s), 0) AS slower, max(at) AS latest
FROM shadow_scores WHERE at > now64(3) - INTERVAL 7 DAY
GROUP BY challenger, champion ORDER BY latest DESC LIMIT 5
"""

_NOW, _THEN = "now64(3)", "toDateTime64(%(moment)s, 3, 'UTC')"
FEEDS_AT = FEEDS.replace(_NOW, _THEN).replace("AS r GROUP", f"AS r WHERE ingested_at <= {_THEN} GROUP")
MODEL_EVENTS_AT = MODEL_EVENTS.replace("ORDER", f"WHERE at <= {_THEN} ORDER")
DRIFT_AT = DRIFT.replace("FROM drifts)", f"FROM drifts WHERE at <= {_THEN})")
SHADOW_AT = SHADOW.replace(_NOW, _THEN).replace("GROUP", f"AND at <= {_THEN} GROUP")
"""As of a moment, by what was stored until then. The present is asked without a condition, which costs some time."""

KNOWN = {
    "entity": "SELECT 1 FROM entities FINAL WHERE ticker = %(name)s LIMIT 1",
    "named": "SELECT 1 FROM record_log WHERE has(mentions.entity, %(name)s) LIMIT 1",
    "sector": "SELECT 1 FROM entities FINAL WHERE sector = %(name)s LIMIT 1",
    "topic": "SELECT 1 FROM record_log WHERE has(`topics.name`, %(name)s) LIMIT 1",
    "alert": "SELECT 1 FROM alerts WHERE id = %(name)s LIMIT 1",
}
"""A row if there is such a thing. A company that is no longer watched is still ``named`` in documents."""

STATE = """
SELECT max(ingested_at), count(), (SELECT count() FROM alerts), (SELECT count() FROM alert_actions),
       (SELECT count() FROM label_log), now64(3, 'UTC')
FROM record_log
"""

NEWEST = """
SELECT max(published_at) FROM record_log
WHERE error_kind = '' AND published_at < now64(3) + INTERVAL 1 DAY AND published_at > now64(3) - INTERVAL %(hours)s HOUR
"""
NEWEST_OF_ALL = NEWEST.replace(" AND published_at > now64(3) - INTERVAL %(hours)s HOUR", "")
"""1970 where there is none."""
