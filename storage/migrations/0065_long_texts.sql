-- Of a long text: the places of the sentence that decided, in title and text as one, and whether some was not read.
ALTER TABLE record_log
    ADD COLUMN IF NOT EXISTS cut Bool AFTER tokens,
    ADD COLUMN IF NOT EXISTS deciding_start UInt16 AFTER cut,
    ADD COLUMN IF NOT EXISTS deciding_end UInt16 AFTER deciding_start,
    ADD COLUMN IF NOT EXISTS `mentions.deciding_start` Array(UInt16) AFTER `mentions.sentiment`,
    ADD COLUMN IF NOT EXISTS `mentions.deciding_end` Array(UInt16) AFTER `mentions.deciding_start`;

CREATE OR REPLACE VIEW documents AS
SELECT
    * EXCEPT (error_kind, error_field, error, raw),
    substringUTF8(
        concat(title, if(title != '' AND text != '', '\n', ''), text),
        deciding_start + 1, deciding_end - deciding_start
    ) AS deciding
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
    lang_quality, cut,
    substringUTF8(
        concat(title, if(title != '' AND text != '', '\n', ''), text),
        mention_start + 1, mention_end - mention_start
    ) AS deciding
FROM record_log FINAL
ARRAY JOIN
    mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
    mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
    mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
    mentions.sentiment AS mention_sentiment,
    mentions.deciding_start AS mention_start, mentions.deciding_end AS mention_end
WHERE error_kind = '' AND unscored = ''
SETTINGS use_skip_indexes_if_final_exact_mode = 0;
