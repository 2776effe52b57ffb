-- What counts in an hour is kept as sums, too: a mean over days then adds up a row for each hour, company, kind and topics, and
-- not one for each mention. It is the table of 0077_settled_hours.sql with these sums, and with a mark for each hour, so that
-- no other is read.
--
-- `sum_latest` is when the last mention of a sum was published. `sum_fresh...` are sums of mentions that count half after 8
-- hours (news) or 30 minutes (comments), as they are at that moment: later on, all of them have lost the same share.
CREATE TABLE IF NOT EXISTS settled_counts
(
    hour DateTime('UTC'),
    rows UInt64,
    hashes UInt64,
    entities Array(LowCardinality(String)) CODEC(ZSTD(1)),
    kinds Array(LowCardinality(String)) CODEC(ZSTD(1)),
    times Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    sentiments Array(Float32) CODEC(ZSTD(1)),
    negatives Array(Float32) CODEC(ZSTD(1)),
    weights Array(Float64) CODEC(ZSTD(1)),
    topics Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    sum_entities Array(LowCardinality(String)) CODEC(ZSTD(1)),
    sum_kinds Array(LowCardinality(String)) CODEC(ZSTD(1)),
    sum_topics Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    sum_latest Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    sum_numbers Array(UInt32) CODEC(ZSTD(1)),
    sum_totals Array(Float64) CODEC(ZSTD(1)),
    sum_total_squares Array(Float64) CODEC(ZSTD(1)),
    sum_weights Array(Float64) CODEC(ZSTD(1)),
    sum_weighted Array(Float64) CODEC(ZSTD(1)),
    sum_weighted_squares Array(Float64) CODEC(ZSTD(1)),
    sum_weighted_negatives Array(Float64) CODEC(ZSTD(1)),
    sum_fresh Array(Float64) CODEC(ZSTD(1)),
    sum_fresh_weighted Array(Float64) CODEC(ZSTD(1)),
    sum_fresh_squares Array(Float64) CODEC(ZSTD(1)),
    sum_fresh_negatives Array(Float64) CODEC(ZSTD(1)),
    settled_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY hour
TTL toDateTime(settled_at) + INTERVAL 60 DAY
SETTINGS index_granularity = 1;

DROP TABLE IF EXISTS settled_hours;

-- The mentions of an hour that was settled by `hashes` which do not count.
CREATE TABLE IF NOT EXISTS settled_repeats
(
    hour DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    hashes UInt64 CODEC(ZSTD(1)),
    published_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    mention UInt64 CODEC(NONE),
    settled_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY (published_at, mention);

-- By which rows of an hour, and of the 24 before it, its repeats were found out.
CREATE TABLE IF NOT EXISTS settled_repeat_hours
(
    hour DateTime('UTC'),
    rows UInt64,
    hashes UInt64,
    settled_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY hour;

-- As in 0077_settled_hours.sql; `repeats_settled` says the same of `settled_repeats`.
CREATE OR REPLACE VIEW index_hours AS
SELECT
    a.hour AS hour, a.rows AS rows, a.hashes AS hashes, a.latest AS latest,
    a.rows = s.rows AND a.hashes = s.hashes AND a.latest <= {known:DateTime64(3, 'UTC')} AS settled,
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
LEFT JOIN (SELECT hour, rows, hashes FROM settled_counts FINAL) AS s ON a.hour = s.hour
LEFT JOIN (SELECT hour, rows, hashes FROM settled_repeat_hours FINAL) AS r ON a.hour = r.hour
WHERE a.hour >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC')));

-- Of the hours that are not settled, the mentions (a hash of position and company; '' is the market) that do not count: their
-- story, or their document, came in the day before for the same company. With `kept`, of the hours whose repeats are not.
-- `state` is what 0077_settled_hours.sql says. `repeats` has the keys that at least two documents have, as the window functions
-- take ten times as long as reading the rows; where the hours are the last few, it has the keys of all that came in them.
CREATE OR REPLACE VIEW repeats_of_hours AS
WITH
(
    WITH if({kept:UInt8} = 1, repeats_settled, settled) AS known_of
    SELECT (groupArrayIf(hour, known_of), groupUniqArrayIf(toDate(hour), NOT known_of),
        greatest(minIf(hour, NOT known_of), toDateTime('1970-01-02 00:00:00', 'UTC')))
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
        SELECT published_at, arrayJoin([cityHash64(story_id), cityHash64(source, document_id)]) AS key
        FROM record_log
        WHERE error_kind = '' AND unscored = ''
            AND (toDate(published_at) IN state.2 OR toDate(published_at) + 1 IN state.2)
            AND published_at >= state.3 - INTERVAL 1 DAY AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
            AND ({weekly:UInt8} = 0 OR intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000)
                IN (0, 1, 2, 3, 4, 7, 8, 14, 15, 21, 22, 28, 29))
    )
    WHERE state.3 < {until:DateTime64(3, 'UTC')} - INTERVAL 3 HOUR
    GROUP BY key
    HAVING count() > 1 AND max(published_at) >= state.3
    UNION ALL
    SELECT arrayJoin([cityHash64(story_id), cityHash64(source, document_id)])
    FROM record_log
    WHERE state.3 >= {until:DateTime64(3, 'UTC')} - INTERVAL 3 HOUR
        AND published_at >= state.3 AND published_at <= {until:DateTime64(3, 'UTC')}
)
SELECT published_at, mention
FROM
(
    SELECT published_at, cityHash64(topic, topic_id, partition, offset, entity) AS mention,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM
    (
        SELECT named AS entity, published_at, ingested_at, topic, topic_id, partition, offset, story_id, source, document_id
        FROM record_log FINAL
        ARRAY JOIN arrayConcat([toLowCardinality('')], arrayFilter(one -> one != '', arrayDistinct(mentions.entity))) AS named
        WHERE error_kind = '' AND unscored = ''
            AND (toDate(published_at) IN state.2 OR toDate(published_at) + 1 IN state.2)
            AND published_at >= state.3 - INTERVAL 1 DAY AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
            AND ({weekly:UInt8} = 0 OR intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000)
                IN (0, 1, 2, 3, 4, 7, 8, 14, 15, 21, 22, 28, 29))
            AND (cityHash64(story_id) IN (SELECT key FROM repeats)
                OR cityHash64(source, document_id) IN (SELECT key FROM repeats))
        SETTINGS use_skip_indexes_if_final_exact_mode = 0
    )
)
WHERE NOT (told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY)
    AND toStartOfHour(published_at) NOT IN state.1 AND published_at > {first:DateTime64(3, 'UTC')}
    AND ({weekly:UInt8} = 0 OR intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000)
        IN (0, 1, 2, 3, 7, 14, 21, 28));

-- What counts, `first` < published_at <= `until`, of what had been stored at `known`: a row for each mention, and one with
-- the entity '' for each document, which counts for the market. `weight` is the model's confidence times how new the story
-- was (0 to 1). With `weekly`, only what was published on the last 4 days, and 7, 14, 21 and 28 days before the last one.
--
-- With `sums`, a settled hour has a row for each sum, as long as it has no bound in it, which would cut it in two: bounds are
-- whole days before `until`, so hours of the same hour of day are read mention by mention. `published_at` is then that of the
-- latest mention. A name of a column that is also made by an ARRAY JOIN here is not found by ClickHouse 26.7, hence `one_...`.
CREATE OR REPLACE VIEW counted_sums AS
WITH
(
    SELECT (groupArrayIf(hour, settled), groupUniqArrayIf(toDate(hour), NOT settled),
        greatest(minIf(hour, NOT settled), toDateTime('1970-01-02 00:00:00', 'UTC')))
    FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        known = {known:DateTime64(3, 'UTC')})
    WHERE {weekly:UInt8} = 0
        OR intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)
        OR intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}) - 3600, 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)
) AS state
SELECT
    entity, kind, published_at, sentiment, p_negative, confidence * novelty / 100 AS weight, `topics.name`,
    toStartOfHour(published_at) AS hour, 1 AS number, toFloat64(sentiment) AS total, total * total AS total_squares,
    weight * sentiment AS weighted, weighted * sentiment AS weighted_squares, weight * p_negative AS weighted_negative,
    weight AS fresh, weighted AS fresh_weighted, weighted_squares AS fresh_squares, weighted_negative AS fresh_negative
FROM
(
    SELECT named AS entity, kind, published_at, tone AS sentiment, negative AS p_negative, confidence, novelty, `topics.name`
    FROM record_log FINAL
    ARRAY JOIN
        arrayConcat([toLowCardinality('')], mentions.entity) AS named,
        arrayConcat([sentiment], mentions.sentiment) AS tone,
        arrayConcat([p_negative], mentions.p_negative) AS negative,
        arrayMap((a, b, c) -> greatest(a, b, c), arrayConcat([p_negative], mentions.p_negative),
            arrayConcat([p_neutral], mentions.p_neutral), arrayConcat([p_positive], mentions.p_positive)) AS confidence,
        arrayEnumerate(arrayConcat([0], mentions.sentiment)) AS place
    WHERE error_kind = '' AND unscored = ''
        AND (place = 1 OR (named != '' AND indexOf(mentions.entity, named) = place - 1))
        AND toDate(published_at) IN state.2 AND published_at >= state.3 AND toStartOfHour(published_at) NOT IN state.1
        AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
            AND ingested_at <= {known:DateTime64(3, 'UTC')}
        AND ({weekly:UInt8} = 0 OR intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000)
            IN (0, 1, 2, 3, 7, 14, 21, 28))
        AND cityHash64(topic, topic_id, partition, offset, named) NOT IN (
            SELECT mention FROM repeats_of_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
                known = {known:DateTime64(3, 'UTC')},
                weekly = {weekly:UInt8}, kept = 0))
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
    UNION ALL
    SELECT entity, kind, published_at, sentiment, p_negative, weight AS confidence, 100 AS novelty, names AS `topics.name`
    FROM
    (
        SELECT entities, kinds, times, sentiments, negatives, weights, topics FROM settled_counts FINAL
        WHERE hour IN state.1
            AND ({sums:UInt8} = 0 OR toHour(hour) = toHour({until:DateTime64(3, 'UTC')})
                OR hour = toStartOfHour({first:DateTime64(3, 'UTC')}))
    )
    ARRAY JOIN
        entities AS entity, kinds AS kind, times AS published_at, sentiments AS sentiment, negatives AS p_negative,
        weights AS weight, topics AS names
    WHERE published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
        AND ({weekly:UInt8} = 0 OR intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000)
            IN (0, 1, 2, 3, 7, 14, 21, 28))
)
UNION ALL
SELECT
    one_entity AS entity, one_kind AS kind, one_latest AS published_at, 0 AS sentiment, 0 AS p_negative, one_weight AS weight,
    one_topics AS `topics.name`, hour, one_number AS number, one_total AS total, one_total_square AS total_squares,
    one_weighted AS weighted, one_weighted_square AS weighted_squares, one_weighted_negative AS weighted_negative,
    one_fresh AS fresh, one_fresh_weighted AS fresh_weighted, one_fresh_square AS fresh_squares,
    one_fresh_negative AS fresh_negative
FROM
(
    SELECT
        hour, sum_entities, sum_kinds, sum_topics, sum_latest, sum_numbers, sum_totals, sum_total_squares, sum_weights,
        sum_weighted, sum_weighted_squares, sum_weighted_negatives, sum_fresh, sum_fresh_weighted, sum_fresh_squares,
        sum_fresh_negatives
    FROM settled_counts FINAL
    WHERE hour IN state.1 AND {sums:UInt8} != 0 AND toHour(hour) != toHour({until:DateTime64(3, 'UTC')})
        AND hour != toStartOfHour({first:DateTime64(3, 'UTC')}) AND hour < {until:DateTime64(3, 'UTC')}
        AND ({weekly:UInt8} = 0
            OR intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28))
)
ARRAY JOIN
    sum_entities AS one_entity, sum_kinds AS one_kind, sum_topics AS one_topics, sum_latest AS one_latest,
    sum_numbers AS one_number, sum_totals AS one_total, sum_total_squares AS one_total_square,
    sum_weights AS one_weight, sum_weighted AS one_weighted, sum_weighted_squares AS one_weighted_square,
    sum_weighted_negatives AS one_weighted_negative, sum_fresh AS one_fresh,
    sum_fresh_weighted AS one_fresh_weighted, sum_fresh_squares AS one_fresh_square,
    sum_fresh_negatives AS one_fresh_negative;

-- What the indices are made of.
CREATE OR REPLACE VIEW counted_scores AS
SELECT entity, kind, published_at, sentiment, p_negative, weight, `topics.name`
FROM counted_sums(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
    known = {known:DateTime64(3, 'UTC')}, weekly = {weekly:UInt8}, sums = 0);

-- What counts with all that is stored of it. A condition on `published_at` is applied to both sides of the join, so that only
-- those days are read, where the repeats of the others are settled.
CREATE OR REPLACE VIEW counted_rows AS
WITH
(
    SELECT groupArray(hour)
    FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        known = {known:DateTime64(3, 'UTC')})
    WHERE repeats_settled
) AS hours
SELECT l.* EXCEPT mention
FROM
(
    SELECT
        named AS entity, spelt AS surface, found AS via, judged AS label, negative AS p_negative, neutral AS p_neutral,
        positive AS p_positive, tone AS sentiment, topic, topic_id, partition, offset, kind, document_id, source, author,
        lang, url, title, text, published_at, ingested_at, scored_at, story_id, novelty, model_version, `topics.name`,
        `topics.score`, lang_quality, cut,
        substringUTF8(concat(title, if(title != '' AND text != '', '\n', ''), text), begins + 1, ends - begins) AS deciding,
        greatest(negative, neutral, positive) * novelty / 100 AS weight,
        cityHash64(topic, topic_id, partition, offset, named) AS mention
    FROM record_log FINAL
    ARRAY JOIN
        arrayConcat([toLowCardinality('')], mentions.entity) AS named,
        arrayConcat([''], mentions.surface) AS spelt,
        arrayConcat([toLowCardinality('')], mentions.via) AS found,
        arrayConcat([label], mentions.label) AS judged,
        arrayConcat([p_negative], mentions.p_negative) AS negative,
        arrayConcat([p_neutral], mentions.p_neutral) AS neutral,
        arrayConcat([p_positive], mentions.p_positive) AS positive,
        arrayConcat([sentiment], mentions.sentiment) AS tone,
        arrayConcat([deciding_start], mentions.deciding_start) AS begins,
        arrayConcat([deciding_end], mentions.deciding_end) AS ends,
        arrayEnumerate(arrayConcat([0], mentions.sentiment)) AS place
    WHERE error_kind = '' AND unscored = ''
        AND (place = 1 OR (named != '' AND indexOf(mentions.entity, named) = place - 1))
        AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
            AND ingested_at <= {known:DateTime64(3, 'UTC')}
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
) AS l
LEFT ANTI JOIN
(
    SELECT published_at, mention
    FROM settled_repeats
    WHERE published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
        AND (hour, hashes) IN (SELECT hour, hashes FROM settled_repeat_hours FINAL WHERE hour IN hours)
    UNION ALL
    SELECT published_at, mention
    FROM repeats_of_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        known = {known:DateTime64(3, 'UTC')}, weekly = 0, kept = 1)
) AS r ON l.published_at = r.published_at AND l.mention = r.mention;

CREATE OR REPLACE VIEW counted_mentions_between AS
SELECT * EXCEPT weight FROM counted_rows(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
    known = {known:DateTime64(3, 'UTC')})
WHERE entity != '';

-- As in 0077_settled_hours.sql, by sums. `fresh` sums age from the moment of their latest mention on.
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
            entity, kind, sum(counts * fresh) AS mass, sum(counts * fresh_weighted) AS tone,
            sum(counts * s.fresh_squares) AS squares, sum(counts * fresh_negative) AS negative,
            sumIf(number, age_s < 86400) AS today,
            sumIf(number, age_s >= 604800 AND intDiv(toInt64(age_s), 604800) <= weeks) AS then, max(published_at) AS latest
        FROM
        (
            SELECT
                entity, kind, published_at, number, fresh, fresh_weighted, fresh_squares, fresh_negative,
                dateDiff('millisecond', published_at, until) / 1000 AS age_s,
                if(age_s < 345600, exp2(-age_s / if(kind = 'news', 28800, 1800)), 0) AS counts
            FROM counted_sums(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 29 DAY,
                until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 1, sums = 1)
        ) AS s
        GROUP BY entity, kind
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind
HAVING sum(mass) > 0;

CREATE OR REPLACE VIEW movers_as_of AS
WITH {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AS middle
SELECT
    place.1 AS scope, place.2 AS name, place.3 AS kind,
    sumIf(tone, late) / sumIf(mass, late) AS after,
    sumIf(tone, NOT late) / sumIf(mass, NOT late) AS before,
    after - before AS change,
    sumIf(number, late) AS documents,
    sumIf(number, NOT late) AS documents_before,
    change / sqrt(greatest((sumIf(squares, late) - pow(sumIf(sums, late), 2) / documents) / (documents - 1), 0.02) / documents
        + greatest((sumIf(squares, NOT late) - pow(sumIf(sums, NOT late), 2) / documents_before) / (documents_before - 1), 0.02)
            / documents_before) AS z
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')],
            [(if(e.entity_type IN ('', 'company'), 'entity', toString(e.entity_type)), toString(d.entity)),
                ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        late, mass, tone, number, sums, squares
    FROM
    (
        SELECT
            entity, kind, s.published_at > middle AS late, sum(s.weight) AS mass, sum(weighted) AS tone,
            sum(s.number) AS number, sum(total) AS sums, sum(total_squares) AS squares
        FROM counted_sums(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 8 DAY,
            until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0, sums = 1) AS s
        GROUP BY entity, kind, late
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind
HAVING documents >= 3 AND documents_before >= 3 AND sumIf(mass, late) > 0 AND sumIf(mass, NOT late) > 0
ORDER BY abs(z) DESC, scope, name, kind;

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
            sumIf(m.number, late) AS number, sumIf(m.number, NOT late) AS number_before,
            sumIf(total, late) / number AS tone
        FROM
        (
            SELECT
                entity, number, total, published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AS late,
                arrayConcat([toLowCardinality('')], `topics.name`) AS themes
            FROM counted_sums(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 8 DAY,
                until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0, sums = 1)
            WHERE entity != ''
        ) AS m
        ARRAY JOIN themes AS theme, arrayEnumerate(themes) AS place
        GROUP BY entity, theme, every
    )
)
WHERE NOT every;

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
            sum(s.weight) AS mass, sum(weighted) AS tone, sum(weighted_squares) AS squares,
            sum(weighted_negative) AS negative, sum(s.number) AS number
        FROM counted_sums(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
            known = {known:DateTime64(3, 'UTC')}, weekly = 0,
            sums = ({width_s:UInt32} % 3600 = 0)) AS s
        GROUP BY entity, kind, start
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind, start
HAVING sum(mass) > 0;

-- Of all that is stored. A condition on `start` reads only the windows that it asks for.
CREATE OR REPLACE VIEW sentiment_1m AS
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
            entity, kind, toStartOfInterval(s.published_at, toIntervalSecond(60)) AS start,
            sum(s.weight) AS mass, sum(s.weight * s.sentiment) AS tone,
            sum(s.weight * s.sentiment * s.sentiment) AS squares, sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_rows(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00') AS s
        GROUP BY entity, kind, start
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind, start
HAVING sum(mass) > 0;

CREATE OR REPLACE VIEW sentiment_1h AS
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
            entity, kind, toStartOfInterval(s.published_at, toIntervalSecond(3600)) AS start,
            sum(s.weight) AS mass, sum(s.weight * s.sentiment) AS tone,
            sum(s.weight * s.sentiment * s.sentiment) AS squares, sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_rows(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00') AS s
        GROUP BY entity, kind, start
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind, start
HAVING sum(mass) > 0;

CREATE OR REPLACE VIEW sentiment_1d AS
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
            entity, kind, toStartOfInterval(s.published_at, toIntervalSecond(86400)) AS start,
            sum(s.weight) AS mass, sum(s.weight * s.sentiment) AS tone,
            sum(s.weight * s.sentiment * s.sentiment) AS squares, sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_rows(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00') AS s
        GROUP BY entity, kind, start
    ) AS d
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE place.2 != ''
GROUP BY scope, name, kind, start
HAVING sum(mass) > 0;
