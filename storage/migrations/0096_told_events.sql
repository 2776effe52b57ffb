-- What a document tells of events, as numbers: few documents tell of any, and to find these among all of half a year took longer
-- than all the rest of a question about a day. `told` has them apart, in the same parts as the rows, by the day of publication.
-- The lowest bit of a state says whether the event is the company's own and of today.
ALTER TABLE record_log
    ADD COLUMN IF NOT EXISTS event_entities Array(UInt64) MATERIALIZED arrayMap(entity -> cityHash64(entity), events.entity),
    ADD COLUMN IF NOT EXISTS event_types Array(UInt64) MATERIALIZED arrayMap(type -> cityHash64(type), events.type),
    ADD COLUMN IF NOT EXISTS event_states Array(UInt64) MATERIALIZED arrayMap(
        (role, state) -> bitOr(bitAnd(cityHash64(state), 18446744073709551614),
            toUInt64(role = 'subject' AND state NOT IN ('historic', 'hypothetical'))),
        events.role, events.state);

-- `groupBitmap` says whether all rows of a day and partition are of different positions, and `groupArrayIf` which offsets are of
-- bad records. A query finds a projection only by what is written as here, and ClickHouse writes a plain length() otherwise.
ALTER TABLE record_log ADD PROJECTION IF NOT EXISTS told
(
    SELECT
        intDiv(toUnixTimestamp64Milli(published_at), 86400000), topic, topic_id, partition,
        count(), groupBitmap(toUInt64(offset)), groupArrayIf(offset, error_kind != ''),
        groupArrayArray(event_entities), groupArrayArray(event_types), groupArrayArray(event_states),
        groupArrayArray(events.severity), groupArrayArray(arrayEnumerate(event_types)),
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), offset)),
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), story_id)),
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), cityHash64(source))),
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(published_at))),
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(ingested_at)))
    GROUP BY intDiv(toUnixTimestamp64Milli(published_at), 86400000), topic, topic_id, partition
);

-- In the background: until then, older rows are read to tell what `told` would.
ALTER TABLE record_log MATERIALIZE PROJECTION told SETTINGS mutations_sync = 0, alter_sync = 0;

-- The reports of events, `first` < published_at <= `until`, of what had been stored at `known`: for each document and event a
-- row of numbers, which are hashes of the entity, the type, the state and the source. `place` is the event's in its document. What was
-- stored twice of a position is told apart by reading the rows themselves, which is seldom needed.
CREATE OR REPLACE VIEW event_reports AS
SELECT
    entity_hash, type_hash, state_hash, bitAnd(state_hash, 1) AS news, severity, place, story_id, source_hash,
    fromUnixTimestamp64Milli(published, 'UTC') AS published_at, fromUnixTimestamp64Milli(ingested, 'UTC') AS ingested_at,
    topic, topic_id, partition, offset
FROM
(
    SELECT
        topic, topic_id, partition,
        groupArrayArray(event_entities) AS entities, groupArrayArray(event_types) AS types,
        groupArrayArray(event_states) AS states, groupArrayArray(events.severity) AS severities,
        groupArrayArray(arrayEnumerate(event_types)) AS places,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), offset)) AS offsets,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), story_id)) AS stories,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), cityHash64(source))) AS sources,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(published_at)))
            AS publications,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(ingested_at)))
            AS ingestions
    FROM record_log
    WHERE intDiv(toUnixTimestamp64Milli(published_at), 86400000)
            >= intDiv(toUnixTimestamp64Milli({first:DateTime64(3, 'UTC')}), 86400000)
        AND intDiv(toUnixTimestamp64Milli(published_at), 86400000)
            <= intDiv(toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}), 86400000)
    GROUP BY intDiv(toUnixTimestamp64Milli(published_at), 86400000), topic, topic_id, partition
    HAVING count() = groupBitmap(toUInt64(offset))
)
ARRAY JOIN
    entities AS entity_hash, types AS type_hash, states AS state_hash, severities AS severity, places AS place,
    offsets AS offset, stories AS story_id, sources AS source_hash, publications AS published, ingestions AS ingested
WHERE published > toUnixTimestamp64Milli({first:DateTime64(3, 'UTC')})
    AND published <= toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')})
    AND ingested <= toUnixTimestamp64Milli({known:DateTime64(3, 'UTC')})
UNION ALL
SELECT
    entity_hash, type_hash, state_hash, bitAnd(state_hash, 1) AS news, severity, place, story_id, source_hash, published_at,
    ingested_at, topic, topic_id, partition, offset
FROM
(
    SELECT
        entity_hash, type_hash, state_hash, severity, place, story_id, cityHash64(source) AS source_hash, published_at,
        ingested_at, topic, topic_id, partition, offset
    FROM record_log FINAL
    ARRAY JOIN
        event_entities AS entity_hash, event_types AS type_hash, event_states AS state_hash, events.severity AS severity,
        arrayEnumerate(event_types) AS place
    WHERE error_kind = '' AND published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
        AND ingested_at <= {known:DateTime64(3, 'UTC')}
        AND (topic, topic_id, partition, intDiv(toUnixTimestamp64Milli(published_at), 86400000)) IN (
            SELECT topic, topic_id, partition, intDiv(toUnixTimestamp64Milli(published_at), 86400000)
            FROM record_log
            WHERE intDiv(toUnixTimestamp64Milli(published_at), 86400000)
                    >= intDiv(toUnixTimestamp64Milli({first:DateTime64(3, 'UTC')}), 86400000)
                AND intDiv(toUnixTimestamp64Milli(published_at), 86400000)
                    <= intDiv(toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}), 86400000)
            GROUP BY intDiv(toUnixTimestamp64Milli(published_at), 86400000), topic, topic_id, partition
            HAVING count() > groupBitmap(toUInt64(offset))
        )
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
);

-- What was told of all companies in a span, as 0026_event_views.sql explains; events_of, which is asked about some, finds theirs
-- as 0090_of_companies.sql says, sooner. Of the half year before, only what is left of it is needed for each company and type: the
-- event that went on (`before`). The documents are read for the span alone, and last.
CREATE OR REPLACE VIEW events_between AS
WITH
reports AS
(
    SELECT
        entity_hash AS entity, type_hash AS type, state_hash AS state, news, severity, place, story_id, published_at,
        ingested_at, topic, topic_id, partition, offset
    FROM event_reports(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        known = {known:DateTime64(3, 'UTC')})
),
pauses AS
(
    SELECT cityHash64(type) AS type, half_life_h FROM event_types
),
before AS
(
    SELECT
        entity, type, news,
        arraySort(times) AS sorted,
        sorted[greatest(1, arrayLastIndex(gap -> gap > 7200000 * toInt64(if(half_life_h = 0, 168, half_life_h)),
            arrayDifference(sorted)))] AS began,
        sorted[-1] AS latest,
        arrayMax(arrayFilter((one, time) -> time >= began, severities, times)) AS worst,
        arrayDistinct(arrayFilter((one, time) -> time >= began, states, times)) AS seen_states,
        arrayDistinct(arrayFilter((one, time) -> time >= began, stories, times)) AS seen,
        toUInt64(length(seen)) AS seen_stories,
        arrayIntersect(seen, told_again) AS retold
    FROM
    (
        SELECT
            entity_hash AS entity, type_hash AS type, news,
            groupArray(toUnixTimestamp64Milli(published_at)) AS times, groupArray(severity) AS severities,
            groupArray(state_hash) AS states, groupArray(story_id) AS stories
        FROM event_reports(first = {first:DateTime64(3, 'UTC')} - INTERVAL 180 DAY, until = {first:DateTime64(3, 'UTC')},
            known = {known:DateTime64(3, 'UTC')})
        GROUP BY entity, type, news
    ) AS earlier
    INNER JOIN
    (
        SELECT entity, type, news, groupUniqArray(story_id) AS told_again FROM reports GROUP BY entity, type, news
    ) AS asked USING (entity, type, news)
    LEFT JOIN pauses USING (type)
)
SELECT
    e.entity AS entity, e.type AS type, t.event_group AS event_group, role, e.state AS state, e.severity AS severity,
    polarity, probability, relevance,
    multiIf(NOT n.news, 'none', n.first, 'first', n.develops, 'development', 'repeat') AS novelty,
    fromUnixTimestamp64Milli(n.began, 'UTC') AS began_at, n.stories AS stories, e.published_at AS published_at, ingested_at,
    kind, source, document_id, story_id, lang, title, text, url, sentiment, model_version, e.topic AS topic,
    e.topic_id AS topic_id, e.partition AS partition, e.offset AS offset
FROM
(
    SELECT
        toString(event_entity) AS entity, toString(event_type) AS type, toString(event_role) AS role,
        toString(event_state) AS state, event_severity AS severity, event_polarity AS polarity,
        event_probability AS probability, event_relevance AS relevance, place,
        published_at, ingested_at, kind, source, document_id, story_id, lang, title, text, url,
        mentions.sentiment[indexOf(mentions.entity, event_entity)] AS sentiment,
        model_version, topic, topic_id, partition, offset
    FROM documents
    ARRAY JOIN
        events.entity AS event_entity, events.type AS event_type, events.role AS event_role,
        events.state AS event_state, events.severity AS event_severity, events.polarity AS event_polarity,
        events.probability AS event_probability, events.relevance AS event_relevance,
        arrayEnumerate(events.type) AS place
    WHERE published_at > {first:DateTime64(3, 'UTC')} AND published_at <= {until:DateTime64(3, 'UTC')}
        AND ingested_at <= {known:DateTime64(3, 'UTC')}
) AS e
INNER JOIN
(
    SELECT
        topic, topic_id, partition, offset, published_at, place, news,
        episode > 0 AND row_number() OVER told = 1 AS first,
        (row_number() OVER of_state = 1 AND NOT (episode = 0 AND has(seen_states, state)))
            OR severity > greatest(max(severity) OVER (told ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                if(episode = 0, worst, 0)) AS develops,
        if(episode = 0, began, min(at) OVER whole) AS began,
        if(episode = 0, seen_stories, 0) + uniqExactIf(story_id, NOT (episode = 0 AND has(retold, story_id)))
            OVER (told ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stories
    FROM
    (
        SELECT *, sum(begins) OVER (PARTITION BY entity, type, news
            ORDER BY at, ingested_at, topic, partition, offset, place
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS episode
        FROM
        (
            SELECT
                r.*, toUnixTimestamp64Milli(published_at) AS at, began, worst, seen_states, seen_stories, retold,
                if(row_number() OVER running = 1, latest = 0 OR latest < at - pause,
                    lagInFrame(at) OVER running < at - pause) AS begins
            FROM
            (
                SELECT reports.*, 7200000 * toInt64(if(half_life_h = 0, 168, half_life_h)) AS pause
                FROM reports LEFT JOIN pauses USING (type)
            ) AS r
            LEFT JOIN before AS b USING (entity, type, news)
            WINDOW running AS (PARTITION BY entity, type, news ORDER BY at, ingested_at, topic, partition, offset, place
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )
    )
    WINDOW
        whole AS (PARTITION BY entity, type, news, episode),
        told AS (PARTITION BY entity, type, news, episode ORDER BY at, ingested_at, topic, partition, offset, place),
        of_state AS (PARTITION BY entity, type, news, episode, state
            ORDER BY at, ingested_at, topic, partition, offset, place)
) AS n USING (topic, topic_id, partition, offset, published_at, place)
LEFT JOIN (SELECT type, event_group FROM event_types) AS t ON e.type = t.type;

-- What is open at each company at a moment, as 0026_event_views.sql explains. `open` has for each entity and type the event that
-- is: when it began, and its last report. `found` has what its reports of half a year say together, and the positions of the
-- first one and the last. Of documents, only these are read.
CREATE OR REPLACE VIEW events_as_of AS
WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    (
        SELECT groupArray((entity, type, arrayMax(arrayFilter(start -> start <= ended, starts)), ended))
        FROM
        (
            SELECT entity, type, starts, arrayJoin(arrayFilter(
                time -> time > toUnixTimestamp64Milli(until - INTERVAL 180 DAY) AND exp2(
                    -dateDiff('second', fromUnixTimestamp64Milli(time, 'UTC'), until) / 3600 / half_life) >= 0.25, ends)) AS ended
            FROM
            (
                SELECT
                    entity, type, if(half_life_h = 0, 168, half_life_h) AS half_life, 7200000 * toInt64(half_life) AS pause,
                    arrayFilter((time, gap) -> gap > pause, sorted, arrayPushFront(gaps, 9000000000000000000)) AS starts,
                    arrayFilter((time, gap) -> gap > pause, sorted, arrayPushBack(gaps, 9000000000000000000)) AS ends
                FROM
                (
                    SELECT
                        entity_hash AS entity, type_hash AS type,
                        arraySort(groupArray(toUnixTimestamp64Milli(published_at))) AS sorted,
                        arrayPopFront(arrayDifference(sorted)) AS gaps
                    FROM event_reports(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 360 DAY,
                        until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
                    WHERE news
                    GROUP BY entity, type
                ) AS r
                LEFT JOIN (SELECT cityHash64(type) AS type, half_life_h FROM event_types) AS t USING (type)
            )
        )
    ) AS open,
    (
        SELECT (groupArray((began, severity, stories, sources, documents, last, first)),
            groupArrayArray([(last.1, last.2, last.3, last.4), (first.1, first.2, first.3, first.4)]))
        FROM
        (
            SELECT
                began, max(severity) AS severity, uniqExact(story_id) AS stories, uniqExact(source_hash) AS sources,
                count() AS documents,
                argMaxIf((topic, topic_id, partition, offset, place), (ingested_at, topic, partition, offset, place),
                    at = ended) AS last,
                argMinIf((topic, topic_id, partition, offset, place), (ingested_at, topic, partition, offset, place),
                    at = began) AS first
            FROM
            (
                SELECT *, entity_hash AS entity, type_hash AS type, toUnixTimestamp64Milli(published_at) AS at
                FROM event_reports(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 180 DAY,
                    until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
                WHERE news
            ) AS r
            INNER JOIN
            (
                SELECT one.1 AS entity, one.2 AS type, one.3 AS began, one.4 AS ended FROM (SELECT arrayJoin(open) AS one)
            ) AS o USING (entity, type)
            WHERE at >= began AND at <= ended
            GROUP BY entity, type, began
        )
    ) AS found,
    documents_told AS
    (
        SELECT
            topic, topic_id, partition, offset, published_at, source, document_id, title, text, url,
            arrayMap((a, b, c, d) -> (a, b, c, d), events.entity, events.type, events.state,
                events.polarity) AS told
        FROM documents
        WHERE published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 180 DAY
            AND published_at <= {moment:DateTime64(3, 'UTC')}
            AND (topic, topic_id, partition, offset) IN found.2
    )
SELECT
    toLowCardinality(l.told[o.place].1) AS entity, toLowCardinality(l.told[o.place].2) AS type,
    CAST(t.event_group, 'String') AS event_group, l.told[o.place].3 AS state,
    o.severity AS severity, l.told[o.place].4 AS polarity, fromUnixTimestamp64Milli(o.began, 'UTC') AS began_at,
    l.published_at AS latest_at,
    exp2(-dateDiff('second', latest_at, until) / 3600 / if(t.half_life_h = 0, 168, t.half_life_h)) AS weight,
    o.stories AS stories, o.sources AS sources, o.documents AS documents, CAST(f.source, 'String') AS source,
    f.document_id AS document_id,
    f.title AS title, f.text AS text, f.url AS url
FROM
(
    SELECT
        one.1 AS began, one.2 AS severity, one.3 AS stories, one.4 AS sources, one.5 AS documents, one.6.1 AS topic,
        one.6.2 AS topic_id, one.6.3 AS partition, one.6.4 AS offset, one.6.5 AS place, one.7.1 AS first_topic,
        one.7.2 AS first_topic_id, one.7.3 AS first_partition, one.7.4 AS first_offset
    FROM (SELECT arrayJoin(found.1) AS one)
) AS o
INNER JOIN documents_told AS l
    ON o.topic = l.topic AND o.topic_id = l.topic_id AND o.partition = l.partition AND o.offset = l.offset
LEFT JOIN documents_told AS f
    ON o.first_topic = f.topic AND o.first_topic_id = f.topic_id AND o.first_partition = f.partition
        AND o.first_offset = f.offset
LEFT JOIN event_types AS t ON l.told[o.place].2 = t.type
WHERE state NOT IN ('denied', 'averted')
ORDER BY severity * weight DESC, entity, type;
