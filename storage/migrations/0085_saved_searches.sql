-- The searches that people saved on the console, each person their own. No view shows them.
CREATE TABLE saved_searches
(
    user String,
    name String,
    words String,
    entity LowCardinality(String),
    desk LowCardinality(String),
    topic LowCardinality(String),
    tone LowCardinality(String),
    entity_type LowCardinality(String),
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (user, name);
