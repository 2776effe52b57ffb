-- Few documents are scored again, and to put all rows in order for these took most of the time. The others are taken as they
-- are. `place` is a hash of the position, as it is compared sooner; two positions of one hash do no harm, as the second part
-- decides for each. With published_at in the joins, a condition on it is applied to both sides.
CREATE OR REPLACE VIEW documents_as_of AS
SELECT d.* EXCEPT place
FROM
(
    SELECT *, cityHash64(topic, topic_id, partition, offset) AS place
    FROM documents_by_model
    WHERE known_at <= {moment:DateTime64(3, 'UTC')}
) AS d
LEFT ANTI JOIN
(
    SELECT published_at, cityHash64(topic, topic_id, partition, offset) AS place
    FROM rescored_log
    WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
) AS r USING (published_at, place)
UNION ALL
SELECT *
FROM
(
    SELECT d.* EXCEPT place
    FROM
    (
        SELECT *, cityHash64(topic, topic_id, partition, offset) AS place
        FROM documents_by_model
        WHERE known_at <= {moment:DateTime64(3, 'UTC')}
    ) AS d
    LEFT SEMI JOIN
    (
        SELECT published_at, cityHash64(topic, topic_id, partition, offset) AS place
        FROM rescored_log
        WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
    ) AS r USING (published_at, place)
    ORDER BY known_at DESC, scored_at DESC
    LIMIT 1 BY topic, topic_id, partition, offset, published_at
);

-- In the same two parts. The texts of what was not scored again are read with it.
CREATE OR REPLACE VIEW mentions_as_of AS
SELECT d.* EXCEPT place
FROM
(
    SELECT
        entity, surface, via, mention_label AS label, mention_p_negative AS p_negative, mention_p_neutral AS p_neutral,
        mention_p_positive AS p_positive, mention_sentiment AS sentiment, topic, topic_id, partition, offset, kind,
        document_id, source, lang, url, title, text, published_at, ingested_at, ingested_at AS known_at, story_id,
        model_version, cityHash64(topic, topic_id, partition, offset) AS place
    FROM documents
    ARRAY JOIN
        mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
        mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
        mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
        mentions.sentiment AS mention_sentiment
    WHERE unscored = '' AND ingested_at <= {moment:DateTime64(3, 'UTC')}
) AS d
LEFT ANTI JOIN
(
    SELECT published_at, cityHash64(topic, topic_id, partition, offset) AS place
    FROM rescored_log
    WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
) AS r USING (published_at, place)
UNION ALL
SELECT
    s.entity AS entity, s.surface AS surface, s.via AS via, s.label AS label, s.p_negative AS p_negative,
    s.p_neutral AS p_neutral, s.p_positive AS p_positive, s.sentiment AS sentiment, s.topic AS topic,
    s.topic_id AS topic_id, s.partition AS partition, s.offset AS offset, s.kind AS kind, s.document_id AS document_id,
    s.source AS source, s.lang AS lang, d.url AS url, d.title AS title, d.text AS text, s.published_at AS published_at,
    s.ingested_at AS ingested_at, s.known_at AS known_at, s.story_id AS story_id, s.model_version AS model_version
FROM
(
    SELECT topic, topic_id, partition, offset, published_at, url, title, text
    FROM documents
    WHERE ingested_at <= {moment:DateTime64(3, 'UTC')} AND notEmpty(mentions.entity)
) AS d
INNER JOIN
(
    SELECT
        entity, surface, via, mention_label AS label, mention_p_negative AS p_negative, mention_p_neutral AS p_neutral,
        mention_p_positive AS p_positive, mention_sentiment AS sentiment, topic, topic_id, partition, offset, kind,
        document_id, source, lang, published_at, ingested_at, known_at, story_id, model_version
    FROM
    (
        SELECT d.* EXCEPT place
        FROM
        (
            SELECT *, cityHash64(topic, topic_id, partition, offset) AS place
            FROM documents_by_model
            WHERE known_at <= {moment:DateTime64(3, 'UTC')}
        ) AS d
        LEFT SEMI JOIN
        (
            SELECT published_at, cityHash64(topic, topic_id, partition, offset) AS place
            FROM rescored_log
            WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
        ) AS r USING (published_at, place)
        ORDER BY known_at DESC, scored_at DESC
        LIMIT 1 BY topic, topic_id, partition, offset, published_at
    )
    ARRAY JOIN
        mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
        mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
        mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
        mentions.sentiment AS mention_sentiment
) AS s USING (topic, topic_id, partition, offset, published_at);

-- The positions of bad records are looked up first, where 0096_told_events.sql has them, and the rows of these alone are read.
CREATE OR REPLACE VIEW dead_letters AS
SELECT topic, topic_id, partition, offset, ingested_at, kind, error_kind, error_field, error, raw
FROM record_log FINAL
WHERE error_kind NOT IN ('', 'tombstone') AND (topic, topic_id, partition, offset) IN (
    SELECT topic, topic_id, partition, arrayJoin(groupArrayIf(offset, error_kind != ''))
    FROM record_log
    GROUP BY topic, topic_id, partition
)
UNION ALL
SELECT topic, topic_id, partition, offset, ingested_at, 'label' AS kind, error_kind, error_field, error, raw
FROM label_log FINAL
WHERE error_kind NOT IN ('', 'tombstone');

-- In the background, as with `told`. What is stored later has a later ingested_at, so a question about some days of storing
-- reads these.
ALTER TABLE record_log ADD INDEX IF NOT EXISTS ingested_range ingested_at TYPE minmax GRANULARITY 1;

ALTER TABLE record_log MATERIALIZE INDEX ingested_range SETTINGS mutations_sync = 0, alter_sync = 0;

-- FINAL would read the whole month, to find out what was stored twice. `twice` has the partitions where that is so; only in
-- these it is needed. What counts for a source counts for all of them ('*'), too.
CREATE OR REPLACE VIEW feeds_as_of AS
WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    twice AS
    (
        SELECT topic, topic_id, partition
        FROM record_log
        GROUP BY topic, topic_id, partition
        HAVING count() > groupBitmap(toUInt64(offset))
    )
SELECT
    topic, origin AS source,
    max(last) AS stored_at,
    if(sum(documents) = 0, NULL, maxIf(newest, documents > 0)) AS published_at,
    dateDiff('second', stored_at, until) AS silent_s,
    sum(of_hour) AS documents_1h,
    sum(of_day) AS documents_1d,
    sum(documents - of_day) / 7 AS usual_1d,
    sum(bad_of_day) AS dead_letters_1d,
    if(documents_1d = 0, NULL, quantileExactMerge(0.5)(delay_50)) AS delay_p50_s,
    if(documents_1d = 0, NULL, quantileExactMerge(0.95)(delay_95)) AS delay_p95_s,
    if(documents_1d = 0, NULL, quantileExactMerge(0.99)(delay_99)) AS delay_p99_s
FROM
(
    SELECT
        topic, source, max(ingested_at) AS last, countIf(good) AS documents, maxIf(r.published_at, good) AS newest,
        countIf(good AND ingested_at > until - INTERVAL 1 HOUR) AS of_hour, countIf(good AND today) AS of_day,
        countIf(not good AND today) AS bad_of_day,
        quantileExactStateIf(0.5)(delay_s, good AND today) AS delay_50,
        quantileExactStateIf(0.95)(delay_s, good AND today) AS delay_95,
        quantileExactStateIf(0.99)(delay_s, good AND today) AS delay_99
    FROM
    (
        SELECT
            topic, source, ingested_at, published_at, error_kind = '' AS good, ingested_at > until - INTERVAL 1 DAY AS today,
            dateDiff('millisecond', published_at, ingested_at) / 1000 AS delay_s
        FROM record_log
        WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until AND error_kind != 'tombstone'
            AND (topic, topic_id, partition) NOT IN (SELECT topic, topic_id, partition FROM twice)
        UNION ALL
        SELECT
            topic, source, ingested_at, published_at, error_kind = '' AS good, ingested_at > until - INTERVAL 1 DAY AS today,
            dateDiff('millisecond', published_at, ingested_at) / 1000 AS delay_s
        FROM record_log FINAL
        WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until AND error_kind != 'tombstone'
            AND (topic, topic_id, partition) IN (SELECT topic, topic_id, partition FROM twice)
        UNION ALL
        SELECT
            topic, annotator AS source, ingested_at, labelled_at AS published_at, error_kind = '' AS good,
            ingested_at > until - INTERVAL 1 DAY AS today, dateDiff('millisecond', labelled_at, ingested_at) / 1000 AS delay_s
        FROM label_log FINAL
        WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until AND error_kind != 'tombstone'
    ) AS r
    GROUP BY topic, source
)
ARRAY JOIN if(source = '', ['*'], ['*', toString(source)]) AS origin
GROUP BY topic, origin
ORDER BY topic, source;
