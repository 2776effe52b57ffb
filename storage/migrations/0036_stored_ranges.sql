-- Which offsets were stored in which partition of record_log or label_log: known even when people have dropped that
-- partition, as they do to keep disks small. Workers write it some seconds after the rows. See storage/ledger.py.
CREATE TABLE stored_ranges
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    stored_in LowCardinality(String),
    table_partition LowCardinality(String),
    first SimpleAggregateFunction(min, Int64),
    last SimpleAggregateFunction(max, Int64),
    at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (topic, topic_id, partition, stored_in, table_partition);

INSERT INTO stored_ranges
SELECT topic, topic_id, partition, 'record_log', toString(toYYYYMM(ingested_at)) AS month, min(offset), max(offset), now64(3)
FROM record_log
GROUP BY topic, topic_id, partition, month;

INSERT INTO stored_ranges
SELECT topic, topic_id, partition, 'label_log', 'all', min(offset), max(offset), now64(3)
FROM label_log
GROUP BY topic, topic_id, partition;
