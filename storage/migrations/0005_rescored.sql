-- Scores that another version gave to stored documents later; the log itself never changes.
CREATE TABLE rescored_log
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    offset Int64,
    model_version LowCardinality(String),
    rescored_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    kind LowCardinality(String),
    document_id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    lang LowCardinality(String),
    published_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    scored_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    story_id UInt64 CODEC(NONE),
    label Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    p_negative Float32,
    p_neutral Float32,
    p_positive Float32,
    sentiment Float32,
    tokens UInt16,
    `mentions.entity` Array(LowCardinality(String)),
    `mentions.surface` Array(String),
    `mentions.via` Array(LowCardinality(String)),
    `mentions.label` Array(Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3)),
    `mentions.p_negative` Array(Float32),
    `mentions.p_neutral` Array(Float32),
    `mentions.p_positive` Array(Float32),
    `mentions.sentiment` Array(Float32),
    version UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(rescored_at))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(rescored_at)
ORDER BY (model_version, topic, topic_id, partition, offset);

-- Every score there is: a row for each document and version that scored it. ``known_at`` is since when it could be read.
CREATE VIEW documents_by_model AS
SELECT
    topic, topic_id, partition, offset, kind, document_id, source, lang, published_at, ingested_at, scored_at,
    ingested_at AS known_at, story_id, model_version, label, p_negative, p_neutral, p_positive, sentiment, tokens,
    mentions.entity, mentions.surface, mentions.via, mentions.label, mentions.p_negative, mentions.p_neutral,
    mentions.p_positive, mentions.sentiment
FROM record_log FINAL
WHERE error_kind = '' AND unscored = ''
UNION ALL
SELECT
    topic, topic_id, partition, offset, kind, document_id, source, lang, published_at, ingested_at, scored_at,
    rescored_at AS known_at, story_id, model_version, label, p_negative, p_neutral, p_positive, sentiment, tokens,
    mentions.entity, mentions.surface, mentions.via, mentions.label, mentions.p_negative, mentions.p_neutral,
    mentions.p_positive, mentions.sentiment
FROM rescored_log FINAL;

-- What was known at a moment: SELECT * FROM documents_as_of(moment = '2026-01-31 12:00:00').
CREATE VIEW documents_as_of AS
SELECT *
FROM documents_by_model
WHERE known_at <= {moment:DateTime64(3, 'UTC')}
ORDER BY known_at DESC, scored_at DESC
LIMIT 1 BY topic, topic_id, partition, offset;
