-- A question about some days reads these days and not all of the history. With FINAL, ClickHouse by default widens what
-- an index found to every granule whose keys overlap it, and a granule that ends one Kafka partition and begins the next
-- overlaps all of both. It does so for copies of a row of which the index finds one and not the other, which cannot be
-- here: what was stored twice of a position is one record, with one published_at and one document_id.
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
    published_at, ingested_at, scored_at, story_id, novelty, model_version, `topics.name`, `topics.score`
FROM record_log FINAL
ARRAY JOIN
    mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
    mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
    mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
    mentions.sentiment AS mention_sentiment
WHERE error_kind = '' AND unscored = ''
SETTINGS use_skip_indexes_if_final_exact_mode = 0;

-- The companies found in a text may differ between two copies of it (another list of companies), and no view asks by it.
ALTER TABLE record_log DROP INDEX IF EXISTS mentioned;
