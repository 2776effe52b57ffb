-- Some companies are asked about more often than all. A condition on a view reads all rows with all their columns before it
-- looks at the company, as FINAL must know the rows before it can choose. The views of this file look first for the positions
-- of the records that name the companies, by one column, and read these alone. `companies` are their tickers:
-- SELECT * FROM mentions_of(companies = ['AAPL'], first = '2020-06-11 12:00:00', until = '2020-06-18 12:00:00').
CREATE OR REPLACE VIEW mentions_of AS
SELECT *
FROM mentions
WHERE has({companies:Array(String)}, entity)
    AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
    AND (topic, topic_id, partition, offset) IN (
        SELECT topic, topic_id, partition, offset FROM record_log
        WHERE arrayExists(named -> has({companies:Array(String)}, named), mentions.entity)
            AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
    );

-- The mentions of some companies that count, by the rule of counted_mentions_between: what counts for one does not depend on
-- the others. A document that names a company twice is there once, or each of its mentions could come after the other.
CREATE OR REPLACE VIEW counted_mentions_of AS
SELECT * EXCEPT (told_before, sent_before)
FROM
(
    SELECT *,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM
    (
        SELECT *
        FROM mentions_of(companies = {companies:Array(String)}, first = {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY,
            until = {until:DateTime64(3, 'UTC')})
        WHERE ingested_at <= {known:DateTime64(3, 'UTC')}
        LIMIT 1 BY entity, topic, topic_id, partition, offset
    )
)
WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
    AND published_at > {first:DateTime64(3, 'UTC')};

-- The rows of sentiment_as_of about some companies, by the same rules.
CREATE OR REPLACE VIEW sentiment_of AS
WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    assumeNotNull(greatest(
        4 * (
            SELECT count() FROM
            (
                SELECT 1 FROM record_log
                WHERE error_kind = '' AND unscored = '' AND ingested_at <= {known:DateTime64(3, 'UTC')}
                    AND published_at > until - INTERVAL 36 DAY AND published_at <= until - INTERVAL 29 DAY
                LIMIT 1
            )
        ),
        3 * (
            SELECT count() FROM
            (
                SELECT 1 FROM record_log
                WHERE error_kind = '' AND unscored = '' AND ingested_at <= {known:DateTime64(3, 'UTC')}
                    AND published_at > until - INTERVAL 29 DAY AND published_at <= until - INTERVAL 22 DAY
                LIMIT 1
            )
        ),
        2 * (
            SELECT count() FROM
            (
                SELECT 1 FROM record_log
                WHERE error_kind = '' AND unscored = '' AND ingested_at <= {known:DateTime64(3, 'UTC')}
                    AND published_at > until - INTERVAL 22 DAY AND published_at <= until - INTERVAL 15 DAY
                LIMIT 1
            )
        ),
        (
            SELECT count() FROM
            (
                SELECT 1 FROM record_log
                WHERE error_kind = '' AND unscored = '' AND ingested_at <= {known:DateTime64(3, 'UTC')}
                    AND published_at > until - INTERVAL 15 DAY AND published_at <= until - INTERVAL 8 DAY
                LIMIT 1
            )
        )
    )) AS weeks
SELECT
    toLowCardinality(told.entity) AS entity, told.counted_in AS kind,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, sum(squares) / sum(mass) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(today) AS documents_1d,
    sum(then) / greatest(weeks, 1) AS usual_1d,
    if(weeks = 0, 1, (documents_1d + 1) / (usual_1d + 1)) AS buzz,
    max(latest) AS latest_at
FROM
(
    SELECT
        toString(s.entity) AS entity, arrayJoin([toString(s.kind), 'all']) AS counted_in, sum(counts) AS mass,
        sum(counts * s.sentiment) AS tone, sum(counts * s.sentiment * s.sentiment) AS squares,
        sum(counts * s.p_negative) AS negative, countIf(age_s < 86400) AS today,
        countIf(age_s >= 604800 AND intDiv(toInt64(age_s), 604800) <= weeks) AS then, max(published_at) AS latest
    FROM
    (
        SELECT
            entity, kind, published_at, sentiment, p_negative,
            dateDiff('millisecond', published_at, until) / 1000 AS age_s,
            greatest(p_negative, p_neutral, p_positive) * novelty / 100 AS weighs,
            if(age_s < 345600, weighs * exp2(-age_s / if(kind = 'news', 28800, 1800)), 0) AS counts
        FROM counted_mentions_of(companies = {companies:Array(String)},
            first = {moment:DateTime64(3, 'UTC')} - INTERVAL 29 DAY, until = {moment:DateTime64(3, 'UTC')},
            known = {known:DateTime64(3, 'UTC')})
        WHERE published_at > until - INTERVAL 4 DAY
            OR (published_at > until - INTERVAL 8 DAY AND published_at <= until - INTERVAL 7 DAY)
            OR (published_at > until - INTERVAL 15 DAY AND published_at <= until - INTERVAL 14 DAY)
            OR (published_at > until - INTERVAL 22 DAY AND published_at <= until - INTERVAL 21 DAY)
            OR (published_at > until - INTERVAL 29 DAY AND published_at <= until - INTERVAL 28 DAY)
    ) AS s
    GROUP BY s.entity, s.kind
) AS told
GROUP BY told.entity, told.counted_in
HAVING sum(mass) > 0;

-- What was told of some companies, or of all (an empty array), in a span, and by the half year before it, what was new in
-- it. The columns are those of events_between, which 0026_event_views.sql explains.
CREATE OR REPLACE VIEW events_of AS
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
                    AND (empty({companies:Array(String)}) OR has({companies:Array(String)}, event_entity))
                    AND (empty({companies:Array(String)}) OR (topic, topic_id, partition, offset) IN (
                        SELECT topic, topic_id, partition, offset FROM record_log
                        WHERE arrayExists(named -> has({companies:Array(String)}, named), events.entity)
                            AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 180 DAY
                            AND published_at <= {until:DateTime64(3, 'UTC')}
                    ))
            ) AS e
            LEFT JOIN (SELECT type, event_group, half_life_h FROM event_types) AS t ON e.type = t.type
        )
    )
)
WHERE published_at > {first:DateTime64(3, 'UTC')};

CREATE OR REPLACE VIEW events_between AS
SELECT *
FROM events_of(companies = [], first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
    known = {known:DateTime64(3, 'UTC')});
