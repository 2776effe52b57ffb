-- The taxonomy of events that the workers last started with: the views need the half-life of each type.
CREATE TABLE known_event_types
(
    type String,
    event_group LowCardinality(String),
    polarity Int8,
    severity UInt8,
    half_life_h UInt32,
    pages Bool,
    witnesses UInt8,
    definition String,
    loaded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY type;

CREATE VIEW event_types AS
SELECT type, event_group, polarity, severity, half_life_h, pages, witnesses, definition
FROM known_event_types FINAL;

-- What was told of companies, `first` < published_at <= `until`, of what had been stored at `known`: a row for each
-- document, company and event. Reports of one type about one company are one event as long as no pause between them is
-- longer than two half-lives of the type; `novelty` says what a report adds to those before it. Which reports these are
-- does not depend on the span that is read, unless an event goes on for more than half a year. A report that is not of the
-- company itself, or not of today, adds nothing.
CREATE VIEW events_between AS
SELECT
    entity, type, event_group, role, state, severity, polarity, probability, relevance,
    multiIf(NOT news, 'none', place = 1, 'first', state_place = 1 OR severity > worst_before, 'development', 'repeat')
        AS novelty,
    began_at, stories, published_at, ingested_at, kind, source, document_id, story_id, lang, title, text, url, sentiment,
    model_version, topic, topic_id, partition, offset
FROM
(
    SELECT *,
        row_number() OVER (PARTITION BY entity, type, news, episode
            ORDER BY published_at, ingested_at, topic, partition, offset) AS place,
        row_number() OVER (PARTITION BY entity, type, news, episode, state
            ORDER BY published_at, ingested_at, topic, partition, offset) AS state_place,
        max(severity) OVER (PARTITION BY entity, type, news, episode
            ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS worst_before,
        min(published_at) OVER (PARTITION BY entity, type, news, episode) AS began_at,
        uniqExact(story_id) OVER (PARTITION BY entity, type, news, episode
            ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stories
    FROM
    (
        SELECT *,
            sum(begins) OVER (PARTITION BY entity, type, news
                ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS episode
        FROM
        (
            SELECT e.*, t.event_group AS event_group,
                lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, type, news
                    ORDER BY published_at, ingested_at, topic, partition, offset
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
                    < published_at - toIntervalHour(2 * if(t.half_life_h = 0, 168, t.half_life_h)) AS begins
            FROM
            (
                SELECT
                    toString(event_entity) AS entity, toString(event_type) AS type, toString(event_role) AS role,
                    toString(event_state) AS state, event_severity AS severity, event_polarity AS polarity,
                    event_probability AS probability, event_relevance AS relevance,
                    role = 'subject' AND state NOT IN ('historic', 'hypothetical') AS news,
                    published_at, ingested_at, kind, source, document_id, story_id, lang, title, text, url,
                    mentions.sentiment[indexOf(mentions.entity, event_entity)] AS sentiment,
                    model_version, topic, topic_id, partition, offset
                FROM documents
                ARRAY JOIN
                    events.entity AS event_entity, events.type AS event_type, events.role AS event_role,
                    events.state AS event_state, events.severity AS event_severity, events.polarity AS event_polarity,
                    events.probability AS event_probability, events.relevance AS event_relevance
                WHERE published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 180 DAY
                    AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
            ) AS e
            LEFT JOIN (SELECT type, event_group, half_life_h FROM event_types) AS t ON e.type = t.type
        )
    )
)
WHERE published_at > {first:DateTime64(3, 'UTC')};

-- All that is stored. On a long history events_between(first = ..., until = ..., known = now64(3)) reads only what it is
-- asked for.
CREATE VIEW events AS
SELECT *
FROM events_between(first = '1970-07-02 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00');

-- What is open at each company at a moment: SELECT * FROM events_as_of(moment = '2020-06-18 12:00:00', known = now64(3)).
-- An event is open until two half-lives of its type have passed without a report, or it is denied or averted.
CREATE VIEW events_as_of AS
WITH {moment:DateTime64(3, 'UTC')} AS until
SELECT
    e.entity AS entity, e.type AS type, any(e.event_group) AS event_group,
    argMax(e.state, (e.published_at, e.ingested_at, e.topic, e.partition, e.offset)) AS state,
    max(e.severity) AS severity,
    argMax(e.polarity, (e.published_at, e.ingested_at, e.topic, e.partition, e.offset)) AS polarity,
    e.began_at AS began_at, max(e.published_at) AS latest_at,
    exp2(-dateDiff('second', latest_at, until) / 3600 / any(if(t.half_life_h = 0, 168, t.half_life_h))) AS weight,
    uniqExact(e.story_id) AS stories, uniqExact(e.source) AS sources, count() AS documents,
    argMinIf(e.source, (e.published_at, e.ingested_at), e.novelty = 'first') AS source,
    argMinIf(e.document_id, (e.published_at, e.ingested_at), e.novelty = 'first') AS document_id,
    argMinIf(e.title, (e.published_at, e.ingested_at), e.novelty = 'first') AS title,
    argMinIf(e.text, (e.published_at, e.ingested_at), e.novelty = 'first') AS text,
    argMinIf(e.url, (e.published_at, e.ingested_at), e.novelty = 'first') AS url
FROM events_between(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 180 DAY, until = {moment:DateTime64(3, 'UTC')},
    known = {known:DateTime64(3, 'UTC')}) AS e
LEFT JOIN event_types AS t ON e.type = t.type
WHERE e.novelty != 'none'
GROUP BY entity, type, began_at
HAVING weight >= 0.25 AND state NOT IN ('denied', 'averted')
ORDER BY severity * weight DESC, entity, type;

CREATE VIEW events_now AS
SELECT * FROM events_as_of(moment = now64(3), known = now64(3));
