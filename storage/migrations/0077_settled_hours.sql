-- What counts in an hour is worked out once, and kept as long as nothing else has been stored that could change it.
-- `hours` tells for each hour of publication what is stored of it, in the same parts as the rows: how many rows, and a sum
-- of hashes of all that decides what counts and how much.
ALTER TABLE record_log ADD PROJECTION IF NOT EXISTS hours
(
    SELECT
        toStartOfHour(published_at), count(),
        sum(cityHash64(topic, topic_id, partition, offset, ingested_at, published_at, error_kind, unscored, story_id, source,
            document_id, kind, novelty, sentiment, p_negative, p_neutral, p_positive, mentions.entity, mentions.sentiment,
            mentions.p_negative, mentions.p_neutral, mentions.p_positive, `topics.name`)),
        max(ingested_at)
    GROUP BY toStartOfHour(published_at)
);

-- In the background: until then, older rows are read to tell what `hours` would.
ALTER TABLE record_log MATERIALIZE PROJECTION hours SETTINGS mutations_sync = 0, alter_sync = 0;

-- The mentions that count in an hour, in arrays: an hour is one row, which is there whole or not at all. `rows`, `hashes`
-- and `latest` tell what was stored of this hour and the 24 before it when that was found out.
CREATE TABLE settled_hours
(
    hour DateTime('UTC'),
    rows UInt64,
    hashes UInt64,
    latest DateTime64(3, 'UTC'),
    entities Array(LowCardinality(String)) CODEC(ZSTD(1)),
    kinds Array(LowCardinality(String)) CODEC(ZSTD(1)),
    times Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    sentiments Array(Float32) CODEC(ZSTD(1)),
    negatives Array(Float32) CODEC(ZSTD(1)),
    weights Array(Float64) CODEC(ZSTD(1)),
    topics Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    settled_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY hour
TTL toDateTime(settled_at) + INTERVAL 60 DAY;

-- What is stored of each hour of publication, `first` to `until`, together with the 24 hours before it; and whether that is
-- still what the hour was settled by, and was stored by `known`. Late documents, erasures and dropped rows show in it.
CREATE OR REPLACE VIEW index_hours AS
SELECT
    a.hour AS hour, a.rows AS rows, a.hashes AS hashes, a.latest AS latest,
    a.rows = s.rows AND a.hashes = s.hashes AND a.latest <= {known:DateTime64(3, 'UTC')} AS settled
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
                >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC')) - INTERVAL 1 DAY)
            AND toStartOfHour(published_at)
                <= toStartOfHour(least({until:DateTime64(3, 'UTC')}, toDateTime64('2106-01-01 00:00:00', 3, 'UTC')))
        GROUP BY hour
    )
    WINDOW day AS (ORDER BY hour RANGE BETWEEN 86400 PRECEDING AND CURRENT ROW)
) AS a
LEFT JOIN (SELECT hour, rows, hashes FROM settled_hours FINAL) AS s ON a.hour = s.hour
WHERE a.hour >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC')));

-- What counts, `first` < published_at <= `until`, of what had been stored at `known`: a row for each mention, and one with
-- the entity '' for each document, which counts for the market. `weight` is the model's confidence times how new the story
-- was (0 to 1). With `weekly`, only what was published on the last 4 days, and 7, 14, 21 and 28 days before the last one.
--
-- `state` has the hours that are read from settled_hours (1). The others are read from record_log: on which days they are
-- (2), and when the first begins (3).
--
-- `repeats` has what at least two documents have: the story, or source and id. The window functions that find out what
-- came before take ten times as long as reading the rows, and most stories and documents come once. Which documents these
-- are need not be exact: the window functions decide, so one too many costs time alone, and two texts of one hash, or two
-- copies of a row, do no harm. A document that names a company twice repeats itself. Where few hours are read, only what
-- came in them is looked up.
CREATE OR REPLACE VIEW counted_scores AS
WITH
(
    SELECT (groupArrayIf(hour, settled), groupUniqArrayIf(toDate(hour), NOT settled),
        greatest(minIf(hour, NOT settled), toDateTime('1970-01-02 00:00:00', 'UTC')))
    FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        known = {known:DateTime64(3, 'UTC')})
    WHERE {weekly:UInt8} = 0
        OR intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)
        OR intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}) - 3600, 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)
) AS state,
repeats AS
(
    SELECT key
    FROM
    (
        SELECT published_at, arrayJoin(arrayConcat([cityHash64(story_id), cityHash64(source, document_id)],
            if(length(arrayDistinct(mentions.entity)) < length(mentions.entity), [cityHash64(story_id)], []))) AS key
        FROM record_log
        WHERE error_kind = '' AND unscored = ''
            AND (toDate(published_at) IN state.2 OR toDate(published_at) + 1 IN state.2)
            AND published_at >= state.3 - INTERVAL 1 DAY AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
            AND ({weekly:UInt8} = 0 OR published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 5 DAY
                OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 9 DAY
                    AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 7 DAY)
                OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 16 DAY
                    AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 14 DAY)
                OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 23 DAY
                    AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 21 DAY)
                OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 30 DAY
                    AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 28 DAY))
    )
    WHERE state.3 < {until:DateTime64(3, 'UTC')} - INTERVAL 6 HOUR OR key IN
    (
        SELECT arrayJoin([cityHash64(story_id), cityHash64(source, document_id)])
        FROM record_log
        WHERE state.3 >= {until:DateTime64(3, 'UTC')} - INTERVAL 6 HOUR
            AND published_at >= state.3 AND published_at <= {until:DateTime64(3, 'UTC')}
    )
    GROUP BY key
    HAVING count() > 1 AND max(published_at) >= state.3
)
SELECT entity, kind, published_at, sentiment, p_negative, confidence * novelty / 100 AS weight, `topics.name`
FROM
(
    SELECT named AS entity, kind, published_at, tone AS sentiment, negative AS p_negative, confidence, novelty,
        `topics.name`
    FROM record_log FINAL
    ARRAY JOIN
        arrayConcat([toLowCardinality('')], mentions.entity) AS named,
        arrayConcat([sentiment], mentions.sentiment) AS tone,
        arrayConcat([p_negative], mentions.p_negative) AS negative,
        arrayMap((a, b, c) -> greatest(a, b, c), arrayConcat([p_negative], mentions.p_negative),
            arrayConcat([p_neutral], mentions.p_neutral), arrayConcat([p_positive], mentions.p_positive)) AS confidence,
        arrayEnumerate(arrayConcat([0], mentions.sentiment)) AS place
    WHERE error_kind = '' AND unscored = '' AND (named != '' OR place = 1)
        AND toDate(published_at) IN state.2 AND published_at >= state.3 AND toStartOfHour(published_at) NOT IN state.1
        AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
        AND ingested_at <= {known:DateTime64(3, 'UTC')}
        AND ({weekly:UInt8} = 0 OR published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 4 DAY
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 8 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 7 DAY)
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 15 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 14 DAY)
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 22 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 21 DAY)
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 29 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 28 DAY))
        AND cityHash64(story_id) NOT IN (SELECT key FROM repeats)
        AND cityHash64(source, document_id) NOT IN (SELECT key FROM repeats)
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
    UNION ALL
    SELECT entity, kind, published_at, sentiment, p_negative, confidence, novelty, `topics.name`
    FROM
    (
        SELECT *,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset, place
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset, place
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
        FROM
        (
            SELECT named AS entity, kind, published_at, tone AS sentiment, negative AS p_negative, confidence, novelty,
                `topics.name`, ingested_at, topic, partition, offset, place, story_id, source, document_id
            FROM record_log FINAL
            ARRAY JOIN
                arrayConcat([toLowCardinality('')], mentions.entity) AS named,
                arrayConcat([sentiment], mentions.sentiment) AS tone,
                arrayConcat([p_negative], mentions.p_negative) AS negative,
                arrayMap((a, b, c) -> greatest(a, b, c), arrayConcat([p_negative], mentions.p_negative),
                    arrayConcat([p_neutral], mentions.p_neutral), arrayConcat([p_positive], mentions.p_positive))
                    AS confidence,
                arrayEnumerate(arrayConcat([0], mentions.sentiment)) AS place
            WHERE error_kind = '' AND unscored = '' AND (named != '' OR place = 1)
                AND (toDate(published_at) IN state.2 OR toDate(published_at) + 1 IN state.2)
                AND published_at >= state.3 - INTERVAL 1 DAY
                AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
                AND ({weekly:UInt8} = 0 OR published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 5 DAY
                    OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 9 DAY
                        AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 7 DAY)
                    OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 16 DAY
                        AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 14 DAY)
                    OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 23 DAY
                        AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 21 DAY)
                    OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 30 DAY
                        AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 28 DAY))
                AND (cityHash64(story_id) IN (SELECT key FROM repeats)
                    OR cityHash64(source, document_id) IN (SELECT key FROM repeats))
            SETTINGS use_skip_indexes_if_final_exact_mode = 0
        )
    )
    WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
        AND toStartOfHour(published_at) NOT IN state.1 AND published_at > {first:DateTime64(3, 'UTC')}
        AND ({weekly:UInt8} = 0 OR published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 4 DAY
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 8 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 7 DAY)
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 15 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 14 DAY)
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 22 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 21 DAY)
            OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 29 DAY
                AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 28 DAY))
)
UNION ALL
SELECT entity, kind, published_at, sentiment, p_negative, weight, names AS `topics.name`
FROM settled_hours FINAL
ARRAY JOIN
    entities AS entity, kinds AS kind, times AS published_at, sentiments AS sentiment, negatives AS p_negative,
    weights AS weight, topics AS names
WHERE hour IN state.1
    AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
    AND ({weekly:UInt8} = 0 OR published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 4 DAY
        OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 8 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 7 DAY)
        OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 15 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 14 DAY)
        OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 22 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 21 DAY)
        OR (published_at > {until:DateTime64(3, 'UTC')} - INTERVAL 29 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} - INTERVAL 28 DAY));

-- A row for each counted mention, scope (entity, or the type of what is no company; desk, sector) and kind (its own, and
-- all), and two for each document in the scope market ('*').
CREATE OR REPLACE VIEW index_documents AS
SELECT place.1 AS scope, place.2 AS name, place.3 AS kind, document_kind, published_at, sentiment, p_negative, weight
FROM
(
    SELECT
        if(entity = '', [('market', '*')],
            [(if(e.entity_type IN ('', 'company'), 'entity', toString(e.entity_type)), toString(entity)),
                ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        toString(kind) AS document_kind, published_at, sentiment, p_negative, weight
    FROM counted_scores(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        known = {known:DateTime64(3, 'UTC')}, weekly = 0) AS m
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(m.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != '';

-- The indices at a moment: SELECT * FROM sentiment_as_of(moment = '2020-06-18 12:00:00', known = now64(3)). `kind` is news,
-- comment or all. Sentiment is a mean with half-lives of 8 hours for news and 30 minutes for comments over the 4 days
-- before; `weight` is its effective number of documents. `buzz` is the last 24 hours' volume as a multiple of the same 24
-- hours of the four weeks before, where there is so much history (else 1).
--
-- Only these days are read. History reaches so many weeks back as a document was published in the week before them.
CREATE OR REPLACE VIEW sentiment_as_of AS
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
    place.1 AS scope, place.2 AS name, place.3 AS kind,
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
        if(d.entity = '', [('market', '*')],
            [(if(e.entity_type IN ('', 'company'), 'entity', toString(e.entity_type)), toString(d.entity)),
                ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        mass, tone, squares, negative, today, then, latest
    FROM
    (
        SELECT
            entity, kind, sum(counts) AS mass, sum(counts * s.sentiment) AS tone,
            sum(counts * s.sentiment * s.sentiment) AS squares, sum(counts * s.p_negative) AS negative,
            countIf(age_s < 86400) AS today, countIf(age_s >= 604800 AND intDiv(toInt64(age_s), 604800) <= weeks) AS then,
            max(published_at) AS latest
        FROM
        (
            SELECT
                entity, kind, published_at, sentiment, p_negative,
                dateDiff('millisecond', published_at, until) / 1000 AS age_s,
                if(age_s < 345600, weight * exp2(-age_s / if(kind = 'news', 28800, 1800)), 0) AS counts
            FROM counted_scores(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 29 DAY,
                until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 1)
        ) AS s
        GROUP BY entity, kind
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind
HAVING sum(mass) > 0;

-- Windows of `width_s` seconds of event time from `first` (exclusive) to `until`; a window is named by its start.
CREATE OR REPLACE VIEW sentiment_windows AS
SELECT
    place.1 AS scope, place.2 AS name, place.3 AS kind, start,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, sum(squares) / sum(mass) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(number) AS documents
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')],
            [(if(e.entity_type IN ('', 'company'), 'entity', toString(e.entity_type)), toString(d.entity)),
                ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        start, mass, tone, squares, negative, number
    FROM
    (
        SELECT
            entity, kind, toStartOfInterval(s.published_at, toIntervalSecond({width_s:UInt32})) AS start,
            sum(s.weight) AS mass, sum(s.weight * s.sentiment) AS tone,
            sum(s.weight * s.sentiment * s.sentiment) AS squares, sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_scores(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
            known = {known:DateTime64(3, 'UTC')}, weekly = 0) AS s
        GROUP BY entity, kind, start
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind, start
HAVING sum(mass) > 0;

-- Whose tone moved: the 24 hours before `moment` against the 7 days before them, the clearest first; `z` is the change
-- in standard errors. At least 3 documents on both sides.
CREATE OR REPLACE VIEW movers_as_of AS
WITH {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AS middle
SELECT
    place.1 AS scope, place.2 AS name, place.3 AS kind,
    sumIf(tone, late) / sumIf(mass, late) AS after,
    sumIf(tone, NOT late) / sumIf(mass, NOT late) AS before,
    after - before AS change,
    sumIf(number, late) AS documents,
    sumIf(number, NOT late) AS documents_before,
    change / sqrt(greatest(varSampMergeIf(spread, late), 0.02) / documents
        + greatest(varSampMergeIf(spread, NOT late), 0.02) / documents_before) AS z
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')],
            [(if(e.entity_type IN ('', 'company'), 'entity', toString(e.entity_type)), toString(d.entity)),
                ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        late, mass, tone, number, spread
    FROM
    (
        SELECT
            entity, kind, s.published_at > middle AS late, sum(s.weight) AS mass, sum(s.weight * s.sentiment) AS tone,
            count() AS number, varSampState(toFloat64(s.sentiment)) AS spread
        FROM counted_scores(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 8 DAY,
            until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0) AS s
        GROUP BY entity, kind, late
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind
HAVING documents >= 3 AND documents_before >= 3 AND sumIf(mass, late) > 0 AND sumIf(mass, NOT late) > 0
ORDER BY abs(z) DESC, scope, name, kind;

-- What is talked about, the 24 hours before `moment` against the 7 days before them:
-- SELECT * FROM topics_as_of(moment = '2020-06-18 12:00:00', known = now64(3)). All of a company's documents are counted as
-- if they had one more topic.
CREATE OR REPLACE VIEW topics_as_of AS
SELECT
    toLowCardinality(entity) AS entity, toLowCardinality(theme) AS topic, number AS documents, number_before AS documents_before,
    documents / greatest(all_documents, 1) AS share,
    documents_before / greatest(all_before, 1) AS share_before,
    share - share_before AS change,
    if(documents = 0, NULL, tone) AS sentiment
FROM
(
    SELECT
        *, sumIf(number, every) OVER (PARTITION BY entity) AS all_documents,
        sumIf(number_before, every) OVER (PARTITION BY entity) AS all_before
    FROM
    (
        SELECT
            entity, theme, place = 1 AS every,
            countIf(late) AS number, countIf(NOT late) AS number_before, avgIf(m.sentiment, late) AS tone
        FROM
        (
            SELECT
                entity, sentiment, published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AS late,
                arrayConcat([toLowCardinality('')], `topics.name`) AS themes
            FROM counted_scores(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 8 DAY,
                until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0)
            WHERE entity != ''
        ) AS m
        ARRAY JOIN themes AS theme, arrayEnumerate(themes) AS place
        GROUP BY entity, theme, every
    )
)
WHERE NOT every;
