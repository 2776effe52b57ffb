CREATE VIEW documents AS
SELECT * EXCEPT (error_kind, error_field, error, raw)
FROM record_log FINAL
WHERE error_kind = '';

CREATE VIEW dead_letters AS
SELECT topic, topic_id, partition, offset, ingested_at, kind, error_kind, error_field, error, raw
FROM record_log FINAL
WHERE error_kind != '';

-- One row for each document and entity.
CREATE VIEW mentions AS
SELECT
    entity, surface, via,
    mention_label AS label, mention_p_negative AS p_negative, mention_p_neutral AS p_neutral,
    mention_p_positive AS p_positive, mention_sentiment AS sentiment,
    topic, topic_id, partition, offset, kind, document_id, source, author, lang, url, title, text,
    published_at, ingested_at, scored_at, story_id, model_version
FROM record_log FINAL
ARRAY JOIN
    mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
    mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
    mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
    mentions.sentiment AS mention_sentiment
WHERE error_kind = '';

-- What indices are made of: a story counts once an entity however many sources carry it or however often its
-- producer sends it.
CREATE VIEW counted_mentions AS
SELECT *
FROM
(
    SELECT * FROM mentions
    ORDER BY published_at, ingested_at, topic, partition, offset
    LIMIT 1 BY entity, story_id
)
ORDER BY published_at, ingested_at, topic, partition, offset
LIMIT 1 BY entity, source, document_id;
