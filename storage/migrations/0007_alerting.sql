-- What an alert's topic is, what people did about alerts, and what was sent to whom.
ALTER TABLE alerts ADD COLUMN topic LowCardinality(String) DEFAULT '' AFTER entity;

CREATE TABLE alert_actions
(
    id String,
    action Enum8('acknowledged' = 1, 'reopened' = 2),
    by String,
    note String,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (id, action);

-- An empty entity or kind is any.
CREATE TABLE silences
(
    silence_id String,
    entity LowCardinality(String),
    kind LowCardinality(String),
    starts_at DateTime64(3, 'UTC'),
    ends_at DateTime64(3, 'UTC'),
    by String,
    note String,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY silence_id;

-- What became of each transition at each receiver: a second worker looks here before it sends.
CREATE TABLE alert_deliveries
(
    id String,
    state LowCardinality(String),
    receiver LowCardinality(String),
    outcome Enum8('sent' = 1, 'dead' = 2, 'held' = 3),
    attempts UInt16,
    error String,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (id, state, receiver);
