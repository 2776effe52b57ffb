-- Topics that nobody wrote into the taxonomy: clusters of documents that are far from it, named by their terms. A row is
-- what was found at `at` (in the documents' time); the latest of an id counts. `recent` are those of the last day, `usual`
-- how many a day there were in the days before, `burst` the difference in standard errors. `members.*` run in parallel:
-- the positions of the documents, the most typical first.
CREATE TABLE emerging_topics
(
    id String,
    at DateTime64(3, 'UTC'),
    name String,
    terms Array(String),
    lang LowCardinality(String),
    first_at DateTime64(3, 'UTC'),
    last_at DateTime64(3, 'UTC'),
    documents UInt32,
    recent UInt32,
    usual Float64,
    burst Float64,
    entities Array(LowCardinality(String)),
    `members.topic` Array(LowCardinality(String)),
    `members.topic_id` Array(LowCardinality(String)),
    `members.partition` Array(Int32),
    `members.offset` Array(Int64)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY id;

CREATE VIEW emerging AS
SELECT id AS emerging_id, name, terms, lang, first_at, last_at, documents, recent, usual, burst, entities, at
FROM emerging_topics FINAL;

-- The documents of each emerging topic; `place` 1 is the most typical.
CREATE VIEW emerging_documents AS
SELECT
    e.emerging_id AS emerging_id, e.name AS name, e.place AS place, d.published_at AS published_at, d.kind AS kind,
    d.source AS source, d.document_id AS document_id, d.title AS title, d.text AS text, d.url AS url,
    d.label AS label, d.sentiment AS sentiment,
    d.model_version AS model_version, d.novelty AS novelty, d.mentions.entity AS entities, d.topic AS topic, d.topic_id AS topic_id,
    d.partition AS partition, d.offset AS offset
FROM documents AS d
INNER JOIN
(
    SELECT id AS emerging_id, name, place, member_topic, member_topic_id, member_partition, member_offset
    FROM emerging_topics FINAL
    ARRAY JOIN
        members.topic AS member_topic, members.topic_id AS member_topic_id, members.partition AS member_partition,
        members.offset AS member_offset, arrayEnumerate(members.topic) AS place
) AS e
    ON d.topic = e.member_topic AND d.topic_id = e.member_topic_id AND d.partition = e.member_partition
    AND d.offset = e.member_offset
-- By the primary key, so that the rest of the log is not read.
WHERE (d.topic, d.topic_id, d.partition, d.offset) IN
(
    SELECT member_topic, member_topic_id, member_partition, member_offset
    FROM emerging_topics FINAL
    ARRAY JOIN
        members.topic AS member_topic, members.topic_id AS member_topic_id, members.partition AS member_partition,
        members.offset AS member_offset
);
