-- What counts in an hour is kept by company, too: a question about one company then costs what is said of it, and not what is
-- said of all. Rows are as settled_counts has them; they hold for the hours that it marks with the same `hashes`, as `listed`.
-- Rows are written before their hour is marked, so a marked hour has all of them.
CREATE TABLE IF NOT EXISTS settled_mentions
(
    entity LowCardinality(String),
    published_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    mention UInt64 CODEC(NONE),
    hashes UInt64 CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    sentiment Float32 CODEC(ZSTD(1)),
    p_negative Float32 CODEC(ZSTD(1)),
    weight Float64 CODEC(ZSTD(1)),
    topics Array(LowCardinality(String)) CODEC(ZSTD(1)),
    settled_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY (entity, published_at, mention)
TTL toDateTime(settled_at) + INTERVAL 76 DAY
SETTINGS index_granularity = 1024;

-- A worker of an earlier version marks hours without listing their mentions.
ALTER TABLE settled_counts ADD COLUMN IF NOT EXISTS listed Bool DEFAULT false AFTER hashes;
ALTER TABLE settled_counts MODIFY TTL toDateTime(settled_at) + INTERVAL 76 DAY;

-- As in 0095_sums_of_hours.sql, but an hour is settled only if its mentions are listed, too.
CREATE OR REPLACE VIEW index_hours AS
SELECT
    a.hour AS hour, a.rows AS rows, a.hashes AS hashes, a.latest AS latest,
    a.rows = s.rows AND a.hashes = s.hashes AND s.listed AND a.latest <= {known:DateTime64(3, 'UTC')} AS settled,
    a.rows = r.rows AND a.hashes = r.hashes AND a.latest <= {known:DateTime64(3, 'UTC')} AS repeats_settled
FROM
(
    SELECT hour, sum(number) OVER day AS rows, sum(hash) OVER day AS hashes, max(last) OVER day AS latest
    FROM
    (
        SELECT
            toStartOfHour(published_at) AS hour, count() AS number,
            sum(cityHash64(topic, topic_id, partition, offset, ingested_at, published_at, error_kind, unscored, story_id,
                source, document_id, kind, novelty, sentiment, p_negative, p_neutral, p_positive, mentions.entity,
                mentions.sentiment, mentions.p_negative, mentions.p_neutral, mentions.p_positive, `topics.name`)) AS hash,
            max(ingested_at) AS last
        FROM record_log
        -- toStartOfHour gives 32 bits, which turn round before 1970 and in 2106.
        WHERE toStartOfHour(published_at)
                >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC'))
                    - INTERVAL 1 DAY)
            AND toStartOfHour(published_at)
                <= toStartOfHour(least({until:DateTime64(3, 'UTC')}, toDateTime64('2106-01-01 00:00:00', 3, 'UTC')))
        GROUP BY hour
    )
    WINDOW day AS (ORDER BY hour RANGE BETWEEN 86400 PRECEDING AND CURRENT ROW)
) AS a
LEFT JOIN (SELECT hour, rows, hashes, listed FROM settled_counts FINAL) AS s ON a.hour = s.hour
LEFT JOIN (SELECT hour, rows, hashes FROM settled_repeat_hours FINAL) AS r ON a.hour = r.hour
WHERE a.hour >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC')));

-- What counts of some companies, as counted_scores has it of all. Hours that are not settled are found out from the records
-- that name the companies.
CREATE OR REPLACE VIEW counted_scores_of AS
WITH
    (
        SELECT (groupArrayIf(hour, settled),
            if(countIf(NOT settled) = 0, toDateTime('2106-01-01 00:00:00', 'UTC'), minIf(hour, NOT settled)))
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
            known = {known:DateTime64(3, 'UTC')})
    ) AS state
SELECT entity, kind, published_at, sentiment, p_negative, weight, topics AS `topics.name`
FROM settled_mentions FINAL
WHERE entity IN (SELECT arrayJoin({companies:Array(String)}))
    AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
    AND (toStartOfHour(published_at), hashes) IN (
        SELECT hour, hashes FROM settled_counts FINAL WHERE hour IN state.1)
UNION ALL
SELECT entity, kind, published_at, sentiment, p_negative, greatest(p_negative, p_neutral, p_positive) * novelty / 100,
    `topics.name`
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
        SELECT entity, kind, published_at, ingested_at, sentiment, p_negative, p_neutral, p_positive, novelty, story_id,
            source, document_id, topic, topic_id, partition, offset, `topics.name`
        FROM mentions
        WHERE has({companies:Array(String)}, entity) AND published_at >= state.2 - INTERVAL 1 DAY
            AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
            AND (topic, topic_id, partition, offset) IN (
                SELECT topic, topic_id, partition, offset FROM record_log
                WHERE arrayExists(named -> has({companies:Array(String)}, named), mentions.entity)
                    AND published_at >= state.2 - INTERVAL 1 DAY
                    AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
                    AND published_at <= {until:DateTime64(3, 'UTC')}
            )
        LIMIT 1 BY entity, topic, topic_id, partition, offset
    )
)
WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
    AND published_at > {first:DateTime64(3, 'UTC')} AND toStartOfHour(published_at) NOT IN state.1;

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
            if(age_s < 345600, weight * exp2(-age_s / if(kind = 'news', 28800, 1800)), 0) AS counts
        FROM counted_scores_of(companies = {companies:Array(String)},
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
