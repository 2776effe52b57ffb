-- Why a document has no score, how new its story was, and what it is about.
ALTER TABLE record_log
    ADD COLUMN unscored LowCardinality(String) AFTER label,
    ADD COLUMN novelty Float32 DEFAULT 100 AFTER story_id,
    ADD COLUMN `topics.name` Array(LowCardinality(String)) AFTER `mentions.sentiment`,
    ADD COLUMN `topics.score` Array(Float32) AFTER `topics.name`;

CREATE OR REPLACE VIEW documents AS
SELECT * EXCEPT (error_kind, error_field, error, raw)
FROM record_log FINAL
WHERE error_kind = '';

CREATE OR REPLACE VIEW mentions AS
SELECT
    entity, surface, via,
    mention_label AS label, mention_p_negative AS p_negative, mention_p_neutral AS p_neutral,
    mention_p_positive AS p_positive, mention_sentiment AS sentiment,
    topic, topic_id, partition, offset, kind, document_id, source, author, lang, url, title, text,
    published_at, ingested_at, scored_at, story_id, novelty, model_version, `topics.name`, `topics.score`
FROM record_log FINAL
ARRAY JOIN
    mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
    mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
    mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
    mentions.sentiment AS mention_sentiment
WHERE error_kind = '' AND unscored = '';

CREATE OR REPLACE VIEW counted_mentions AS
SELECT *
FROM
(
    SELECT * FROM mentions
    ORDER BY published_at, ingested_at, topic, partition, offset
    LIMIT 1 BY entity, story_id
)
ORDER BY published_at, ingested_at, topic, partition, offset
LIMIT 1 BY entity, source, document_id;
