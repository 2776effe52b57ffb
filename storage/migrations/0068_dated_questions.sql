-- A question about some days reads these days, and not all of the history: also of what was known at a moment, and of
-- mentions that count.
ALTER TABLE rescored_log ADD INDEX IF NOT EXISTS published_range published_at TYPE minmax GRANULARITY 1;

-- Each part has the settings with which `documents` reads: 0016_read_what_is_asked.sql says why. What was stored twice of
-- a position and version has one published_at, too.
CREATE OR REPLACE VIEW documents_by_model AS
SELECT *
FROM
(
    SELECT
        topic, topic_id, partition, offset, kind, document_id, source, lang, published_at, ingested_at, scored_at,
        ingested_at AS known_at, story_id, model_version, label, p_negative, p_neutral, p_positive, sentiment, tokens,
        mentions.entity, mentions.surface, mentions.via, mentions.label, mentions.p_negative, mentions.p_neutral,
        mentions.p_positive, mentions.sentiment
    FROM record_log FINAL
    WHERE error_kind = '' AND unscored = ''
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
)
UNION ALL
SELECT *
FROM
(
    SELECT
        topic, topic_id, partition, offset, kind, document_id, source, lang, published_at, ingested_at, scored_at,
        rescored_at AS known_at, story_id, model_version, label, p_negative, p_neutral, p_positive, sentiment, tokens,
        mentions.entity, mentions.surface, mentions.via, mentions.label, mentions.p_negative, mentions.p_neutral,
        mentions.p_positive, mentions.sentiment
    FROM rescored_log FINAL
    SETTINGS use_skip_indexes_if_final_exact_mode = 0
);

-- All scores of a position have its published_at. With published_at in LIMIT BY, a condition on it is applied before.
CREATE OR REPLACE VIEW documents_as_of AS
SELECT *
FROM documents_by_model
WHERE known_at <= {moment:DateTime64(3, 'UTC')}
ORDER BY known_at DESC, scored_at DESC
LIMIT 1 BY topic, topic_id, partition, offset, published_at;

-- With published_at in the join, a condition on it is applied to both sides.
CREATE OR REPLACE VIEW mentions_as_of AS
SELECT
    s.entity AS entity, s.surface AS surface, s.via AS via, s.label AS label, s.p_negative AS p_negative,
    s.p_neutral AS p_neutral, s.p_positive AS p_positive, s.sentiment AS sentiment, s.topic AS topic,
    s.topic_id AS topic_id, s.partition AS partition, s.offset AS offset, s.kind AS kind, s.document_id AS document_id,
    s.source AS source, s.lang AS lang, d.url AS url, d.title AS title, d.text AS text, s.published_at AS published_at,
    s.ingested_at AS ingested_at, s.known_at AS known_at, s.story_id AS story_id, s.model_version AS model_version
FROM
(
    SELECT
        entity, surface, via, mention_label AS label, mention_p_negative AS p_negative, mention_p_neutral AS p_neutral,
        mention_p_positive AS p_positive, mention_sentiment AS sentiment, topic, topic_id, partition, offset, kind,
        document_id, source, lang, published_at, ingested_at, known_at, story_id, model_version
    FROM documents_as_of(moment = {moment:DateTime64(3, 'UTC')})
    ARRAY JOIN
        mentions.entity AS entity, mentions.surface AS surface, mentions.via AS via,
        mentions.label AS mention_label, mentions.p_negative AS mention_p_negative,
        mentions.p_neutral AS mention_p_neutral, mentions.p_positive AS mention_p_positive,
        mentions.sentiment AS mention_sentiment
) AS s
INNER JOIN
(
    SELECT topic, topic_id, partition, offset, published_at, url, title, text
    FROM documents
    WHERE ingested_at <= {moment:DateTime64(3, 'UTC')} AND notEmpty(mentions.entity)
) AS d USING (topic, topic_id, partition, offset, published_at);

-- The mentions that count, `first` < published_at <= `until`, of what had been stored at `known`. What came before a
-- mention decides whether it counts, so a condition on published_at cannot be applied before; these bounds can.
CREATE VIEW counted_mentions_between AS
SELECT * EXCEPT (told_before, sent_before)
FROM
(
    SELECT *,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM mentions
    WHERE published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
        AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
)
WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
    AND published_at > {first:DateTime64(3, 'UTC')};

-- All that is stored. On a long history counted_mentions_between(first = ..., until = ..., known = now64(3)) reads only
-- what it is asked for.
CREATE OR REPLACE VIEW counted_mentions AS
SELECT *
FROM counted_mentions_between(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00');

CREATE VIEW topics_between AS
SELECT
    m.entity AS entity, theme AS topic, strength AS score, m.label AS label, m.sentiment AS sentiment, m.kind AS kind,
    m.document_id AS document_id, m.source AS source, m.title AS title, m.text AS text, m.url AS url,
    m.published_at AS published_at, m.ingested_at AS ingested_at, m.story_id AS story_id, m.model_version AS model_version
FROM counted_mentions_between(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
    known = {known:DateTime64(3, 'UTC')}) AS m
ARRAY JOIN `topics.name` AS theme, `topics.score` AS strength;

-- All that is stored, as with counted_mentions.
CREATE OR REPLACE VIEW topics AS
SELECT *
FROM topics_between(first = '1970-01-03 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00');
