-- As in 0077_settled_hours.sql, but for the hours that are not settled. Where these are the last few, the window functions look
-- at all that came in them, and at what has their stories and documents: `repeats` then holds the keys of all of it, whether they
-- came twice or not. To find out first what came twice read as many rows again, twice, for an hour that has few.
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
    WHERE state.3 < {until:DateTime64(3, 'UTC')} - INTERVAL 3 HOUR
    GROUP BY key
    HAVING count() > 1 AND max(published_at) >= state.3
    UNION ALL
    SELECT arrayJoin([cityHash64(story_id), cityHash64(source, document_id)])
    FROM record_log
    WHERE state.3 >= {until:DateTime64(3, 'UTC')} - INTERVAL 3 HOUR
        AND published_at >= state.3 AND published_at <= {until:DateTime64(3, 'UTC')}
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
    WHERE state.3 < {until:DateTime64(3, 'UTC')} - INTERVAL 3 HOUR
        AND error_kind = '' AND unscored = '' AND (named != '' OR place = 1)
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
