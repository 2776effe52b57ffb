-- Whether a test set says how good the model is in the document's language.
ALTER TABLE record_log
    ADD COLUMN IF NOT EXISTS lang_quality LowCardinality(String) AFTER lang;

CREATE OR REPLACE VIEW documents AS
SELECT * EXCEPT (error_kind, error_field, error, raw)
FROM record_log FINAL
WHERE error_kind = ''
SETTINGS use_skip_indexes_if_final_exact_mode = 0;

CREATE OR REPLACE VIEW mentions AS
SELECT
    entity, surface, via,
    mention_label AS label, mention_p_negative AS p_negative, mention_p_neutral AS p_neutral,
    mention_p_positive AS p_positive, mention_sentiment AS sentiment,
    topic, topic_id, partition, offset, kind, document_id, source, author, lang, url, title, text,
    published_at, ingested_at, scored_at, story_id, novelty, model_version, `topics.name`, `topics.score`,
    lang_quality
FROM record_log FINAL
ARRAY JOIN
    mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
    mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
    mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
    mentions.sentiment AS mention_sentiment
WHERE error_kind = '' AND unscored = ''
SETTINGS use_skip_indexes_if_final_exact_mode = 0;
