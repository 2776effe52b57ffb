-- What all migrations make together: one declaration for each table, then for each view, in the order of their names.
-- The numbers above a declaration are the migrations that made or changed it; their comments say why it is so.
-- To change the schema, add a migration. Made by 'python -m deploy.reference'; do not edit.

-- 0007_alerting
CREATE TABLE alert_actions
(
    `id` String,
    `action` Enum8('acknowledged' = 1, 'reopened' = 2),
    `by` String,
    `note` String,
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (id, action);

-- 0008_receivers
CREATE TABLE alert_claims
(
    `message` String,
    `worker` String,
    `at` DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY (message, at)
TTL toDateTime(at) + toIntervalDay(1);

-- 0007_alerting, 0008_receivers
CREATE TABLE alert_deliveries
(
    `id` String,
    `state` LowCardinality(String),
    `receiver` LowCardinality(String),
    `outcome` Enum8('sent' = 1, 'dead' = 2, 'held' = 3, 'again' = 4),
    `attempts` UInt16,
    `error` String,
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (id, state, receiver);

-- 0003_alerts, 0007_alerting, 0027_incidents
CREATE TABLE alerts
(
    `id` String,
    `kind` LowCardinality(String),
    `entity` LowCardinality(String),
    `topic` LowCardinality(String) DEFAULT '',
    `direction` LowCardinality(String),
    `severity` LowCardinality(String),
    `state` LowCardinality(String),
    `fired_at` DateTime64(3, 'UTC'),
    `at` DateTime64(3, 'UTC'),
    `recorded_at` DateTime64(3, 'UTC'),
    `before_mean` Float64,
    `after_mean` Float64,
    `before_documents` UInt32,
    `after_documents` UInt32,
    `began_at` DateTime64(3, 'UTC'),
    `model_version` LowCardinality(String),
    `evidence` String CODEC(ZSTD(3)),
    `incident` String DEFAULT id,
    `version` UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(recorded_at))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (id, state);

-- 0015_audit_log
CREATE TABLE audit_log
(
    `at` DateTime64(3, 'UTC'),
    `user` String,
    `action` LowCardinality(String),
    `subject` String,
    `detail` String,
    `via` LowCardinality(String),
    `address` String
)
ENGINE = MergeTree
ORDER BY at;

-- 0003_alerts
CREATE TABLE dead_letter_actions
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `action` Enum8('replayed' = 1, 'dropped' = 2),
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition, offset);

-- 0011_shadow_drift
CREATE TABLE drift
(
    `at` DateTime64(3, 'UTC'),
    `kind` LowCardinality(String),
    `source` LowCardinality(String),
    `measure` LowCardinality(String),
    `model_version` LowCardinality(String),
    `reference_since` DateTime64(3, 'UTC'),
    `reference_until` DateTime64(3, 'UTC'),
    `reference_documents` UInt32,
    `current_documents` UInt32,
    `reference_mean` Float64,
    `current_mean` Float64,
    `effect` Float64,
    `alarm` String,
    `began_at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (at, kind, source, measure)
TTL toDateTime(at) + toIntervalDay(180);

-- 0009_emerging
CREATE TABLE emerging_topics
(
    `id` String,
    `at` DateTime64(3, 'UTC'),
    `name` String,
    `terms` Array(String),
    `lang` LowCardinality(String),
    `first_at` DateTime64(3, 'UTC'),
    `last_at` DateTime64(3, 'UTC'),
    `documents` UInt32,
    `recent` UInt32,
    `usual` Float64,
    `burst` Float64,
    `entities` Array(LowCardinality(String)),
    `members.topic` Array(LowCardinality(String)),
    `members.topic_id` Array(LowCardinality(String)),
    `members.partition` Array(Int32),
    `members.offset` Array(Int64)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY id;

-- 0003_alerts, 0069_entity_types
CREATE TABLE entities
(
    `ticker` String,
    `name` String,
    `desk` LowCardinality(String),
    `sector` LowCardinality(String),
    `entity_type` LowCardinality(String) DEFAULT 'company',
    `leads` String,
    `loaded_at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY ticker;

-- 0046_feed_polls
CREATE TABLE feed_polls
(
    `feed` LowCardinality(String),
    `kind` LowCardinality(String),
    `polled_at` DateTime64(3, 'UTC'),
    `last_item_at` Nullable(DateTime64(3, 'UTC')),
    `next_poll_at` Nullable(DateTime64(3, 'UTC')),
    `sent` UInt64,
    `errors` UInt32,
    `error` String
)
ENGINE = ReplacingMergeTree(polled_at)
ORDER BY feed
TTL toDateTime(polled_at) + toIntervalDay(30);

-- 0026_event_views, 0078_again
CREATE TABLE known_event_types
(
    `type` String,
    `event_group` LowCardinality(String),
    `polarity` Int8,
    `severity` UInt8,
    `half_life_h` UInt32,
    `pages` Bool,
    `witnesses` UInt8,
    `again` UInt8 DEFAULT 1,
    `definition` String,
    `loaded_at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY type;

-- 0006_labels_models
CREATE TABLE label_log
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `ingested_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `document_id` String CODEC(ZSTD(1)),
    `text` String CODEC(ZSTD(3)),
    `entity` LowCardinality(String),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `annotator` LowCardinality(String),
    `labelled_at` DateTime64(3, 'UTC'),
    `error_kind` LowCardinality(String),
    `error_field` String,
    `error` String CODEC(ZSTD(3)),
    `raw` String CODEC(ZSTD(3)),
    `version` UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(ingested_at)),
    PROJECTION ledger
    (
        SELECT
            topic,
            topic_id,
            partition,
            min(offset),
            max(offset),
            count(),
            countIf(error_kind != '')
        GROUP BY
            topic,
            topic_id,
            partition
    )
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (topic, topic_id, partition, offset)
SETTINGS deduplicate_merge_projection_mode = 'rebuild', index_granularity = 8192;

-- 0035_ledger_setbacks
CREATE TABLE ledger_setbacks
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `first` Int64,
    `end` Int64,
    `worker` String,
    `at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, topic_id, partition, at)
TTL toDateTime(at) + toIntervalDay(90);

-- 0018_losses_and_ends
CREATE TABLE lost_ranges
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `first` Int64,
    `end` Int64,
    `reason` LowCardinality(String),
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition, reason, first);

-- 0006_labels_models
CREATE TABLE model_events
(
    `at` DateTime64(3, 'UTC'),
    `event` LowCardinality(String),
    `version` String,
    `previous` String,
    `worker` String,
    `pause_s` Float64,
    `detail` String
)
ENGINE = MergeTree
ORDER BY at;

-- 0006_labels_models
CREATE TABLE models
(
    `version` String,
    `parent` String,
    `judged_at` DateTime64(3, 'UTC'),
    `passed` Bool,
    `reason` String,
    `labels` UInt32,
    `gate.rule` Array(LowCardinality(String)),
    `gate.champion` Array(Float64),
    `gate.challenger` Array(Float64),
    `gate.difference` Array(Float64),
    `gate.low` Array(Float64),
    `gate.high` Array(Float64),
    `gate.p_value` Array(Nullable(Float64)),
    `gate.passed` Array(Bool),
    `facts` String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(judged_at)
ORDER BY version;

-- 0067_opened
CREATE TABLE opened_log
(
    `user` String,
    `document_id` String,
    `entity` LowCardinality(String),
    `at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (user, at)
TTL toDateTime(at) + toIntervalDay(90);

-- 0018_losses_and_ends
CREATE TABLE partition_ends
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `end` Int64,
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition);

-- 0021_partition_epochs
CREATE TABLE partition_epochs
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `epoch` Int32,
    `end` Int64,
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition);

-- 0020_partition_owners
CREATE TABLE partition_owners
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `at` DateTime64(6, 'UTC'),
    `worker` String,
    `next_offset` Int64,
    `given_back` Bool
)
ENGINE = MergeTree
ORDER BY (topic, topic_id, partition, at)
TTL toDateTime(at) + toIntervalDay(7);

-- 0010_public_views, 0031_positions
CREATE TABLE position_log
(
    `desk` LowCardinality(String),
    `ticker` String,
    `exposure` Float64,
    `currency` LowCardinality(String),
    `quantity` Nullable(Float64),
    `at` DateTime64(3, 'UTC'),
    `recorded_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (desk, ticker, at);

-- 0066_prices
CREATE TABLE price_log
(
    `ticker` LowCardinality(String),
    `date` Date32,
    `close` Float64,
    `recorded_at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (ticker, date);

-- 0001_record_log, 0004_novelty_topics, 0005_audit, 0009_strangeness, 0016_read_what_is_asked, 0025_events, 0060_lang_quality, 0065_long_texts, 0077_settled_hours, 0096_told_events, 0097_asked_of_a_day
CREATE TABLE record_log
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `ingested_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `kind` LowCardinality(String),
    `document_id` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `title` String CODEC(ZSTD(3)),
    `text` String CODEC(ZSTD(3)),
    `url` String CODEC(ZSTD(3)),
    `author` String CODEC(ZSTD(1)),
    `in_reply_to` String CODEC(ZSTD(1)),
    `lang` LowCardinality(String),
    `lang_quality` LowCardinality(String),
    `published_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `scored_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `unscored` LowCardinality(String),
    `p_negative` Float32,
    `p_neutral` Float32,
    `p_positive` Float32,
    `sentiment` Float32,
    `model_version` LowCardinality(String),
    `tokens` UInt16,
    `cut` Bool,
    `deciding_start` UInt16,
    `deciding_end` UInt16,
    `embedding` String CODEC(NONE),
    `story_id` UInt64 CODEC(NONE),
    `novelty` Float32 DEFAULT 100,
    `mentions.entity` Array(LowCardinality(String)),
    `mentions.surface` Array(String),
    `mentions.via` Array(LowCardinality(String)),
    `mentions.label` Array(Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3)),
    `mentions.p_negative` Array(Float32),
    `mentions.p_neutral` Array(Float32),
    `mentions.p_positive` Array(Float32),
    `mentions.sentiment` Array(Float32),
    `mentions.deciding_start` Array(UInt16),
    `mentions.deciding_end` Array(UInt16),
    `topics.name` Array(LowCardinality(String)),
    `topics.score` Array(Float32),
    `strangeness` Float32 DEFAULT 0,
    `events.entity` Array(LowCardinality(String)),
    `events.type` Array(LowCardinality(String)),
    `events.probability` Array(Float32),
    `events.role` Array(LowCardinality(String)),
    `events.state` Array(LowCardinality(String)),
    `events.relevance` Array(UInt8),
    `events.severity` Array(UInt8),
    `events.polarity` Array(Int8),
    `error_kind` LowCardinality(String),
    `error_field` String,
    `error` String CODEC(ZSTD(3)),
    `raw` String CODEC(ZSTD(3)),
    `version` UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(ingested_at)),
    `event_entities` Array(UInt64) MATERIALIZED arrayMap(entity -> cityHash64(entity), events.entity),
    `event_types` Array(UInt64) MATERIALIZED arrayMap(type -> cityHash64(type), events.type),
    `event_states` Array(UInt64) MATERIALIZED arrayMap((role, state) -> bitOr(bitAnd(cityHash64(state), 18446744073709551614), toUInt64((role = 'subject') AND (state NOT IN ('historic', 'hypothetical')))), events.role, events.state),
    INDEX published_range published_at TYPE minmax GRANULARITY 1,
    INDEX identified document_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ingested_range ingested_at TYPE minmax GRANULARITY 1,
    PROJECTION ledger
    (
        SELECT
            topic,
            topic_id,
            partition,
            min(offset),
            max(offset),
            count(),
            countIf(error_kind != ''),
            sum(intHash64(offset))
        GROUP BY
            topic,
            topic_id,
            partition
    ),
    PROJECTION hours
    (
        SELECT
            toStartOfHour(published_at),
            count(),
            sum(cityHash64(topic, topic_id, partition, offset, ingested_at, published_at, error_kind, unscored, story_id, source, document_id, kind, novelty, sentiment, p_negative, p_neutral, p_positive, mentions.entity, mentions.sentiment, mentions.p_negative, mentions.p_neutral, mentions.p_positive, `topics.name`)),
            max(ingested_at)
        GROUP BY toStartOfHour(published_at)
    ),
    PROJECTION told
    (
        SELECT
            intDiv(toUnixTimestamp64Milli(published_at), 86400000),
            topic,
            topic_id,
            partition,
            count(),
            groupBitmap(toUInt64(offset)),
            groupArrayIf(offset, error_kind != ''),
            groupArrayArray(event_entities),
            groupArrayArray(event_types),
            groupArrayArray(event_states),
            groupArrayArray(events.severity),
            groupArrayArray(arrayEnumerate(event_types)),
            groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), offset)),
            groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), story_id)),
            groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), cityHash64(source))),
            groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(published_at))),
            groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(ingested_at)))
        GROUP BY
            intDiv(toUnixTimestamp64Milli(published_at), 86400000),
            topic,
            topic_id,
            partition
    )
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (topic, topic_id, partition, offset)
SETTINGS deduplicate_merge_projection_mode = 'rebuild', index_granularity = 8192;

-- 0005_rescored, 0068_dated_questions
CREATE TABLE rescored_log
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `model_version` LowCardinality(String),
    `rescored_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `kind` LowCardinality(String),
    `document_id` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `lang` LowCardinality(String),
    `published_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `scored_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `story_id` UInt64 CODEC(NONE),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `p_negative` Float32,
    `p_neutral` Float32,
    `p_positive` Float32,
    `sentiment` Float32,
    `tokens` UInt16,
    `mentions.entity` Array(LowCardinality(String)),
    `mentions.surface` Array(String),
    `mentions.via` Array(LowCardinality(String)),
    `mentions.label` Array(Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3)),
    `mentions.p_negative` Array(Float32),
    `mentions.p_neutral` Array(Float32),
    `mentions.p_positive` Array(Float32),
    `mentions.sentiment` Array(Float32),
    `version` UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(rescored_at)),
    INDEX published_range published_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(rescored_at)
ORDER BY (model_version, topic, topic_id, partition, offset);

-- 0006_labels_models
CREATE TABLE retrain_runs
(
    `id` String,
    `at` DateTime64(3, 'UTC'),
    `started_at` DateTime64(3, 'UTC'),
    `cause` LowCardinality(String),
    `state` LowCardinality(String),
    `champion` String,
    `challenger` String,
    `labels` UInt32,
    `labels_until` DateTime64(3, 'UTC'),
    `detail` String
)
ENGINE = ReplacingMergeTree(at)
ORDER BY id;

-- 0085_saved_searches
CREATE TABLE saved_searches
(
    `user` String,
    `name` String,
    `words` String,
    `entity` LowCardinality(String),
    `desk` LowCardinality(String),
    `topic` LowCardinality(String),
    `tone` LowCardinality(String),
    `entity_type` LowCardinality(String),
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (user, name);

CREATE TABLE schema_migrations
(
    `name` String,
    `checksum` String,
    `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY name;

-- 0095_sums_of_hours, 0098_settled_mentions
CREATE TABLE settled_counts
(
    `hour` DateTime('UTC'),
    `rows` UInt64,
    `hashes` UInt64,
    `listed` Bool DEFAULT false,
    `entities` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `kinds` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `times` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `sentiments` Array(Float32) CODEC(ZSTD(1)),
    `negatives` Array(Float32) CODEC(ZSTD(1)),
    `weights` Array(Float64) CODEC(ZSTD(1)),
    `topics` Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    `sum_entities` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `sum_kinds` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `sum_topics` Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    `sum_latest` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `sum_numbers` Array(UInt32) CODEC(ZSTD(1)),
    `sum_totals` Array(Float64) CODEC(ZSTD(1)),
    `sum_total_squares` Array(Float64) CODEC(ZSTD(1)),
    `sum_weights` Array(Float64) CODEC(ZSTD(1)),
    `sum_weighted` Array(Float64) CODEC(ZSTD(1)),
    `sum_weighted_squares` Array(Float64) CODEC(ZSTD(1)),
    `sum_weighted_negatives` Array(Float64) CODEC(ZSTD(1)),
    `sum_fresh` Array(Float64) CODEC(ZSTD(1)),
    `sum_fresh_weighted` Array(Float64) CODEC(ZSTD(1)),
    `sum_fresh_squares` Array(Float64) CODEC(ZSTD(1)),
    `sum_fresh_negatives` Array(Float64) CODEC(ZSTD(1)),
    `settled_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY hour
TTL toDateTime(settled_at) + toIntervalDay(76)
SETTINGS index_granularity = 1;

-- 0098_settled_mentions
CREATE TABLE settled_mentions
(
    `entity` LowCardinality(String),
    `published_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `mention` UInt64 CODEC(NONE),
    `hashes` UInt64 CODEC(ZSTD(1)),
    `kind` LowCardinality(String) CODEC(ZSTD(1)),
    `sentiment` Float32 CODEC(ZSTD(1)),
    `p_negative` Float32 CODEC(ZSTD(1)),
    `weight` Float64 CODEC(ZSTD(1)),
    `topics` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `settled_at` DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY (entity, published_at, mention)
TTL toDateTime(settled_at) + toIntervalDay(76)
SETTINGS index_granularity = 1024;

-- 0095_sums_of_hours
CREATE TABLE settled_repeat_hours
(
    `hour` DateTime('UTC'),
    `rows` UInt64,
    `hashes` UInt64,
    `settled_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY hour;

-- 0095_sums_of_hours
CREATE TABLE settled_repeats
(
    `hour` DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    `hashes` UInt64 CODEC(ZSTD(1)),
    `published_at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `mention` UInt64 CODEC(NONE),
    `settled_at` DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(settled_at)
ORDER BY (published_at, mention);

-- 0011_shadow_drift
CREATE TABLE shadow_log
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `at` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    `worker` LowCardinality(String),
    `kind` LowCardinality(String),
    `source` LowCardinality(String),
    `document_id` String CODEC(ZSTD(1)),
    `champion` LowCardinality(String),
    `challenger` LowCardinality(String),
    `champion_label` Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3),
    `challenger_label` Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3),
    `champion_p` Array(Float32),
    `challenger_p` Array(Float32),
    `champion_s` Float32,
    `challenger_s` Float32
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (challenger, topic, topic_id, partition, offset)
TTL toDateTime(at) + toIntervalDay(90);

-- 0007_alerting
CREATE TABLE silences
(
    `silence_id` String,
    `entity` LowCardinality(String),
    `kind` LowCardinality(String),
    `starts_at` DateTime64(3, 'UTC'),
    `ends_at` DateTime64(3, 'UTC'),
    `by` String,
    `note` String,
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY silence_id;

-- 0036_stored_ranges
CREATE TABLE stored_ranges
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `stored_in` LowCardinality(String),
    `table_partition` LowCardinality(String),
    `first` SimpleAggregateFunction(min, Int64),
    `last` SimpleAggregateFunction(max, Int64),
    `at` SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (topic, topic_id, partition, stored_in, table_partition);

-- 0018_losses_and_ends
CREATE TABLE worker_ends
(
    `worker` String,
    `started_at` DateTime64(3, 'UTC'),
    `ended_at` DateTime64(3, 'UTC'),
    `exit_code` Int32,
    `reason` String,
    `subject` String
)
ENGINE = ReplacingMergeTree
ORDER BY (worker, started_at)
TTL toDateTime(ended_at) + toIntervalDay(30);

-- 0006_labels_models
CREATE TABLE worker_status
(
    `worker` String,
    `at` DateTime64(3, 'UTC'),
    `version` String,
    `stopped` Bool
)
ENGINE = ReplacingMergeTree(at)
ORDER BY worker
TTL toDateTime(at) + toIntervalDay(1);

-- 0015_audit_log
CREATE VIEW actions
(
    `at` DateTime64(3, 'UTC'),
    `user` String,
    `action` LowCardinality(String),
    `subject` String,
    `detail` String,
    `via` LowCardinality(String),
    `address` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    at,
    user,
    action,
    subject,
    detail,
    via,
    address
FROM audit_log;

-- 0010_public_views
CREATE VIEW alert_evidence
(
    `id` String,
    `entity` LowCardinality(String),
    `direction` LowCardinality(String),
    `fired_at` DateTime64(3, 'UTC'),
    `position` UInt32,
    `document_id` String,
    `source` String,
    `kind` String,
    `published_at` Nullable(DateTime64(3, 'UTC')),
    `title` String,
    `text` String,
    `url` String,
    `label` String,
    `sentiment` Float64,
    `words` Array(String)
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    id,
    entity,
    direction,
    fired_at,
    position,
    JSONExtractString(document, 'document_id') AS document_id,
    JSONExtractString(document, 'source') AS source,
    JSONExtractString(document, 'kind') AS kind,
    parseDateTime64BestEffortOrNull(JSONExtractString(document, 'published_at'), 3, 'UTC') AS published_at,
    JSONExtractString(document, 'title') AS title,
    JSONExtractString(document, 'text') AS text,
    JSONExtractString(document, 'url') AS url,
    JSONExtractString(document, 'label') AS label,
    JSONExtractFloat(document, 'sentiment') AS sentiment,
    JSONExtract(document, 'words', 'Array(String)') AS words
FROM
(
    SELECT
        id,
        entity,
        direction,
        fired_at,
        JSONExtractArrayRaw(evidence, 'documents') AS documents
    FROM alerts
    FINAL
    WHERE state = 'firing'
)
ARRAY JOIN
    documents AS document,
    arrayEnumerate(documents) AS position;

-- 0010_public_views, 0027_incidents
CREATE VIEW alert_history
(
    `id` String,
    `incident` String,
    `at` DateTime64(3, 'UTC'),
    `recorded_at` DateTime64(3, 'UTC'),
    `event` String,
    `by` String,
    `note` String,
    `kind` LowCardinality(String),
    `entity` LowCardinality(String),
    `topic` LowCardinality(String),
    `direction` LowCardinality(String),
    `severity` LowCardinality(String),
    `before_mean` Float64,
    `after_mean` Float64,
    `before_documents` UInt32,
    `after_documents` UInt32,
    `model_version` LowCardinality(String)
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    a.id AS id,
    a.incident AS incident,
    a.at AS at,
    a.recorded_at AS recorded_at,
    toString(a.state) AS event,
    '' AS by,
    '' AS note,
    a.kind AS kind,
    a.entity AS entity,
    a.topic AS topic,
    a.direction AS direction,
    a.severity AS severity,
    a.before_mean AS before_mean,
    a.after_mean AS after_mean,
    a.before_documents AS before_documents,
    a.after_documents AS after_documents,
    a.model_version AS model_version
FROM alerts AS a
FINAL
UNION ALL
SELECT
    c.id AS id,
    a.incident AS incident,
    c.at AS at,
    c.at AS recorded_at,
    toString(c.action) AS event,
    c.by AS by,
    c.note AS note,
    a.kind AS kind,
    a.entity AS entity,
    a.topic AS topic,
    a.direction AS direction,
    a.severity AS severity,
    a.before_mean AS before_mean,
    a.after_mean AS after_mean,
    a.before_documents AS before_documents,
    a.after_documents AS after_documents,
    a.model_version AS model_version
FROM
(
    SELECT *
    FROM alert_actions
    FINAL
) AS c
INNER JOIN
(
    SELECT *
    FROM alerts
    FINAL
    ORDER BY
        state = 'firing' DESC,
        at DESC
    LIMIT 1 BY id
) AS a ON c.id = a.id;

-- 0010_public_views
CREATE VIEW alert_messages
(
    `id` String,
    `state` LowCardinality(String),
    `receiver` LowCardinality(String),
    `outcome` Enum8('sent' = 1, 'dead' = 2, 'held' = 3, 'again' = 4),
    `attempts` UInt16,
    `error` String,
    `at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    id,
    state,
    receiver,
    outcome,
    attempts,
    error,
    at
FROM alert_deliveries
FINAL;

-- 0010_public_views
CREATE VIEW alert_silences
(
    `silence_id` String,
    `entity` LowCardinality(String),
    `kind` LowCardinality(String),
    `starts_at` DateTime64(3, 'UTC'),
    `ends_at` DateTime64(3, 'UTC'),
    `by` String,
    `note` String,
    `at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    silence_id,
    entity,
    kind,
    starts_at,
    ends_at,
    by,
    note,
    at
FROM silences
FINAL;

-- 0010_public_views, 0017_escalation, 0027_incidents
CREATE VIEW alerts_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    a.id AS id,
    a.incident AS incident,
    a.kind AS kind,
    a.entity AS entity,
    a.topic AS topic,
    a.direction AS direction,
    a.severity AS severity,
    if(startsWith(a.latest, 'escalated'), 'firing', a.latest) AS state,
    a.fired_at AS fired_at,
    a.escalated_at AS escalated_at,
    if(a.latest = 'resolved', a.ended_at, NULL) AS resolved_at,
    told.5 AS began_at,
    told.1 AS before_mean,
    told.2 AS after_mean,
    told.3 AS before_documents,
    told.4 AS after_documents,
    told.6 AS model_version,
    JSONExtractString(told.7, 'rule') AS rule,
    JSONExtractFloat(told.7, 'threshold') AS threshold,
    JSONExtractFloat(told.7, 'statistic') AS statistic,
    JSONExtractString(told.7, 'query') AS query,
    told.7 AS evidence,
    if(c.action = 'acknowledged', c.person, '') AS acknowledged_by,
    if(c.action = 'acknowledged', c.acted_at, NULL) AS acknowledged_at,
    if(c.action = 'acknowledged', c.note, '') AS note
FROM
(
    SELECT
        id,
        any(l.incident) AS incident,
        any(l.kind) AS kind,
        any(l.entity) AS entity,
        any(l.topic) AS topic,
        any(l.direction) AS direction,
        argMax(l.state, (l.at, l.state = 'resolved')) AS latest,
        argMax(l.severity, (l.at, l.state != 'firing')) AS severity,
        if(countIf(l.state = 'firing') > 0, minIf(l.fired_at, l.state = 'firing'), min(l.fired_at)) AS fired_at,
        maxIf(l.at, l.state = 'resolved') AS ended_at,
        maxOrNullIf(l.at, startsWith(l.state, 'escalated')) AS escalated_at,
        argMax((l.before_mean, l.after_mean, l.before_documents, l.after_documents, l.began_at, l.model_version, l.evidence), (l.state = 'firing', l.at)) AS told
    FROM alerts AS l
    FINAL
    WHERE (l.at <= {moment:DateTime64(3, 'UTC')}) AND (l.recorded_at <= {known:DateTime64(3, 'UTC')})
    GROUP BY id
) AS a
LEFT JOIN
(
    SELECT
        id,
        toString(argMax(x.action, x.at)) AS action,
        argMax(x.by, x.at) AS person,
        argMax(x.note, x.at) AS note,
        max(x.at) AS acted_at
    FROM alert_actions AS x
    FINAL
    WHERE x.at <= {known:DateTime64(3, 'UTC')}
    GROUP BY id
) AS c ON a.id = c.id
ORDER BY
    fired_at DESC,
    id ASC;

-- 0010_public_views, 0017_escalation, 0027_incidents
CREATE VIEW alerts_now
(
    `id` String,
    `incident` String,
    `kind` String,
    `entity` String,
    `topic` String,
    `direction` String,
    `severity` String,
    `state` String,
    `fired_at` DateTime64(3, 'UTC'),
    `escalated_at` Nullable(DateTime64(3, 'UTC')),
    `resolved_at` Nullable(DateTime64(3, 'UTC')),
    `began_at` DateTime64(3, 'UTC'),
    `before_mean` Float64,
    `after_mean` Float64,
    `before_documents` UInt32,
    `after_documents` UInt32,
    `model_version` String,
    `rule` String,
    `threshold` Float64,
    `statistic` Float64,
    `query` String,
    `evidence` String,
    `acknowledged_by` String,
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')),
    `note` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM alerts_as_of(moment = now64(3), known = now64(3));

-- 0010_public_views, 0069_entity_types
CREATE VIEW companies
(
    `ticker` String,
    `name` String,
    `desk` LowCardinality(String),
    `sector` LowCardinality(String)
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    ticker,
    name,
    desk,
    sector
FROM entities
FINAL
WHERE entity_type = 'company';

-- 0002_views, 0004_novelty_topics, 0008_indices, 0068_dated_questions
CREATE VIEW counted_mentions
(
    `entity` LowCardinality(String),
    `surface` String,
    `via` LowCardinality(String),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `p_negative` Float32,
    `p_neutral` Float32,
    `p_positive` Float32,
    `sentiment` Float32,
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `kind` LowCardinality(String),
    `document_id` String,
    `source` LowCardinality(String),
    `author` String,
    `lang` LowCardinality(String),
    `url` String,
    `title` String,
    `text` String,
    `published_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `scored_at` DateTime64(3, 'UTC'),
    `story_id` UInt64,
    `novelty` Float32,
    `model_version` LowCardinality(String),
    `topics.name` Array(LowCardinality(String)),
    `topics.score` Array(Float32),
    `lang_quality` LowCardinality(String),
    `cut` Bool,
    `deciding` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM counted_mentions_between(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00');

-- 0068_dated_questions, 0095_sums_of_hours
CREATE VIEW counted_mentions_between
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT * EXCEPT weight
FROM counted_rows(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
WHERE entity != '';

-- 0090_of_companies
CREATE VIEW counted_mentions_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT * EXCEPT (told_before, sent_before)
FROM
(
    SELECT
        *,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, story_id ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, source, document_id ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM
    (
        SELECT *
        FROM mentions_of(companies = {companies:Array(String)}, first = ({first:DateTime64(3, 'UTC')} - toIntervalDay(1)), until = {until:DateTime64(3, 'UTC')})
        WHERE ingested_at <= {known:DateTime64(3, 'UTC')}
        LIMIT 1 BY
            entity,
            topic,
            topic_id,
            partition,
            offset
    )
)
WHERE (told_before < (published_at - toIntervalDay(1))) AND (sent_before < (published_at - toIntervalDay(1))) AND (published_at > {first:DateTime64(3, 'UTC')});

-- 0095_sums_of_hours
CREATE VIEW counted_rows
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    (
        SELECT groupArray(hour)
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
        WHERE repeats_settled
    ) AS hours
SELECT l.* EXCEPT mention
FROM
(
    SELECT
        named AS entity,
        spelt AS surface,
        found AS via,
        judged AS label,
        negative AS p_negative,
        neutral AS p_neutral,
        positive AS p_positive,
        tone AS sentiment,
        topic,
        topic_id,
        partition,
        offset,
        kind,
        document_id,
        source,
        author,
        lang,
        url,
        title,
        text,
        published_at,
        ingested_at,
        scored_at,
        story_id,
        novelty,
        model_version,
        `topics.name`,
        `topics.score`,
        lang_quality,
        cut,
        substringUTF8(concat(title, if((title != '') AND (text != ''), '\n', ''), text), begins + 1, ends - begins) AS deciding,
        (greatest(negative, neutral, positive) * novelty) / 100 AS weight,
        cityHash64(topic, topic_id, partition, offset, named) AS mention
    FROM record_log
    FINAL
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
    WHERE (error_kind = '') AND (unscored = '') AND ((place = 1) OR ((named != '') AND (indexOf(mentions.entity, named) = (place - 1)))) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')})
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
) AS l
ANTI LEFT JOIN
(
    SELECT
        published_at,
        mention
    FROM settled_repeats
    WHERE (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND ((hour, hashes) IN (
        SELECT
            hour,
            hashes
        FROM settled_repeat_hours
        FINAL
        WHERE hour IN ((
            SELECT groupArray(hour)
            FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
            WHERE repeats_settled
        ) AS hours)
    ))
    UNION ALL
    SELECT
        published_at,
        mention
    FROM repeats_of_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0, kept = 1)
) AS r ON (l.published_at = r.published_at) AND (l.mention = r.mention);

-- 0077_settled_hours, 0091_last_hours, 0095_sums_of_hours
CREATE VIEW counted_scores
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    entity,
    kind,
    published_at,
    sentiment,
    p_negative,
    weight,
    `topics.name`
FROM counted_sums(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = {weekly:UInt8}, sums = 0);

-- 0098_settled_mentions
CREATE VIEW counted_scores_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    (
        SELECT (groupArrayIf(hour, settled), if(countIf(NOT settled) = 0, toDateTime('2106-01-01 00:00:00', 'UTC'), minIf(hour, NOT settled)))
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
    ) AS state
SELECT
    entity,
    kind,
    published_at,
    sentiment,
    p_negative,
    weight,
    topics AS `topics.name`
FROM settled_mentions
FINAL
WHERE (entity IN (
    SELECT arrayJoin({companies:Array(String)})
)) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND ((toStartOfHour(published_at), hashes) IN (
    SELECT
        hour,
        hashes
    FROM settled_counts
    FINAL
    WHERE hour IN (state.1)
))
UNION ALL
WITH
    (
        SELECT (groupArrayIf(hour, settled), if(countIf(NOT settled) = 0, toDateTime('2106-01-01 00:00:00', 'UTC'), minIf(hour, NOT settled)))
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
    ) AS state
SELECT
    entity,
    kind,
    published_at,
    sentiment,
    p_negative,
    (greatest(p_negative, p_neutral, p_positive) * novelty) / 100,
    `topics.name`
FROM
(
    SELECT
        *,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, story_id ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, source, document_id ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM
    (
        SELECT
            entity,
            kind,
            published_at,
            ingested_at,
            sentiment,
            p_negative,
            p_neutral,
            p_positive,
            novelty,
            story_id,
            source,
            document_id,
            topic,
            topic_id,
            partition,
            offset,
            `topics.name`
        FROM mentions
        WHERE has({companies:Array(String)}, entity) AND (published_at >= ((state.2) - toIntervalDay(1))) AND (published_at > ({first:DateTime64(3, 'UTC')} - toIntervalDay(1))) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND ((topic, topic_id, partition, offset) IN (
            SELECT
                topic,
                topic_id,
                partition,
                offset
            FROM record_log
            WHERE arrayExists(named -> has({companies:Array(String)}, named), mentions.entity) AND (published_at >= ((state.2) - toIntervalDay(1))) AND (published_at > ({first:DateTime64(3, 'UTC')} - toIntervalDay(1))) AND (published_at <= {until:DateTime64(3, 'UTC')})
        ))
        LIMIT 1 BY
            entity,
            topic,
            topic_id,
            partition,
            offset
    )
)
WHERE (told_before < (published_at - toIntervalDay(1))) AND (sent_before < (published_at - toIntervalDay(1))) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (toStartOfHour(published_at) NOT IN (state.1));

-- 0095_sums_of_hours
CREATE VIEW counted_sums
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    (
        SELECT (groupArrayIf(hour, settled), groupUniqArrayIf(toDate(hour), NOT settled), greatest(minIf(hour, NOT settled), toDateTime('1970-01-02 00:00:00', 'UTC')))
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
        WHERE ({weekly:UInt8} = 0) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}) - 3600, 86400) IN (0, 1, 2, 3, 7, 14, 21, 28))
    ) AS state
SELECT
    entity,
    kind,
    published_at,
    sentiment,
    p_negative,
    (confidence * novelty) / 100 AS weight,
    `topics.name`,
    toStartOfHour(published_at) AS hour,
    1 AS number,
    toFloat64(sentiment) AS total,
    total * total AS total_squares,
    weight * sentiment AS weighted,
    weighted * sentiment AS weighted_squares,
    weight * p_negative AS weighted_negative,
    weight AS fresh,
    weighted AS fresh_weighted,
    weighted_squares AS fresh_squares,
    weighted_negative AS fresh_negative
FROM
(
    SELECT
        named AS entity,
        kind,
        published_at,
        tone AS sentiment,
        negative AS p_negative,
        confidence,
        novelty,
        `topics.name`
    FROM record_log
    FINAL
    ARRAY JOIN
        arrayConcat([toLowCardinality('')], mentions.entity) AS named,
        arrayConcat([sentiment], mentions.sentiment) AS tone,
        arrayConcat([p_negative], mentions.p_negative) AS negative,
        arrayMap((a, b, c) -> greatest(a, b, c), arrayConcat([p_negative], mentions.p_negative), arrayConcat([p_neutral], mentions.p_neutral), arrayConcat([p_positive], mentions.p_positive)) AS confidence,
        arrayEnumerate(arrayConcat([0], mentions.sentiment)) AS place
    WHERE (error_kind = '') AND (unscored = '') AND ((place = 1) OR ((named != '') AND (indexOf(mentions.entity, named) = (place - 1)))) AND (toDate(published_at) IN (state.2)) AND (published_at >= (state.3)) AND (toStartOfHour(published_at) NOT IN (state.1)) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (({weekly:UInt8} = 0) OR (intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000) IN (0, 1, 2, 3, 7, 14, 21, 28))) AND (cityHash64(topic, topic_id, partition, offset, named) NOT IN (
        SELECT mention
        FROM repeats_of_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = {weekly:UInt8}, kept = 0)
    ))
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
    UNION ALL
    SELECT
        entity,
        kind,
        published_at,
        sentiment,
        p_negative,
        weight AS confidence,
        100 AS novelty,
        names AS `topics.name`
    FROM
    (
        SELECT
            entities,
            kinds,
            times,
            sentiments,
            negatives,
            weights,
            topics
        FROM settled_counts
        FINAL
        WHERE (hour IN (state.1)) AND (({sums:UInt8} = 0) OR (toHour(hour) = toHour({until:DateTime64(3, 'UTC')})) OR (hour = toStartOfHour({first:DateTime64(3, 'UTC')})))
    )
    ARRAY JOIN
        entities AS entity,
        kinds AS kind,
        times AS published_at,
        sentiments AS sentiment,
        negatives AS p_negative,
        weights AS weight,
        topics AS names
    WHERE (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (({weekly:UInt8} = 0) OR (intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000) IN (0, 1, 2, 3, 7, 14, 21, 28)))
)
UNION ALL
WITH
    (
        SELECT (groupArrayIf(hour, settled), groupUniqArrayIf(toDate(hour), NOT settled), greatest(minIf(hour, NOT settled), toDateTime('1970-01-02 00:00:00', 'UTC')))
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
        WHERE ({weekly:UInt8} = 0) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}) - 3600, 86400) IN (0, 1, 2, 3, 7, 14, 21, 28))
    ) AS state
SELECT
    one_entity AS entity,
    one_kind AS kind,
    one_latest AS published_at,
    0 AS sentiment,
    0 AS p_negative,
    one_weight AS weight,
    one_topics AS `topics.name`,
    hour,
    one_number AS number,
    one_total AS total,
    one_total_square AS total_squares,
    one_weighted AS weighted,
    one_weighted_square AS weighted_squares,
    one_weighted_negative AS weighted_negative,
    one_fresh AS fresh,
    one_fresh_weighted AS fresh_weighted,
    one_fresh_square AS fresh_squares,
    one_fresh_negative AS fresh_negative
FROM
(
    SELECT
        hour,
        sum_entities,
        sum_kinds,
        sum_topics,
        sum_latest,
        sum_numbers,
        sum_totals,
        sum_total_squares,
        sum_weights,
        sum_weighted,
        sum_weighted_squares,
        sum_weighted_negatives,
        sum_fresh,
        sum_fresh_weighted,
        sum_fresh_squares,
        sum_fresh_negatives
    FROM settled_counts
    FINAL
    WHERE (hour IN (state.1)) AND ({sums:UInt8} != 0) AND (toHour(hour) != toHour({until:DateTime64(3, 'UTC')})) AND (hour != toStartOfHour({first:DateTime64(3, 'UTC')})) AND (hour < {until:DateTime64(3, 'UTC')}) AND (({weekly:UInt8} = 0) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)))
)
ARRAY JOIN
    sum_entities AS one_entity,
    sum_kinds AS one_kind,
    sum_topics AS one_topics,
    sum_latest AS one_latest,
    sum_numbers AS one_number,
    sum_totals AS one_total,
    sum_total_squares AS one_total_square,
    sum_weights AS one_weight,
    sum_weighted AS one_weighted,
    sum_weighted_squares AS one_weighted_square,
    sum_weighted_negatives AS one_weighted_negative,
    sum_fresh AS one_fresh,
    sum_fresh_weighted AS one_fresh_weighted,
    sum_fresh_squares AS one_fresh_square,
    sum_fresh_negatives AS one_fresh_negative;

-- 0002_views, 0006_labels_models, 0019_tombstones, 0097_asked_of_a_day
CREATE VIEW dead_letters
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `ingested_at` DateTime64(3, 'UTC'),
    `kind` String,
    `error_kind` LowCardinality(String),
    `error_field` String,
    `error` String,
    `raw` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    topic,
    topic_id,
    partition,
    offset,
    ingested_at,
    kind,
    error_kind,
    error_field,
    error,
    raw
FROM record_log
FINAL
WHERE (error_kind NOT IN ('', 'tombstone')) AND ((topic, topic_id, partition, offset) IN (
    SELECT
        topic,
        topic_id,
        partition,
        arrayJoin(groupArrayIf(offset, error_kind != ''))
    FROM record_log
    GROUP BY
        topic,
        topic_id,
        partition
))
UNION ALL
SELECT
    topic,
    topic_id,
    partition,
    offset,
    ingested_at,
    'label' AS kind,
    error_kind,
    error_field,
    error,
    raw
FROM label_log
FINAL
WHERE error_kind NOT IN ('', 'tombstone');

-- 0002_views, 0004_novelty_topics, 0009_strangeness, 0016_read_what_is_asked, 0025_events, 0060_lang_quality, 0065_long_texts
CREATE VIEW documents
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `ingested_at` DateTime64(3, 'UTC'),
    `kind` LowCardinality(String),
    `document_id` String,
    `source` LowCardinality(String),
    `title` String,
    `text` String,
    `url` String,
    `author` String,
    `in_reply_to` String,
    `lang` LowCardinality(String),
    `lang_quality` LowCardinality(String),
    `published_at` DateTime64(3, 'UTC'),
    `scored_at` DateTime64(3, 'UTC'),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `unscored` LowCardinality(String),
    `p_negative` Float32,
    `p_neutral` Float32,
    `p_positive` Float32,
    `sentiment` Float32,
    `model_version` LowCardinality(String),
    `tokens` UInt16,
    `cut` Bool,
    `deciding_start` UInt16,
    `deciding_end` UInt16,
    `embedding` String,
    `story_id` UInt64,
    `novelty` Float32,
    `mentions.entity` Array(LowCardinality(String)),
    `mentions.surface` Array(String),
    `mentions.via` Array(LowCardinality(String)),
    `mentions.label` Array(Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3)),
    `mentions.p_negative` Array(Float32),
    `mentions.p_neutral` Array(Float32),
    `mentions.p_positive` Array(Float32),
    `mentions.sentiment` Array(Float32),
    `mentions.deciding_start` Array(UInt16),
    `mentions.deciding_end` Array(UInt16),
    `topics.name` Array(LowCardinality(String)),
    `topics.score` Array(Float32),
    `strangeness` Float32,
    `events.entity` Array(LowCardinality(String)),
    `events.type` Array(LowCardinality(String)),
    `events.probability` Array(Float32),
    `events.role` Array(LowCardinality(String)),
    `events.state` Array(LowCardinality(String)),
    `events.relevance` Array(UInt8),
    `events.severity` Array(UInt8),
    `events.polarity` Array(Int8),
    `deciding` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    * EXCEPT (error_kind, error_field, error, raw),
    substringUTF8(concat(title, if((title != '') AND (text != ''), '\n', ''), text), deciding_start + 1, deciding_end - deciding_start) AS deciding
FROM record_log
FINAL
WHERE error_kind = ''
SETTINGS use_skip_indexes_if_final_exact_mode = 0;

-- 0005_rescored, 0068_dated_questions, 0097_asked_of_a_day
CREATE VIEW documents_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT d.* EXCEPT place
FROM
(
    SELECT
        *,
        cityHash64(topic, topic_id, partition, offset) AS place
    FROM documents_by_model
    WHERE known_at <= {moment:DateTime64(3, 'UTC')}
) AS d
ANTI LEFT JOIN
(
    SELECT
        published_at,
        cityHash64(topic, topic_id, partition, offset) AS place
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
        SELECT
            *,
            cityHash64(topic, topic_id, partition, offset) AS place
        FROM documents_by_model
        WHERE known_at <= {moment:DateTime64(3, 'UTC')}
    ) AS d
    SEMI LEFT JOIN
    (
        SELECT
            published_at,
            cityHash64(topic, topic_id, partition, offset) AS place
        FROM rescored_log
        WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
    ) AS r USING (published_at, place)
    ORDER BY
        known_at DESC,
        scored_at DESC
    LIMIT 1 BY
        topic,
        topic_id,
        partition,
        offset,
        published_at
);

-- 0005_rescored, 0068_dated_questions
CREATE VIEW documents_by_model
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `kind` LowCardinality(String),
    `document_id` String,
    `source` LowCardinality(String),
    `lang` LowCardinality(String),
    `published_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `scored_at` DateTime64(3, 'UTC'),
    `known_at` DateTime64(3, 'UTC'),
    `story_id` UInt64,
    `model_version` LowCardinality(String),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `p_negative` Float32,
    `p_neutral` Float32,
    `p_positive` Float32,
    `sentiment` Float32,
    `tokens` UInt16,
    `mentions.entity` Array(LowCardinality(String)),
    `mentions.surface` Array(String),
    `mentions.via` Array(LowCardinality(String)),
    `mentions.label` Array(Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3)),
    `mentions.p_negative` Array(Float32),
    `mentions.p_neutral` Array(Float32),
    `mentions.p_positive` Array(Float32),
    `mentions.sentiment` Array(Float32)
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM
(
    SELECT
        topic,
        topic_id,
        partition,
        offset,
        kind,
        document_id,
        source,
        lang,
        published_at,
        ingested_at,
        scored_at,
        ingested_at AS known_at,
        story_id,
        model_version,
        label,
        p_negative,
        p_neutral,
        p_positive,
        sentiment,
        tokens,
        mentions.entity,
        mentions.surface,
        mentions.via,
        mentions.label,
        mentions.p_negative,
        mentions.p_neutral,
        mentions.p_positive,
        mentions.sentiment
    FROM record_log
    FINAL
    WHERE (error_kind = '') AND (unscored = '')
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
)
UNION ALL
SELECT *
FROM
(
    SELECT
        topic,
        topic_id,
        partition,
        offset,
        kind,
        document_id,
        source,
        lang,
        published_at,
        ingested_at,
        scored_at,
        rescored_at AS known_at,
        story_id,
        model_version,
        label,
        p_negative,
        p_neutral,
        p_positive,
        sentiment,
        tokens,
        mentions.entity,
        mentions.surface,
        mentions.via,
        mentions.label,
        mentions.p_negative,
        mentions.p_neutral,
        mentions.p_positive,
        mentions.sentiment
    FROM rescored_log
    FINAL
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
);

-- 0012_shadow_drift_views
CREATE VIEW drifts
(
    `at` DateTime64(3, 'UTC'),
    `kind` LowCardinality(String),
    `source` LowCardinality(String),
    `measure` LowCardinality(String),
    `model_version` LowCardinality(String),
    `reference_since` DateTime64(3, 'UTC'),
    `reference_until` DateTime64(3, 'UTC'),
    `reference_documents` UInt32,
    `current_documents` UInt32,
    `reference_mean` Float64,
    `current_mean` Float64,
    `effect` Float64,
    `alarm` String,
    `began_at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    at,
    kind,
    source,
    measure,
    model_version,
    reference_since,
    reference_until,
    reference_documents,
    current_documents,
    reference_mean,
    current_mean,
    effect,
    alarm,
    began_at
FROM drift
FINAL;

-- 0009_emerging
CREATE VIEW emerging
(
    `emerging_id` String,
    `name` String,
    `terms` Array(String),
    `lang` LowCardinality(String),
    `first_at` DateTime64(3, 'UTC'),
    `last_at` DateTime64(3, 'UTC'),
    `documents` UInt32,
    `recent` UInt32,
    `usual` Float64,
    `burst` Float64,
    `entities` Array(LowCardinality(String)),
    `at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    id AS emerging_id,
    name,
    terms,
    lang,
    first_at,
    last_at,
    documents,
    recent,
    usual,
    burst,
    entities,
    at
FROM emerging_topics
FINAL;

-- 0009_emerging
CREATE VIEW emerging_documents
(
    `emerging_id` String,
    `name` String,
    `place` UInt32,
    `published_at` DateTime64(3, 'UTC'),
    `kind` LowCardinality(String),
    `source` LowCardinality(String),
    `document_id` String,
    `title` String,
    `text` String,
    `url` String,
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `sentiment` Float32,
    `model_version` LowCardinality(String),
    `novelty` Float32,
    `entities` Array(LowCardinality(String)),
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    e.emerging_id AS emerging_id,
    e.name AS name,
    e.place AS place,
    d.published_at AS published_at,
    d.kind AS kind,
    d.source AS source,
    d.document_id AS document_id,
    d.title AS title,
    d.text AS text,
    d.url AS url,
    d.label AS label,
    d.sentiment AS sentiment,
    d.model_version AS model_version,
    d.novelty AS novelty,
    d.mentions.entity AS entities,
    d.topic AS topic,
    d.topic_id AS topic_id,
    d.partition AS partition,
    d.offset AS offset
FROM documents AS d
INNER JOIN
(
    SELECT
        id AS emerging_id,
        name,
        place,
        member_topic,
        member_topic_id,
        member_partition,
        member_offset
    FROM emerging_topics
    FINAL
    ARRAY JOIN
        members.topic AS member_topic,
        members.topic_id AS member_topic_id,
        members.partition AS member_partition,
        members.offset AS member_offset,
        arrayEnumerate(members.topic) AS place
) AS e ON (d.topic = e.member_topic) AND (d.topic_id = e.member_topic_id) AND (d.partition = e.member_partition) AND (d.offset = e.member_offset)
WHERE (d.topic, d.topic_id, d.partition, d.offset) IN (
    SELECT
        member_topic,
        member_topic_id,
        member_partition,
        member_offset
    FROM emerging_topics
    FINAL
    ARRAY JOIN
        members.topic AS member_topic,
        members.topic_id AS member_topic_id,
        members.partition AS member_partition,
        members.offset AS member_offset
);

-- 0096_told_events
CREATE VIEW event_reports
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    entity_hash,
    type_hash,
    state_hash,
    bitAnd(state_hash, 1) AS news,
    severity,
    place,
    story_id,
    source_hash,
    fromUnixTimestamp64Milli(published, 'UTC') AS published_at,
    fromUnixTimestamp64Milli(ingested, 'UTC') AS ingested_at,
    topic,
    topic_id,
    partition,
    offset
FROM
(
    SELECT
        topic,
        topic_id,
        partition,
        groupArrayArray(event_entities) AS entities,
        groupArrayArray(event_types) AS types,
        groupArrayArray(event_states) AS states,
        groupArrayArray(events.severity) AS severities,
        groupArrayArray(arrayEnumerate(event_types)) AS places,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), offset)) AS offsets,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), story_id)) AS stories,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), cityHash64(source))) AS sources,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(published_at))) AS publications,
        groupArrayArray(arrayWithConstant(length(arrayEnumerate(event_types)), toUnixTimestamp64Milli(ingested_at))) AS ingestions
    FROM record_log
    WHERE (intDiv(toUnixTimestamp64Milli(published_at), 86400000) >= intDiv(toUnixTimestamp64Milli({first:DateTime64(3, 'UTC')}), 86400000)) AND (intDiv(toUnixTimestamp64Milli(published_at), 86400000) <= intDiv(toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}), 86400000))
    GROUP BY
        intDiv(toUnixTimestamp64Milli(published_at), 86400000),
        topic,
        topic_id,
        partition
    HAVING count() = groupBitmap(toUInt64(offset))
)
ARRAY JOIN
    entities AS entity_hash,
    types AS type_hash,
    states AS state_hash,
    severities AS severity,
    places AS place,
    offsets AS offset,
    stories AS story_id,
    sources AS source_hash,
    publications AS published,
    ingestions AS ingested
WHERE (published > toUnixTimestamp64Milli({first:DateTime64(3, 'UTC')})) AND (published <= toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')})) AND (ingested <= toUnixTimestamp64Milli({known:DateTime64(3, 'UTC')}))
UNION ALL
SELECT
    entity_hash,
    type_hash,
    state_hash,
    bitAnd(state_hash, 1) AS news,
    severity,
    place,
    story_id,
    source_hash,
    published_at,
    ingested_at,
    topic,
    topic_id,
    partition,
    offset
FROM
(
    SELECT
        entity_hash,
        type_hash,
        state_hash,
        severity,
        place,
        story_id,
        cityHash64(source) AS source_hash,
        published_at,
        ingested_at,
        topic,
        topic_id,
        partition,
        offset
    FROM record_log
    FINAL
    ARRAY JOIN
        event_entities AS entity_hash,
        event_types AS type_hash,
        event_states AS state_hash,
        events.severity AS severity,
        arrayEnumerate(event_types) AS place
    WHERE (error_kind = '') AND (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND ((topic, topic_id, partition, intDiv(toUnixTimestamp64Milli(published_at), 86400000)) IN (
        SELECT
            topic,
            topic_id,
            partition,
            intDiv(toUnixTimestamp64Milli(published_at), 86400000)
        FROM record_log
        WHERE (intDiv(toUnixTimestamp64Milli(published_at), 86400000) >= intDiv(toUnixTimestamp64Milli({first:DateTime64(3, 'UTC')}), 86400000)) AND (intDiv(toUnixTimestamp64Milli(published_at), 86400000) <= intDiv(toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}), 86400000))
        GROUP BY
            intDiv(toUnixTimestamp64Milli(published_at), 86400000),
            topic,
            topic_id,
            partition
        HAVING count() > groupBitmap(toUInt64(offset))
    ))
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
);

-- 0026_event_views, 0078_again
CREATE VIEW event_types
(
    `type` String,
    `event_group` LowCardinality(String),
    `polarity` Int8,
    `severity` UInt8,
    `half_life_h` UInt32,
    `pages` Bool,
    `witnesses` UInt8,
    `again` UInt8,
    `definition` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    type,
    event_group,
    polarity,
    severity,
    half_life_h,
    pages,
    witnesses,
    again,
    definition
FROM known_event_types
FINAL;

-- 0026_event_views
CREATE VIEW events
(
    `entity` LowCardinality(String),
    `type` LowCardinality(String),
    `event_group` LowCardinality(String),
    `role` LowCardinality(String),
    `state` LowCardinality(String),
    `severity` UInt8,
    `polarity` Int8,
    `probability` Float32,
    `relevance` UInt8,
    `novelty` String,
    `began_at` DateTime64(3, 'UTC'),
    `stories` UInt64,
    `published_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `kind` LowCardinality(String),
    `source` LowCardinality(String),
    `document_id` String,
    `story_id` UInt64,
    `lang` LowCardinality(String),
    `title` String,
    `text` String,
    `url` String,
    `sentiment` Float32,
    `model_version` LowCardinality(String),
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM events_between(first = '1970-07-02 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00');

-- 0026_event_views, 0096_told_events
CREATE VIEW events_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    (
        SELECT groupArray((entity, type, arrayMax(arrayFilter(start -> (start <= ended), starts)), ended))
        FROM
        (
            SELECT
                entity,
                type,
                starts,
                arrayJoin(arrayFilter(time -> ((time > toUnixTimestamp64Milli(until - toIntervalDay(180))) AND (exp2(((-dateDiff('second', fromUnixTimestamp64Milli(time, 'UTC'), until)) / 3600) / half_life) >= 0.25)), ends)) AS ended
            FROM
            (
                SELECT
                    entity,
                    type,
                    if(half_life_h = 0, 168, half_life_h) AS half_life,
                    7200000 * toInt64(half_life) AS pause,
                    arrayFilter((time, gap) -> (gap > pause), sorted, arrayPushFront(gaps, 9000000000000000000)) AS starts,
                    arrayFilter((time, gap) -> (gap > pause), sorted, arrayPushBack(gaps, 9000000000000000000)) AS ends
                FROM
                (
                    SELECT
                        entity_hash AS entity,
                        type_hash AS type,
                        arraySort(groupArray(toUnixTimestamp64Milli(published_at))) AS sorted,
                        arrayPopFront(arrayDifference(sorted)) AS gaps
                    FROM event_reports(first = ({moment:DateTime64(3, 'UTC')} - toIntervalDay(360)), until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
                    WHERE news
                    GROUP BY
                        entity,
                        type
                ) AS r
                LEFT JOIN
                (
                    SELECT
                        cityHash64(type) AS type,
                        half_life_h
                    FROM event_types
                ) AS t USING (type)
            )
        )
    ) AS open,
    (
        SELECT (groupArray((began, severity, stories, sources, documents, last, first)), groupArrayArray([(last.1, last.2, last.3, last.4), (first.1, first.2, first.3, first.4)]))
        FROM
        (
            SELECT
                began,
                max(severity) AS severity,
                uniqExact(story_id) AS stories,
                uniqExact(source_hash) AS sources,
                count() AS documents,
                argMaxIf((topic, topic_id, partition, offset, place), (ingested_at, topic, partition, offset, place), at = ended) AS last,
                argMinIf((topic, topic_id, partition, offset, place), (ingested_at, topic, partition, offset, place), at = began) AS first
            FROM
            (
                SELECT
                    *,
                    entity_hash AS entity,
                    type_hash AS type,
                    toUnixTimestamp64Milli(published_at) AS at
                FROM event_reports(first = ({moment:DateTime64(3, 'UTC')} - toIntervalDay(180)), until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
                WHERE news
            ) AS r
            INNER JOIN
            (
                SELECT
                    one.1 AS entity,
                    one.2 AS type,
                    one.3 AS began,
                    one.4 AS ended
                FROM
                (
                    SELECT arrayJoin(open) AS one
                )
            ) AS o USING (entity, type)
            WHERE (at >= began) AND (at <= ended)
            GROUP BY
                entity,
                type,
                began
        )
    ) AS found,
    documents_told AS
    (
        SELECT
            topic,
            topic_id,
            partition,
            offset,
            published_at,
            source,
            document_id,
            title,
            text,
            url,
            arrayMap((a, b, c, d) -> (a, b, c, d), events.entity, events.type, events.state, events.polarity) AS told
        FROM documents
        WHERE (published_at > ({moment:DateTime64(3, 'UTC')} - toIntervalDay(180))) AND (published_at <= {moment:DateTime64(3, 'UTC')}) AND ((topic, topic_id, partition, offset) IN (found.2))
    )
SELECT
    toLowCardinality((l.told[o.place]).1) AS entity,
    toLowCardinality((l.told[o.place]).2) AS type,
    CAST(t.event_group, 'String') AS event_group,
    (l.told[o.place]).3 AS state,
    o.severity AS severity,
    (l.told[o.place]).4 AS polarity,
    fromUnixTimestamp64Milli(o.began, 'UTC') AS began_at,
    l.published_at AS latest_at,
    exp2(((-dateDiff('second', latest_at, until)) / 3600) / if(t.half_life_h = 0, 168, t.half_life_h)) AS weight,
    o.stories AS stories,
    o.sources AS sources,
    o.documents AS documents,
    CAST(f.source, 'String') AS source,
    f.document_id AS document_id,
    f.title AS title,
    f.text AS text,
    f.url AS url
FROM
(
    SELECT
        one.1 AS began,
        one.2 AS severity,
        one.3 AS stories,
        one.4 AS sources,
        one.5 AS documents,
        (one.6).1 AS topic,
        (one.6).2 AS topic_id,
        (one.6).3 AS partition,
        (one.6).4 AS offset,
        (one.6).5 AS place,
        (one.7).1 AS first_topic,
        (one.7).2 AS first_topic_id,
        (one.7).3 AS first_partition,
        (one.7).4 AS first_offset
    FROM
    (
        SELECT arrayJoin(found.1) AS one
    )
) AS o
INNER JOIN documents_told AS l ON (o.topic = l.topic) AND (o.topic_id = l.topic_id) AND (o.partition = l.partition) AND (o.offset = l.offset)
LEFT JOIN documents_told AS f ON (o.first_topic = f.topic) AND (o.first_topic_id = f.topic_id) AND (o.first_partition = f.partition) AND (o.first_offset = f.offset)
LEFT JOIN event_types AS t ON ((l.told[o.place]).2) = t.type
WHERE state NOT IN ('denied', 'averted')
ORDER BY
    severity * weight DESC,
    entity ASC,
    type ASC;

-- 0026_event_views, 0090_of_companies, 0096_told_events
CREATE VIEW events_between
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    reports AS
    (
        SELECT
            entity_hash AS entity,
            type_hash AS type,
            state_hash AS state,
            news,
            severity,
            place,
            story_id,
            published_at,
            ingested_at,
            topic,
            topic_id,
            partition,
            offset
        FROM event_reports(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
    ),
    pauses AS
    (
        SELECT
            cityHash64(type) AS type,
            half_life_h
        FROM event_types
    ),
    before AS
    (
        SELECT
            entity,
            type,
            news,
            arraySort(times) AS sorted,
            sorted[greatest(1, arrayLastIndex(gap -> (gap > (7200000 * toInt64(if(half_life_h = 0, 168, half_life_h)))), arrayDifference(sorted)))] AS began,
            sorted[-1] AS latest,
            arrayMax(arrayFilter((one, time) -> (time >= began), severities, times)) AS worst,
            arrayDistinct(arrayFilter((one, time) -> (time >= began), states, times)) AS seen_states,
            arrayDistinct(arrayFilter((one, time) -> (time >= began), stories, times)) AS seen,
            toUInt64(length(seen)) AS seen_stories,
            arrayIntersect(seen, told_again) AS retold
        FROM
        (
            SELECT
                entity_hash AS entity,
                type_hash AS type,
                news,
                groupArray(toUnixTimestamp64Milli(published_at)) AS times,
                groupArray(severity) AS severities,
                groupArray(state_hash) AS states,
                groupArray(story_id) AS stories
            FROM event_reports(first = ({first:DateTime64(3, 'UTC')} - toIntervalDay(180)), until = {first:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
            GROUP BY
                entity,
                type,
                news
        ) AS earlier
        INNER JOIN
        (
            SELECT
                entity,
                type,
                news,
                groupUniqArray(story_id) AS told_again
            FROM reports
            GROUP BY
                entity,
                type,
                news
        ) AS asked USING (entity, type, news)
        LEFT JOIN pauses USING (type)
    )
SELECT
    e.entity AS entity,
    e.type AS type,
    t.event_group AS event_group,
    role,
    e.state AS state,
    e.severity AS severity,
    polarity,
    probability,
    relevance,
    multiIf(NOT n.news, 'none', n.first, 'first', n.develops, 'development', 'repeat') AS novelty,
    fromUnixTimestamp64Milli(n.began, 'UTC') AS began_at,
    n.stories AS stories,
    e.published_at AS published_at,
    ingested_at,
    kind,
    source,
    document_id,
    story_id,
    lang,
    title,
    text,
    url,
    sentiment,
    model_version,
    e.topic AS topic,
    e.topic_id AS topic_id,
    e.partition AS partition,
    e.offset AS offset
FROM
(
    SELECT
        toString(event_entity) AS entity,
        toString(event_type) AS type,
        toString(event_role) AS role,
        toString(event_state) AS state,
        event_severity AS severity,
        event_polarity AS polarity,
        event_probability AS probability,
        event_relevance AS relevance,
        place,
        published_at,
        ingested_at,
        kind,
        source,
        document_id,
        story_id,
        lang,
        title,
        text,
        url,
        mentions.sentiment[indexOf(mentions.entity, event_entity)] AS sentiment,
        model_version,
        topic,
        topic_id,
        partition,
        offset
    FROM documents
    ARRAY JOIN
        events.entity AS event_entity,
        events.type AS event_type,
        events.role AS event_role,
        events.state AS event_state,
        events.severity AS event_severity,
        events.polarity AS event_polarity,
        events.probability AS event_probability,
        events.relevance AS event_relevance,
        arrayEnumerate(events.type) AS place
    WHERE (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')})
) AS e
INNER JOIN
(
    SELECT
        topic,
        topic_id,
        partition,
        offset,
        published_at,
        place,
        news,
        (episode > 0) AND (row_number() OVER told = 1) AS first,
        ((row_number() OVER of_state = 1) AND (NOT ((episode = 0) AND has(seen_states, state)))) OR (severity > greatest(max(severity) OVER (told ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), if(episode = 0, worst, 0))) AS develops,
        if(episode = 0, began, min(at) OVER whole) AS began,
        if(episode = 0, seen_stories, 0) + uniqExactIf(story_id, NOT ((episode = 0) AND has(retold, story_id))) OVER (told ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stories
    FROM
    (
        SELECT
            *,
            sum(begins) OVER (PARTITION BY entity, type, news ORDER BY at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC, place ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS episode
        FROM
        (
            SELECT
                r.*,
                toUnixTimestamp64Milli(published_at) AS at,
                began,
                worst,
                seen_states,
                seen_stories,
                retold,
                if(row_number() OVER running = 1, (latest = 0) OR (latest < (at - pause)), lagInFrame(at) OVER running < (at - pause)) AS begins
            FROM
            (
                SELECT
                    reports.*,
                    7200000 * toInt64(if(half_life_h = 0, 168, half_life_h)) AS pause
                FROM reports
                LEFT JOIN pauses USING (type)
            ) AS r
            LEFT JOIN before AS b USING (entity, type, news)
            WINDOW running AS (PARTITION BY entity, type, news ORDER BY at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC, place ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )
    )
    WINDOW
        whole AS (PARTITION BY entity, type, news, episode),
        told AS (PARTITION BY entity, type, news, episode ORDER BY at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC, place ASC),
        of_state AS (PARTITION BY entity, type, news, episode, state ORDER BY at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC, place ASC)
) AS n USING (topic, topic_id, partition, offset, published_at, place)
LEFT JOIN
(
    SELECT
        type,
        event_group
    FROM event_types
) AS t ON e.type = t.type;

-- 0026_event_views
CREATE VIEW events_now
(
    `entity` LowCardinality(String),
    `type` LowCardinality(String),
    `event_group` String,
    `state` String,
    `severity` UInt8,
    `polarity` Int8,
    `began_at` DateTime64(3, 'UTC'),
    `latest_at` DateTime64(3, 'UTC'),
    `weight` Float64,
    `stories` UInt64,
    `sources` UInt64,
    `documents` UInt64,
    `source` String,
    `document_id` String,
    `title` String,
    `text` String,
    `url` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM events_as_of(moment = now64(3), known = now64(3));

-- 0090_of_companies
CREATE VIEW events_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    entity,
    type,
    event_group,
    role,
    state,
    severity,
    polarity,
    probability,
    relevance,
    multiIf(NOT news, 'none', place = 1, 'first', (state_place = 1) OR (severity > worst_before), 'development', 'repeat') AS novelty,
    began_at,
    stories,
    published_at,
    ingested_at,
    kind,
    source,
    document_id,
    story_id,
    lang,
    title,
    text,
    url,
    sentiment,
    model_version,
    topic,
    topic_id,
    partition,
    offset
FROM
(
    SELECT
        *,
        row_number() OVER (PARTITION BY entity, type, news, episode ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC) AS place,
        row_number() OVER (PARTITION BY entity, type, news, episode, state ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC) AS state_place,
        max(severity) OVER (PARTITION BY entity, type, news, episode ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS worst_before,
        min(published_at) OVER (PARTITION BY entity, type, news, episode) AS began_at,
        uniqExact(story_id) OVER (PARTITION BY entity, type, news, episode ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stories
    FROM
    (
        SELECT
            *,
            sum(begins) OVER (PARTITION BY entity, type, news ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS episode
        FROM
        (
            SELECT
                e.*,
                t.event_group AS event_group,
                lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, type, news ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) < (published_at - toIntervalHour(2 * if(t.half_life_h = 0, 168, t.half_life_h))) AS begins
            FROM
            (
                SELECT
                    toString(event_entity) AS entity,
                    toString(event_type) AS type,
                    toString(event_role) AS role,
                    toString(event_state) AS state,
                    event_severity AS severity,
                    event_polarity AS polarity,
                    event_probability AS probability,
                    event_relevance AS relevance,
                    (role = 'subject') AND (state NOT IN ('historic', 'hypothetical')) AS news,
                    published_at,
                    ingested_at,
                    kind,
                    source,
                    document_id,
                    story_id,
                    lang,
                    title,
                    text,
                    url,
                    mentions.sentiment[indexOf(mentions.entity, event_entity)] AS sentiment,
                    model_version,
                    topic,
                    topic_id,
                    partition,
                    offset
                FROM documents
                ARRAY JOIN
                    events.entity AS event_entity,
                    events.type AS event_type,
                    events.role AS event_role,
                    events.state AS event_state,
                    events.severity AS event_severity,
                    events.polarity AS event_polarity,
                    events.probability AS event_probability,
                    events.relevance AS event_relevance
                WHERE (published_at > ({first:DateTime64(3, 'UTC')} - toIntervalDay(180))) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (empty({companies:Array(String)}) OR has({companies:Array(String)}, event_entity)) AND (empty({companies:Array(String)}) OR ((topic, topic_id, partition, offset) IN (
                    SELECT
                        topic,
                        topic_id,
                        partition,
                        offset
                    FROM record_log
                    WHERE arrayExists(named -> has({companies:Array(String)}, named), events.entity) AND (published_at > ({first:DateTime64(3, 'UTC')} - toIntervalDay(180))) AND (published_at <= {until:DateTime64(3, 'UTC')})
                )))
            ) AS e
            LEFT JOIN
            (
                SELECT
                    type,
                    event_group,
                    half_life_h
                FROM event_types
            ) AS t ON e.type = t.type
        )
    )
)
WHERE published_at > {first:DateTime64(3, 'UTC')};

-- 0010_public_views
CREATE VIEW feeds
(
    `topic` LowCardinality(String),
    `source` String,
    `stored_at` DateTime64(3, 'UTC'),
    `published_at` Nullable(DateTime64(3, 'UTC')),
    `silent_s` Int64,
    `documents_1h` UInt64,
    `documents_1d` UInt64,
    `usual_1d` Float64,
    `dead_letters_1d` UInt64,
    `delay_p50_s` Nullable(Float64),
    `delay_p95_s` Nullable(Float64),
    `delay_p99_s` Nullable(Float64)
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM feeds_as_of(moment = now64(3));

-- 0010_public_views, 0019_tombstones, 0097_asked_of_a_day
CREATE VIEW feeds_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    twice AS
    (
        SELECT
            topic,
            topic_id,
            partition
        FROM record_log
        GROUP BY
            topic,
            topic_id,
            partition
        HAVING count() > groupBitmap(toUInt64(offset))
    )
SELECT
    topic,
    origin AS source,
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
        topic,
        source,
        max(ingested_at) AS last,
        countIf(good) AS documents,
        maxIf(r.published_at, good) AS newest,
        countIf(good AND (ingested_at > (until - toIntervalHour(1)))) AS of_hour,
        countIf(good AND today) AS of_day,
        countIf((NOT good) AND today) AS bad_of_day,
        quantileExactStateIf(0.5)(delay_s, good AND today) AS delay_50,
        quantileExactStateIf(0.95)(delay_s, good AND today) AS delay_95,
        quantileExactStateIf(0.99)(delay_s, good AND today) AS delay_99
    FROM
    (
        SELECT
            topic,
            source,
            ingested_at,
            published_at,
            error_kind = '' AS good,
            ingested_at > (until - toIntervalDay(1)) AS today,
            dateDiff('millisecond', published_at, ingested_at) / 1000 AS delay_s
        FROM record_log
        WHERE (ingested_at > (until - toIntervalDay(8))) AND (ingested_at <= until) AND (error_kind != 'tombstone') AND ((topic, topic_id, partition) NOT IN (
            SELECT
                topic,
                topic_id,
                partition
            FROM twice
        ))
        UNION ALL
        SELECT
            topic,
            source,
            ingested_at,
            published_at,
            error_kind = '' AS good,
            ingested_at > (until - toIntervalDay(1)) AS today,
            dateDiff('millisecond', published_at, ingested_at) / 1000 AS delay_s
        FROM record_log
        FINAL
        WHERE (ingested_at > (until - toIntervalDay(8))) AND (ingested_at <= until) AND (error_kind != 'tombstone') AND ((topic, topic_id, partition) IN (
            SELECT
                topic,
                topic_id,
                partition
            FROM twice
        ))
        UNION ALL
        SELECT
            topic,
            annotator AS source,
            ingested_at,
            labelled_at AS published_at,
            error_kind = '' AS good,
            ingested_at > (until - toIntervalDay(1)) AS today,
            dateDiff('millisecond', labelled_at, ingested_at) / 1000 AS delay_s
        FROM label_log
        FINAL
        WHERE (ingested_at > (until - toIntervalDay(8))) AND (ingested_at <= until) AND (error_kind != 'tombstone')
    ) AS r
    GROUP BY
        topic,
        source
)
ARRAY JOIN if(source = '', ['*'], ['*', toString(source)]) AS origin
GROUP BY
    topic,
    origin
ORDER BY
    topic ASC,
    source ASC;

-- 0027_incidents
CREATE VIEW incidents
(
    `incident` String,
    `entity` String,
    `state` String,
    `severity` String,
    `began_at` DateTime64(3, 'UTC'),
    `fired_at` DateTime64(3, 'UTC'),
    `updated_at` DateTime64(3, 'UTC'),
    `resolved_at` Nullable(DateTime64(3, 'UTC')),
    `parts` Array(Tuple(
        DateTime64(3, 'UTC'),
        String,
        String,
        String,
        String,
        String))
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM incidents_as_of(moment = now64(3), known = now64(3));

-- 0027_incidents
CREATE VIEW incidents_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    incident,
    any(a.entity) AS entity,
    if(countIf(a.state = 'firing') > 0, 'firing', 'resolved') AS state,
    ['notice', 'warning', 'critical'][max(indexOf(['notice', 'warning', 'critical'], toString(a.severity)))] AS severity,
    min(a.began_at) AS began_at,
    min(a.fired_at) AS fired_at,
    max(greatest(a.fired_at, ifNull(a.escalated_at, a.fired_at))) AS updated_at,
    if(countIf(a.state = 'firing') > 0, NULL, max(a.resolved_at)) AS resolved_at,
    arraySort(groupArray((a.fired_at, a.id, toString(a.kind), toString(a.topic), toString(a.direction), toString(a.severity)))) AS parts
FROM alerts_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}) AS a
WHERE a.state IN ('firing', 'resolved')
GROUP BY incident
ORDER BY
    updated_at DESC,
    incident ASC;

-- 0008_indices, 0077_settled_hours
CREATE VIEW index_documents
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    document_kind,
    published_at,
    sentiment,
    p_negative,
    weight
FROM
(
    SELECT
        if(entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        toString(kind) AS document_kind,
        published_at,
        sentiment,
        p_negative,
        weight
    FROM counted_scores(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0) AS m
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(m.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != '';

-- 0077_settled_hours, 0095_sums_of_hours, 0098_settled_mentions
CREATE VIEW index_hours
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    a.hour AS hour,
    a.rows AS rows,
    a.hashes AS hashes,
    a.latest AS latest,
    (a.rows = s.rows) AND (a.hashes = s.hashes) AND s.listed AND (a.latest <= {known:DateTime64(3, 'UTC')}) AS settled,
    (a.rows = r.rows) AND (a.hashes = r.hashes) AND (a.latest <= {known:DateTime64(3, 'UTC')}) AS repeats_settled
FROM
(
    SELECT
        hour,
        sum(number) OVER day AS rows,
        sum(hash) OVER day AS hashes,
        max(last) OVER day AS latest
    FROM
    (
        SELECT
            toStartOfHour(published_at) AS hour,
            count() AS number,
            sum(cityHash64(topic, topic_id, partition, offset, ingested_at, published_at, error_kind, unscored, story_id, source, document_id, kind, novelty, sentiment, p_negative, p_neutral, p_positive, mentions.entity, mentions.sentiment, mentions.p_negative, mentions.p_neutral, mentions.p_positive, `topics.name`)) AS hash,
            max(ingested_at) AS last
        FROM record_log
        WHERE (toStartOfHour(published_at) >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC')) - toIntervalDay(1))) AND (toStartOfHour(published_at) <= toStartOfHour(least({until:DateTime64(3, 'UTC')}, toDateTime64('2106-01-01 00:00:00', 3, 'UTC'))))
        GROUP BY hour
    )
    WINDOW day AS (ORDER BY hour ASC RANGE BETWEEN 86400 PRECEDING AND CURRENT ROW)
) AS a
LEFT JOIN
(
    SELECT
        hour,
        rows,
        hashes,
        listed
    FROM settled_counts
    FINAL
) AS s ON a.hour = s.hour
LEFT JOIN
(
    SELECT
        hour,
        rows,
        hashes
    FROM settled_repeat_hours
    FINAL
) AS r ON a.hour = r.hour
WHERE a.hour >= toStartOfHour(greatest({first:DateTime64(3, 'UTC')}, toDateTime64('1970-01-02 00:00:00', 3, 'UTC')));

-- 0006_labels_models, 0037_labels_from_the_future
CREATE VIEW labels
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `ingested_at` DateTime64(3, 'UTC'),
    `document_id` String,
    `text` String,
    `entity` LowCardinality(String),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `annotator` LowCardinality(String),
    `labelled_at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    topic,
    topic_id,
    partition,
    offset,
    ingested_at,
    document_id,
    text,
    entity,
    label,
    annotator,
    labelled_at
FROM
(
    SELECT *
    FROM label_log
    FINAL
    WHERE error_kind = ''
    ORDER BY
        least(labelled_at, ingested_at) DESC,
        ingested_at DESC,
        offset DESC
    LIMIT 1 BY
        document_id,
        text,
        entity,
        annotator
);

-- 0010_public_views, 0037_labels_from_the_future
CREATE VIEW labels_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    topic,
    topic_id,
    partition,
    offset,
    ingested_at,
    document_id,
    text,
    entity,
    label,
    annotator,
    labelled_at
FROM
(
    SELECT *
    FROM label_log
    FINAL
    WHERE (error_kind = '') AND (ingested_at <= {moment:DateTime64(3, 'UTC')})
    ORDER BY
        least(labelled_at, ingested_at) DESC,
        ingested_at DESC,
        offset DESC
    LIMIT 1 BY
        document_id,
        text,
        entity,
        annotator
);

-- 0002_views, 0004_novelty_topics, 0016_read_what_is_asked, 0060_lang_quality, 0065_long_texts
CREATE VIEW mentions
(
    `entity` LowCardinality(String),
    `surface` String,
    `via` LowCardinality(String),
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `p_negative` Float32,
    `p_neutral` Float32,
    `p_positive` Float32,
    `sentiment` Float32,
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `kind` LowCardinality(String),
    `document_id` String,
    `source` LowCardinality(String),
    `author` String,
    `lang` LowCardinality(String),
    `url` String,
    `title` String,
    `text` String,
    `published_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `scored_at` DateTime64(3, 'UTC'),
    `story_id` UInt64,
    `novelty` Float32,
    `model_version` LowCardinality(String),
    `topics.name` Array(LowCardinality(String)),
    `topics.score` Array(Float32),
    `lang_quality` LowCardinality(String),
    `cut` Bool,
    `deciding` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    entity,
    surface,
    via,
    mention_label AS label,
    mention_p_negative AS p_negative,
    mention_p_neutral AS p_neutral,
    mention_p_positive AS p_positive,
    mention_sentiment AS sentiment,
    topic,
    topic_id,
    partition,
    offset,
    kind,
    document_id,
    source,
    author,
    lang,
    url,
    title,
    text,
    published_at,
    ingested_at,
    scored_at,
    story_id,
    novelty,
    model_version,
    `topics.name`,
    `topics.score`,
    lang_quality,
    cut,
    substringUTF8(concat(title, if((title != '') AND (text != ''), '\n', ''), text), mention_start + 1, mention_end - mention_start) AS deciding
FROM record_log
FINAL
ARRAY JOIN
    mentions.entity AS entity,
    mentions.surface AS surface,
    mentions.via AS via,
    mentions.label AS mention_label,
    mentions.p_negative AS mention_p_negative,
    mentions.p_neutral AS mention_p_neutral,
    mentions.p_positive AS mention_p_positive,
    mentions.sentiment AS mention_sentiment,
    mentions.deciding_start AS mention_start,
    mentions.deciding_end AS mention_end
WHERE (error_kind = '') AND (unscored = '')
SETTINGS use_skip_indexes_if_final_exact_mode = 0;

-- 0010_public_views, 0068_dated_questions, 0097_asked_of_a_day
CREATE VIEW mentions_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT d.* EXCEPT place
FROM
(
    SELECT
        entity,
        surface,
        via,
        mention_label AS label,
        mention_p_negative AS p_negative,
        mention_p_neutral AS p_neutral,
        mention_p_positive AS p_positive,
        mention_sentiment AS sentiment,
        topic,
        topic_id,
        partition,
        offset,
        kind,
        document_id,
        source,
        lang,
        url,
        title,
        text,
        published_at,
        ingested_at,
        ingested_at AS known_at,
        story_id,
        model_version,
        cityHash64(topic, topic_id, partition, offset) AS place
    FROM documents
    ARRAY JOIN
        mentions.entity AS entity,
        mentions.surface AS surface,
        mentions.via AS via,
        mentions.label AS mention_label,
        mentions.p_negative AS mention_p_negative,
        mentions.p_neutral AS mention_p_neutral,
        mentions.p_positive AS mention_p_positive,
        mentions.sentiment AS mention_sentiment
    WHERE (unscored = '') AND (ingested_at <= {moment:DateTime64(3, 'UTC')})
) AS d
ANTI LEFT JOIN
(
    SELECT
        published_at,
        cityHash64(topic, topic_id, partition, offset) AS place
    FROM rescored_log
    WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
) AS r USING (published_at, place)
UNION ALL
SELECT
    s.entity AS entity,
    s.surface AS surface,
    s.via AS via,
    s.label AS label,
    s.p_negative AS p_negative,
    s.p_neutral AS p_neutral,
    s.p_positive AS p_positive,
    s.sentiment AS sentiment,
    s.topic AS topic,
    s.topic_id AS topic_id,
    s.partition AS partition,
    s.offset AS offset,
    s.kind AS kind,
    s.document_id AS document_id,
    s.source AS source,
    s.lang AS lang,
    d.url AS url,
    d.title AS title,
    d.text AS text,
    s.published_at AS published_at,
    s.ingested_at AS ingested_at,
    s.known_at AS known_at,
    s.story_id AS story_id,
    s.model_version AS model_version
FROM
(
    SELECT
        topic,
        topic_id,
        partition,
        offset,
        published_at,
        url,
        title,
        text
    FROM documents
    WHERE (ingested_at <= {moment:DateTime64(3, 'UTC')}) AND notEmpty(mentions.entity)
) AS d
INNER JOIN
(
    SELECT
        entity,
        surface,
        via,
        mention_label AS label,
        mention_p_negative AS p_negative,
        mention_p_neutral AS p_neutral,
        mention_p_positive AS p_positive,
        mention_sentiment AS sentiment,
        topic,
        topic_id,
        partition,
        offset,
        kind,
        document_id,
        source,
        lang,
        published_at,
        ingested_at,
        known_at,
        story_id,
        model_version
    FROM
    (
        SELECT d.* EXCEPT place
        FROM
        (
            SELECT
                *,
                cityHash64(topic, topic_id, partition, offset) AS place
            FROM documents_by_model
            WHERE known_at <= {moment:DateTime64(3, 'UTC')}
        ) AS d
        SEMI LEFT JOIN
        (
            SELECT
                published_at,
                cityHash64(topic, topic_id, partition, offset) AS place
            FROM rescored_log
            WHERE rescored_at <= {moment:DateTime64(3, 'UTC')}
        ) AS r USING (published_at, place)
        ORDER BY
            known_at DESC,
            scored_at DESC
        LIMIT 1 BY
            topic,
            topic_id,
            partition,
            offset,
            published_at
    )
    ARRAY JOIN
        mentions.entity AS entity,
        mentions.surface AS surface,
        mentions.via AS via,
        mentions.label AS mention_label,
        mentions.p_negative AS mention_p_negative,
        mentions.p_neutral AS mention_p_neutral,
        mentions.p_positive AS mention_p_positive,
        mentions.sentiment AS mention_sentiment
) AS s USING (topic, topic_id, partition, offset, published_at);

-- 0090_of_companies
CREATE VIEW mentions_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM mentions
WHERE has({companies:Array(String)}, entity) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND ((topic, topic_id, partition, offset) IN (
    SELECT
        topic,
        topic_id,
        partition,
        offset
    FROM record_log
    WHERE arrayExists(named -> has({companies:Array(String)}, named), mentions.entity) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (published_at <= {until:DateTime64(3, 'UTC')})
));

-- 0010_public_views
CREATE VIEW model_history
(
    `at` DateTime64(3, 'UTC'),
    `event` LowCardinality(String),
    `version` String,
    `previous` String,
    `worker` String,
    `pause_s` Float64,
    `detail` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT DISTINCT
    at,
    event,
    version,
    previous,
    worker,
    pause_s,
    detail
FROM model_events;

-- 0010_public_views
CREATE VIEW model_judgements
(
    `version` String,
    `parent` String,
    `judged_at` DateTime64(3, 'UTC'),
    `passed` Bool,
    `rule` LowCardinality(String),
    `champion` Float64,
    `challenger` Float64,
    `difference` Float64,
    `low` Float64,
    `high` Float64,
    `p_value` Nullable(Float64),
    `rule_passed` Bool
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    version,
    parent,
    judged_at,
    passed,
    rule,
    champion,
    challenger,
    difference,
    low,
    high,
    p_value,
    rule_passed
FROM
(
    SELECT *
    FROM models
    FINAL
)
ARRAY JOIN
    `gate.rule` AS rule,
    `gate.champion` AS champion,
    `gate.challenger` AS challenger,
    `gate.difference` AS difference,
    `gate.low` AS low,
    `gate.high` AS high,
    `gate.p_value` AS p_value,
    `gate.passed` AS rule_passed;

-- 0010_public_views
CREATE VIEW model_versions
(
    `version` String,
    `parent` String,
    `judged_at` Nullable(DateTime64(3, 'UTC')),
    `passed` Nullable(Bool),
    `reason` String,
    `labels` UInt32,
    `documents` UInt64,
    `first_scored_at` Nullable(DateTime64(3, 'UTC')),
    `last_scored_at` Nullable(DateTime64(3, 'UTC')),
    `facts` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    if(s.version = '', m.version, s.version) AS version,
    m.parent AS parent,
    if(toUnixTimestamp64Milli(m.judged_at) = 0, NULL, m.judged_at) AS judged_at,
    if(toUnixTimestamp64Milli(m.judged_at) = 0, NULL, m.passed) AS passed,
    m.reason AS reason,
    m.labels AS labels,
    s.documents AS documents,
    if(s.documents = 0, NULL, s.first_at) AS first_scored_at,
    if(s.documents = 0, NULL, s.last_at) AS last_scored_at,
    m.facts AS facts
FROM
(
    SELECT
        toString(model_version) AS version,
        count() AS documents,
        min(scored_at) AS first_at,
        max(scored_at) AS last_at
    FROM documents_by_model
    GROUP BY version
) AS s
FULL OUTER JOIN
(
    SELECT *
    FROM models
    FINAL
) AS m ON s.version = m.version;

-- 0008_indices
CREATE VIEW movers
(
    `scope` String,
    `name` String,
    `kind` String,
    `after` Float64,
    `before` Float64,
    `change` Float64,
    `documents` UInt64,
    `documents_before` UInt64,
    `z` Float64
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM movers_as_of(moment = now64(3), known = now64(3));

-- 0008_indices, 0077_settled_hours, 0095_sums_of_hours
CREATE VIEW movers_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    {moment:DateTime64(3, 'UTC')} - toIntervalDay(1) AS middle
SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    sumIf(tone, late) / sumIf(mass, late) AS after,
    sumIf(tone, NOT late) / sumIf(mass, NOT late) AS before,
    after - before AS change,
    sumIf(number, late) AS documents,
    sumIf(number, NOT late) AS documents_before,
    change / sqrt((greatest((sumIf(squares, late) - (pow(sumIf(sums, late), 2) / documents)) / (documents - 1), 0.02) / documents) + (greatest((sumIf(squares, NOT late) - (pow(sumIf(sums, NOT late), 2) / documents_before)) / (documents_before - 1), 0.02) / documents_before)) AS z
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(d.entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        late,
        mass,
        tone,
        number,
        sums,
        squares
    FROM
    (
        SELECT
            entity,
            kind,
            s.published_at > middle AS late,
            sum(s.weight) AS mass,
            sum(weighted) AS tone,
            sum(s.number) AS number,
            sum(total) AS sums,
            sum(total_squares) AS squares
        FROM counted_sums(first = ({moment:DateTime64(3, 'UTC')} - toIntervalDay(8)), until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0, sums = 1) AS s
        GROUP BY
            entity,
            kind,
            late
    ) AS d
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != ''
GROUP BY
    scope,
    name,
    kind
HAVING (documents >= 3) AND (documents_before >= 3) AND (sumIf(mass, late) > 0) AND (sumIf(mass, NOT late) > 0)
ORDER BY
    abs(z) DESC,
    scope ASC,
    name ASC,
    kind ASC;

-- 0010_public_views, 0031_positions
CREATE VIEW positions
(
    `desk` LowCardinality(String),
    `ticker` String,
    `exposure` Float64,
    `currency` String,
    `quantity` Nullable(Float64),
    `at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM positions_as_of(moment = now64(3));

-- 0010_public_views, 0031_positions
CREATE VIEW positions_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    desk,
    ticker,
    argMax(p.exposure, (p.at, p.recorded_at)) AS exposure,
    toString(argMax(p.currency, (p.at, p.recorded_at))) AS currency,
    (argMax(tuple(p.quantity), (p.at, p.recorded_at))).1 AS quantity,
    max(p.at) AS at
FROM position_log AS p
WHERE p.at <= {moment:DateTime64(3, 'UTC')}
GROUP BY
    desk,
    ticker
HAVING exposure != 0;

-- 0066_prices
CREATE VIEW prices
(
    `ticker` LowCardinality(String),
    `date` Date32,
    `close` Float64,
    `recorded_at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    ticker,
    date,
    close,
    recorded_at
FROM price_log
FINAL;

-- 0095_sums_of_hours
CREATE VIEW repeats_of_hours
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    (
        WITH
            if({kept:UInt8} = 1, repeats_settled, settled) AS known_of
        SELECT (groupArrayIf(hour, known_of), groupUniqArrayIf(toDate(hour), NOT known_of), greatest(minIf(hour, NOT known_of), toDateTime('1970-01-02 00:00:00', 'UTC')))
        FROM index_hours(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
        WHERE ({weekly:UInt8} = 0) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}), 86400) IN (0, 1, 2, 3, 7, 14, 21, 28)) OR (intDiv(dateDiff('second', hour, {until:DateTime64(3, 'UTC')}) - 3600, 86400) IN (0, 1, 2, 3, 7, 14, 21, 28))
    ) AS state,
    repeats AS
    (
        SELECT key
        FROM
        (
            SELECT
                published_at,
                arrayJoin([cityHash64(story_id), cityHash64(source, document_id)]) AS key
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND ((toDate(published_at) IN (state.2)) OR ((toDate(published_at) + 1) IN (state.2))) AND (published_at >= ((state.3) - toIntervalDay(1))) AND (published_at > ({first:DateTime64(3, 'UTC')} - toIntervalDay(1))) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (({weekly:UInt8} = 0) OR (intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000) IN (0, 1, 2, 3, 4, 7, 8, 14, 15, 21, 22, 28, 29)))
        )
        WHERE (state.3) < ({until:DateTime64(3, 'UTC')} - toIntervalHour(3))
        GROUP BY key
        HAVING (count() > 1) AND (max(published_at) >= (state.3))
        UNION ALL
        SELECT arrayJoin([cityHash64(story_id), cityHash64(source, document_id)])
        FROM record_log
        WHERE ((state.3) >= ({until:DateTime64(3, 'UTC')} - toIntervalHour(3))) AND (published_at >= (state.3)) AND (published_at <= {until:DateTime64(3, 'UTC')})
    )
SELECT
    published_at,
    mention
FROM
(
    SELECT
        published_at,
        cityHash64(topic, topic_id, partition, offset, entity) AS mention,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, story_id ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY entity, source, document_id ORDER BY published_at ASC, ingested_at ASC, topic ASC, partition ASC, offset ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM
    (
        SELECT
            named AS entity,
            published_at,
            ingested_at,
            topic,
            topic_id,
            partition,
            offset,
            story_id,
            source,
            document_id
        FROM record_log
        FINAL
        ARRAY JOIN arrayConcat([toLowCardinality('')], arrayFilter(one -> (one != ''), arrayDistinct(mentions.entity))) AS named
        WHERE (error_kind = '') AND (unscored = '') AND ((toDate(published_at) IN (state.2)) OR ((toDate(published_at) + 1) IN (state.2))) AND (published_at >= ((state.3) - toIntervalDay(1))) AND (published_at > ({first:DateTime64(3, 'UTC')} - toIntervalDay(1))) AND (published_at <= {until:DateTime64(3, 'UTC')}) AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (({weekly:UInt8} = 0) OR (intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000) IN (0, 1, 2, 3, 4, 7, 8, 14, 15, 21, 22, 28, 29))) AND ((cityHash64(story_id) IN (
            SELECT key
            FROM repeats
        )) OR (cityHash64(source, document_id) IN (
            SELECT key
            FROM repeats
        )))
        SETTINGS use_skip_indexes_if_final_exact_mode = 0
    )
)
WHERE (NOT ((told_before < (published_at - toIntervalDay(1))) AND (sent_before < (published_at - toIntervalDay(1))))) AND (toStartOfHour(published_at) NOT IN (state.1)) AND (published_at > {first:DateTime64(3, 'UTC')}) AND (({weekly:UInt8} = 0) OR (intDiv(dateDiff('millisecond', published_at, {until:DateTime64(3, 'UTC')}), 86400000) IN (0, 1, 2, 3, 7, 14, 21, 28)));

-- 0010_public_views
CREATE VIEW retrainings
(
    `id` String,
    `at` DateTime64(3, 'UTC'),
    `started_at` DateTime64(3, 'UTC'),
    `cause` LowCardinality(String),
    `state` LowCardinality(String),
    `champion` String,
    `challenger` String,
    `labels` UInt32,
    `labels_until` DateTime64(3, 'UTC'),
    `detail` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    id,
    at,
    started_at,
    cause,
    state,
    champion,
    challenger,
    labels,
    labels_until,
    detail
FROM retrain_runs
FINAL;

-- 0008_indices, 0095_sums_of_hours
CREATE VIEW sentiment_1d
(
    `scope` String,
    `name` String,
    `kind` String,
    `start` DateTime('UTC'),
    `sentiment` Float64,
    `dispersion` Float64,
    `negative_share` Float64,
    `weight` Float64,
    `documents` UInt64
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    start,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, (sum(squares) / sum(mass)) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(number) AS documents
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(d.entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        start,
        mass,
        tone,
        squares,
        negative,
        number
    FROM
    (
        SELECT
            entity,
            kind,
            toStartOfInterval(s.published_at, toIntervalSecond(86400)) AS start,
            sum(s.weight) AS mass,
            sum(s.weight * s.sentiment) AS tone,
            sum((s.weight * s.sentiment) * s.sentiment) AS squares,
            sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_rows(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00') AS s
        GROUP BY
            entity,
            kind,
            start
    ) AS d
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != ''
GROUP BY
    scope,
    name,
    kind,
    start
HAVING sum(mass) > 0;

-- 0008_indices, 0095_sums_of_hours
CREATE VIEW sentiment_1h
(
    `scope` String,
    `name` String,
    `kind` String,
    `start` DateTime('UTC'),
    `sentiment` Float64,
    `dispersion` Float64,
    `negative_share` Float64,
    `weight` Float64,
    `documents` UInt64
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    start,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, (sum(squares) / sum(mass)) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(number) AS documents
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(d.entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        start,
        mass,
        tone,
        squares,
        negative,
        number
    FROM
    (
        SELECT
            entity,
            kind,
            toStartOfInterval(s.published_at, toIntervalSecond(3600)) AS start,
            sum(s.weight) AS mass,
            sum(s.weight * s.sentiment) AS tone,
            sum((s.weight * s.sentiment) * s.sentiment) AS squares,
            sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_rows(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00') AS s
        GROUP BY
            entity,
            kind,
            start
    ) AS d
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != ''
GROUP BY
    scope,
    name,
    kind,
    start
HAVING sum(mass) > 0;

-- 0008_indices, 0095_sums_of_hours
CREATE VIEW sentiment_1m
(
    `scope` String,
    `name` String,
    `kind` String,
    `start` DateTime('UTC'),
    `sentiment` Float64,
    `dispersion` Float64,
    `negative_share` Float64,
    `weight` Float64,
    `documents` UInt64
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    start,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, (sum(squares) / sum(mass)) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(number) AS documents
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(d.entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        start,
        mass,
        tone,
        squares,
        negative,
        number
    FROM
    (
        SELECT
            entity,
            kind,
            toStartOfInterval(s.published_at, toIntervalSecond(60)) AS start,
            sum(s.weight) AS mass,
            sum(s.weight * s.sentiment) AS tone,
            sum((s.weight * s.sentiment) * s.sentiment) AS squares,
            sum(s.weight * s.p_negative) AS negative,
            count() AS number
        FROM counted_rows(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00') AS s
        GROUP BY
            entity,
            kind,
            start
    ) AS d
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != ''
GROUP BY
    scope,
    name,
    kind,
    start
HAVING sum(mass) > 0;

-- 0008_indices, 0077_settled_hours, 0095_sums_of_hours
CREATE VIEW sentiment_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    assumeNotNull(greatest(4 * (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(36))) AND (published_at <= (until - toIntervalDay(29)))
            LIMIT 1
        )
    ), 3 * (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(29))) AND (published_at <= (until - toIntervalDay(22)))
            LIMIT 1
        )
    ), 2 * (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(22))) AND (published_at <= (until - toIntervalDay(15)))
            LIMIT 1
        )
    ), (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(15))) AND (published_at <= (until - toIntervalDay(8)))
            LIMIT 1
        )
    ))) AS weeks
SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, (sum(squares) / sum(mass)) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(today) AS documents_1d,
    sum(then) / greatest(weeks, 1) AS usual_1d,
    if(weeks = 0, 1, (documents_1d + 1) / (usual_1d + 1)) AS buzz,
    max(latest) AS latest_at
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(d.entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        mass,
        tone,
        squares,
        negative,
        today,
        then,
        latest
    FROM
    (
        SELECT
            entity,
            kind,
            sum(counts * fresh) AS mass,
            sum(counts * fresh_weighted) AS tone,
            sum(counts * s.fresh_squares) AS squares,
            sum(counts * fresh_negative) AS negative,
            sumIf(number, age_s < 86400) AS today,
            sumIf(number, (age_s >= 604800) AND (intDiv(toInt64(age_s), 604800) <= weeks)) AS then,
            max(published_at) AS latest
        FROM
        (
            SELECT
                entity,
                kind,
                published_at,
                number,
                fresh,
                fresh_weighted,
                fresh_squares,
                fresh_negative,
                dateDiff('millisecond', published_at, until) / 1000 AS age_s,
                if(age_s < 345600, exp2((-age_s) / if(kind = 'news', 28800, 1800)), 0) AS counts
            FROM counted_sums(first = ({moment:DateTime64(3, 'UTC')} - toIntervalDay(29)), until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 1, sums = 1)
        ) AS s
        GROUP BY
            entity,
            kind
    ) AS d
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != ''
GROUP BY
    scope,
    name,
    kind
HAVING sum(mass) > 0;

-- 0008_indices
CREATE VIEW sentiment_now
(
    `scope` String,
    `name` String,
    `kind` String,
    `sentiment` Float64,
    `dispersion` Float64,
    `negative_share` Float64,
    `weight` Float64,
    `documents_1d` UInt64,
    `usual_1d` Float64,
    `buzz` Float64,
    `latest_at` DateTime64(3, 'UTC')
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM sentiment_as_of(moment = now64(3), known = now64(3));

-- 0090_of_companies, 0098_settled_mentions
CREATE VIEW sentiment_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS WITH
    {moment:DateTime64(3, 'UTC')} AS until,
    assumeNotNull(greatest(4 * (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(36))) AND (published_at <= (until - toIntervalDay(29)))
            LIMIT 1
        )
    ), 3 * (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(29))) AND (published_at <= (until - toIntervalDay(22)))
            LIMIT 1
        )
    ), 2 * (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(22))) AND (published_at <= (until - toIntervalDay(15)))
            LIMIT 1
        )
    ), (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM record_log
            WHERE (error_kind = '') AND (unscored = '') AND (ingested_at <= {known:DateTime64(3, 'UTC')}) AND (published_at > (until - toIntervalDay(15))) AND (published_at <= (until - toIntervalDay(8)))
            LIMIT 1
        )
    ))) AS weeks
SELECT
    toLowCardinality(told.entity) AS entity,
    told.counted_in AS kind,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, (sum(squares) / sum(mass)) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(today) AS documents_1d,
    sum(then) / greatest(weeks, 1) AS usual_1d,
    if(weeks = 0, 1, (documents_1d + 1) / (usual_1d + 1)) AS buzz,
    max(latest) AS latest_at
FROM
(
    SELECT
        toString(s.entity) AS entity,
        arrayJoin([toString(s.kind), 'all']) AS counted_in,
        sum(counts) AS mass,
        sum(counts * s.sentiment) AS tone,
        sum((counts * s.sentiment) * s.sentiment) AS squares,
        sum(counts * s.p_negative) AS negative,
        countIf(age_s < 86400) AS today,
        countIf((age_s >= 604800) AND (intDiv(toInt64(age_s), 604800) <= weeks)) AS then,
        max(published_at) AS latest
    FROM
    (
        SELECT
            entity,
            kind,
            published_at,
            sentiment,
            p_negative,
            dateDiff('millisecond', published_at, until) / 1000 AS age_s,
            if(age_s < 345600, weight * exp2((-age_s) / if(kind = 'news', 28800, 1800)), 0) AS counts
        FROM counted_scores_of(companies = {companies:Array(String)}, first = ({moment:DateTime64(3, 'UTC')} - toIntervalDay(29)), until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
        WHERE (published_at > (until - toIntervalDay(4))) OR ((published_at > (until - toIntervalDay(8))) AND (published_at <= (until - toIntervalDay(7)))) OR ((published_at > (until - toIntervalDay(15))) AND (published_at <= (until - toIntervalDay(14)))) OR ((published_at > (until - toIntervalDay(22))) AND (published_at <= (until - toIntervalDay(21)))) OR ((published_at > (until - toIntervalDay(29))) AND (published_at <= (until - toIntervalDay(28))))
    ) AS s
    GROUP BY
        s.entity,
        s.kind
) AS told
GROUP BY
    told.entity,
    told.counted_in
HAVING sum(mass) > 0;

-- 0008_indices, 0077_settled_hours, 0095_sums_of_hours
CREATE VIEW sentiment_windows
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    place.1 AS scope,
    place.2 AS name,
    place.3 AS kind,
    start,
    sum(tone) / sum(mass) AS sentiment,
    sqrt(greatest(0, (sum(squares) / sum(mass)) - pow(sum(tone) / sum(mass), 2))) AS dispersion,
    sum(negative) / sum(mass) AS negative_share,
    sum(mass) AS weight,
    sum(number) AS documents
FROM
(
    SELECT
        if(d.entity = '', [('market', '*')], [(if((e.entity_type IN ('', 'company')), 'entity', toString(e.entity_type)), toString(d.entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))]) AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(d.kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        start,
        mass,
        tone,
        squares,
        negative,
        number
    FROM
    (
        SELECT
            entity,
            kind,
            toStartOfInterval(s.published_at, toIntervalSecond({width_s:UInt32})) AS start,
            sum(s.weight) AS mass,
            sum(weighted) AS tone,
            sum(weighted_squares) AS squares,
            sum(weighted_negative) AS negative,
            sum(s.number) AS number
        FROM counted_sums(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0, sums = (({width_s:UInt32} % 3600) = 0)) AS s
        GROUP BY
            entity,
            kind,
            start
    ) AS d
    LEFT JOIN
    (
        SELECT
            ticker,
            desk,
            sector,
            entity_type
        FROM entities
        FINAL
    ) AS e ON toString(d.entity) = e.ticker
)
ARRAY JOIN counted_in AS place
WHERE (place.2) != ''
GROUP BY
    scope,
    name,
    kind,
    start
HAVING sum(mass) > 0;

-- 0012_shadow_drift_views
CREATE VIEW shadow_scores
(
    `topic` LowCardinality(String),
    `topic_id` LowCardinality(String),
    `partition` Int32,
    `offset` Int64,
    `at` DateTime64(3, 'UTC'),
    `worker` LowCardinality(String),
    `kind` LowCardinality(String),
    `source` LowCardinality(String),
    `document_id` String,
    `champion` LowCardinality(String),
    `challenger` LowCardinality(String),
    `champion_label` Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3),
    `challenger_label` Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3),
    `champion_p` Array(Float32),
    `challenger_p` Array(Float32),
    `champion_s` Float32,
    `challenger_s` Float32
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    topic,
    topic_id,
    partition,
    offset,
    at,
    worker,
    kind,
    source,
    document_id,
    champion,
    challenger,
    champion_label,
    challenger_label,
    champion_p,
    challenger_p,
    champion_s,
    challenger_s
FROM shadow_log
FINAL;

-- 0046_feed_polls
CREATE VIEW sources_read
(
    `feed` LowCardinality(String),
    `kind` LowCardinality(String),
    `polled_at` DateTime64(3, 'UTC'),
    `last_item_at` Nullable(DateTime64(3, 'UTC')),
    `next_poll_at` Nullable(DateTime64(3, 'UTC')),
    `sent` UInt64,
    `errors` UInt32,
    `error` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    feed,
    kind,
    polled_at,
    last_item_at,
    next_poll_at,
    sent,
    errors,
    error
FROM feed_polls
FINAL
ORDER BY feed ASC;

-- 0010_public_views, 0068_dated_questions
CREATE VIEW topics
(
    `entity` LowCardinality(String),
    `topic` LowCardinality(String),
    `score` Float32,
    `label` Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    `sentiment` Float32,
    `kind` LowCardinality(String),
    `document_id` String,
    `source` LowCardinality(String),
    `title` String,
    `text` String,
    `url` String,
    `published_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `story_id` UInt64,
    `model_version` LowCardinality(String)
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM topics_between(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00');

-- 0010_public_views, 0077_settled_hours, 0095_sums_of_hours
CREATE VIEW topics_as_of
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toLowCardinality(entity) AS entity,
    toLowCardinality(theme) AS topic,
    number AS documents,
    number_before AS documents_before,
    documents / greatest(all_documents, 1) AS share,
    documents_before / greatest(all_before, 1) AS share_before,
    share - share_before AS change,
    if(documents = 0, NULL, tone) AS sentiment
FROM
(
    SELECT
        *,
        sumIf(number, every) OVER (PARTITION BY entity) AS all_documents,
        sumIf(number_before, every) OVER (PARTITION BY entity) AS all_before
    FROM
    (
        SELECT
            entity,
            theme,
            place = 1 AS every,
            sumIf(m.number, late) AS number,
            sumIf(m.number, NOT late) AS number_before,
            sumIf(total, late) / number AS tone
        FROM
        (
            SELECT
                entity,
                number,
                total,
                published_at > ({moment:DateTime64(3, 'UTC')} - toIntervalDay(1)) AS late,
                arrayConcat([toLowCardinality('')], `topics.name`) AS themes
            FROM counted_sums(first = ({moment:DateTime64(3, 'UTC')} - toIntervalDay(8)), until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}, weekly = 0, sums = 1)
            WHERE entity != ''
        ) AS m
        ARRAY JOIN
            themes AS theme,
            arrayEnumerate(themes) AS place
        GROUP BY
            entity,
            theme,
            every
    )
)
WHERE NOT every;

-- 0068_dated_questions
CREATE VIEW topics_between
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    m.entity AS entity,
    theme AS topic,
    strength AS score,
    m.label AS label,
    m.sentiment AS sentiment,
    m.kind AS kind,
    m.document_id AS document_id,
    m.source AS source,
    m.title AS title,
    m.text AS text,
    m.url AS url,
    m.published_at AS published_at,
    m.ingested_at AS ingested_at,
    m.story_id AS story_id,
    m.model_version AS model_version
FROM counted_mentions_between(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}) AS m
ARRAY JOIN
    `topics.name` AS theme,
    `topics.score` AS strength;

-- 0069_entity_types
CREATE VIEW watchlist
(
    `ticker` String,
    `name` String,
    `entity_type` LowCardinality(String),
    `desk` LowCardinality(String),
    `sector` LowCardinality(String),
    `leads` String
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    ticker,
    name,
    entity_type,
    desk,
    sector,
    leads
FROM entities
FINAL;

-- 0010_public_views
CREATE VIEW workers
(
    `worker` String,
    `version` String,
    `at` DateTime64(3, 'UTC'),
    `stopped` Bool,
    `live` Bool
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    worker,
    version,
    at,
    stopped,
    (NOT stopped) AND (at > (now64(3) - toIntervalSecond(20))) AS live
FROM worker_status
FINAL;
