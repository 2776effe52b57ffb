-- A record without a value (a tombstone) is neither a document nor a dead letter. Its position is in record_log or label_log
-- with the error_kind 'tombstone', so that the ledger accounts for it; the views of bad records leave it out.
CREATE OR REPLACE VIEW dead_letters AS
SELECT topic, topic_id, partition, offset, ingested_at, kind, error_kind, error_field, error, raw
FROM record_log FINAL
WHERE error_kind NOT IN ('', 'tombstone')
UNION ALL
SELECT topic, topic_id, partition, offset, ingested_at, 'label' AS kind, error_kind, error_field, error, raw
FROM label_log FINAL
WHERE error_kind NOT IN ('', 'tombstone');

CREATE OR REPLACE VIEW feeds_as_of AS
WITH {moment:DateTime64(3, 'UTC')} AS until
SELECT
    topic, origin AS source,
    max(ingested_at) AS stored_at,
    if(countIf(good) = 0, NULL, maxIf(r.published_at, good)) AS published_at,
    dateDiff('second', stored_at, until) AS silent_s,
    countIf(good AND ingested_at > until - INTERVAL 1 HOUR) AS documents_1h,
    countIf(good AND today) AS documents_1d,
    countIf(good AND not today) / 7 AS usual_1d,
    countIf(not good AND today) AS dead_letters_1d,
    if(countIf(good AND today) = 0, NULL, quantileExactIf(0.5)(delay_s, good AND today)) AS delay_p50_s,
    if(countIf(good AND today) = 0, NULL, quantileExactIf(0.95)(delay_s, good AND today)) AS delay_p95_s,
    if(countIf(good AND today) = 0, NULL, quantileExactIf(0.99)(delay_s, good AND today)) AS delay_p99_s
FROM
(
    SELECT
        topic, source, ingested_at, published_at, error_kind = '' AS good, ingested_at > until - INTERVAL 1 DAY AS today,
        dateDiff('millisecond', published_at, ingested_at) / 1000 AS delay_s
    FROM record_log FINAL
    WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until AND error_kind != 'tombstone'
    UNION ALL
    SELECT
        topic, annotator AS source, ingested_at, labelled_at AS published_at, error_kind = '' AS good,
        ingested_at > until - INTERVAL 1 DAY AS today, dateDiff('millisecond', labelled_at, ingested_at) / 1000 AS delay_s
    FROM label_log FINAL
    WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until AND error_kind != 'tombstone'
) AS r
ARRAY JOIN if(source = '', ['*'], ['*', toString(source)]) AS origin
GROUP BY topic, origin
ORDER BY topic, source;
