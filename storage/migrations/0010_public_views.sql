-- What analysts read beside documents, mentions, indices and labels. What each column means is in
-- storage/dictionary.yaml and docs/dictionary.md; people who may read the views need not read the tables below them.
CREATE VIEW companies AS
SELECT ticker, name, desk, sector
FROM entities FINAL;

-- A row for each company, story and topic.
CREATE VIEW topics AS
SELECT
    m.entity AS entity, theme AS topic, strength AS score, m.label AS label, m.sentiment AS sentiment, m.kind AS kind,
    m.document_id AS document_id, m.source AS source, m.title AS title, m.text AS text, m.url AS url,
    m.published_at AS published_at, m.ingested_at AS ingested_at, m.story_id AS story_id, m.model_version AS model_version
FROM counted_mentions AS m
ARRAY JOIN `topics.name` AS theme, `topics.score` AS strength;

-- What is talked about, the 24 hours before `moment` against the 7 days before them:
-- SELECT * FROM topics_as_of(moment = '2020-06-18 12:00:00', known = now64(3)).
CREATE VIEW topics_as_of AS
SELECT
    entity, theme AS topic,
    countIf(late) AS documents,
    countIf(not late) AS documents_before,
    documents / greatest(any(late_documents), 1) AS share,
    documents_before / greatest(any(early_documents), 1) AS share_before,
    share - share_before AS change,
    if(documents = 0, NULL, avgIf(tone, late)) AS sentiment
FROM
(
    SELECT
        entity, sentiment AS tone, `topics.name` AS themes, published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AS late,
        countIf(published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY) OVER (PARTITION BY entity) AS late_documents,
        countIf(published_at <= {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY) OVER (PARTITION BY entity) AS early_documents
    FROM
    (
        SELECT entity, sentiment, `topics.name`, published_at,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
        FROM mentions
        WHERE published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 9 DAY
            AND published_at <= {moment:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
    )
    WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
        AND published_at > {moment:DateTime64(3, 'UTC')} - INTERVAL 8 DAY
)
ARRAY JOIN themes AS theme
GROUP BY entity, theme;

-- The scores by which a moment's indices were made: SELECT * FROM mentions_as_of(moment = '2020-06-18 14:05:00').
CREATE VIEW mentions_as_of AS
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
    SELECT topic, topic_id, partition, offset, url, title, text
    FROM documents
    WHERE ingested_at <= {moment:DateTime64(3, 'UTC')} AND notEmpty(mentions.entity)
) AS d USING (topic, topic_id, partition, offset);

-- Each alert in the state it had at `moment`, of what had been recorded at `known`.
CREATE VIEW alerts_as_of AS
SELECT
    a.id AS id, a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction, told.1 AS severity,
    a.state AS state, a.fired_at AS fired_at, if(a.state = 'resolved', a.ended_at, NULL) AS resolved_at,
    told.6 AS began_at, told.2 AS before_mean, told.3 AS after_mean, told.4 AS before_documents,
    told.5 AS after_documents, told.7 AS model_version,
    JSONExtractString(told.8, 'rule') AS rule, JSONExtractFloat(told.8, 'threshold') AS threshold,
    JSONExtractFloat(told.8, 'statistic') AS statistic, JSONExtractString(told.8, 'query') AS query,
    told.8 AS evidence,
    if(c.action = 'acknowledged', c.person, '') AS acknowledged_by,
    if(c.action = 'acknowledged', c.acted_at, NULL) AS acknowledged_at,
    if(c.action = 'acknowledged', c.note, '') AS note
FROM
(
    SELECT
        id, any(l.kind) AS kind, any(l.entity) AS entity, any(l.topic) AS topic, any(l.direction) AS direction,
        argMax(l.state, (l.at, l.state = 'resolved')) AS state,
        if(countIf(l.state = 'firing') > 0, minIf(l.fired_at, l.state = 'firing'), min(l.fired_at)) AS fired_at,
        maxIf(l.at, l.state = 'resolved') AS ended_at,
        argMax((l.severity, l.before_mean, l.after_mean, l.before_documents, l.after_documents, l.began_at,
                l.model_version, l.evidence), (l.state = 'firing', l.at)) AS told
    FROM alerts AS l FINAL
    WHERE l.at <= {moment:DateTime64(3, 'UTC')} AND l.recorded_at <= {known:DateTime64(3, 'UTC')}
    GROUP BY id
) AS a
LEFT JOIN
(
    SELECT id, toString(argMax(x.action, x.at)) AS action, argMax(x.by, x.at) AS person, argMax(x.note, x.at) AS note,
        max(x.at) AS acted_at
    FROM alert_actions AS x FINAL
    WHERE x.at <= {known:DateTime64(3, 'UTC')}
    GROUP BY id
) AS c ON a.id = c.id
ORDER BY fired_at DESC, id;

CREATE VIEW alerts_now AS
SELECT * FROM alerts_as_of(moment = now64(3), known = now64(3));

-- Every transition of every alert, and what people did about it, as one story.
CREATE VIEW alert_history AS
SELECT
    a.id AS id, a.at AS at, a.recorded_at AS recorded_at, toString(a.state) AS event, '' AS by, '' AS note,
    a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction, a.severity AS severity,
    a.before_mean AS before_mean, a.after_mean AS after_mean, a.before_documents AS before_documents,
    a.after_documents AS after_documents, a.model_version AS model_version
FROM alerts AS a FINAL
UNION ALL
SELECT
    c.id AS id, c.at AS at, c.at AS recorded_at, toString(c.action) AS event, c.by AS by, c.note AS note,
    a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction, a.severity AS severity,
    a.before_mean AS before_mean, a.after_mean AS after_mean, a.before_documents AS before_documents,
    a.after_documents AS after_documents, a.model_version AS model_version
FROM (SELECT * FROM alert_actions FINAL) AS c
INNER JOIN
(
    SELECT * FROM alerts FINAL ORDER BY state = 'firing' DESC, at DESC LIMIT 1 BY id
) AS a ON c.id = a.id;

-- The documents that moved an alert the most, in the order of their weight.
CREATE VIEW alert_evidence AS
SELECT
    id, entity, direction, fired_at, position,
    JSONExtractString(document, 'document_id') AS document_id, JSONExtractString(document, 'source') AS source,
    JSONExtractString(document, 'kind') AS kind,
    parseDateTime64BestEffortOrNull(JSONExtractString(document, 'published_at'), 3, 'UTC') AS published_at,
    JSONExtractString(document, 'title') AS title, JSONExtractString(document, 'text') AS text,
    JSONExtractString(document, 'url') AS url, JSONExtractString(document, 'label') AS label,
    JSONExtractFloat(document, 'sentiment') AS sentiment,
    JSONExtract(document, 'words', 'Array(String)') AS words
FROM
(
    SELECT id, entity, direction, fired_at, JSONExtractArrayRaw(evidence, 'documents') AS documents
    FROM alerts FINAL
    WHERE state = 'firing'
)
ARRAY JOIN documents AS document, arrayEnumerate(documents) AS position;

CREATE VIEW alert_messages AS
SELECT id, state, receiver, outcome, attempts, error, at
FROM alert_deliveries FINAL;

CREATE VIEW alert_silences AS
SELECT silence_id, entity, kind, starts_at, ends_at, by, note, at
FROM silences FINAL;

-- The judgements that held at a moment: SELECT * FROM labels_as_of(moment = '2020-06-17 12:00:00').
CREATE VIEW labels_as_of AS
SELECT topic, topic_id, partition, offset, ingested_at, document_id, text, entity, label, annotator, labelled_at
FROM
(
    SELECT * FROM label_log FINAL
    WHERE error_kind = '' AND ingested_at <= {moment:DateTime64(3, 'UTC')}
    ORDER BY labelled_at DESC, ingested_at DESC, offset DESC
    LIMIT 1 BY document_id, text, entity, annotator
);

-- Every version that was judged or that scored a document.
CREATE VIEW model_versions AS
SELECT
    if(s.version = '', m.version, s.version) AS version, m.parent AS parent,
    if(toUnixTimestamp64Milli(m.judged_at) = 0, NULL, m.judged_at) AS judged_at,
    if(toUnixTimestamp64Milli(m.judged_at) = 0, NULL, m.passed) AS passed,
    m.reason AS reason, m.labels AS labels, s.documents AS documents,
    if(s.documents = 0, NULL, s.first_at) AS first_scored_at, if(s.documents = 0, NULL, s.last_at) AS last_scored_at,
    m.facts AS facts
FROM
(
    SELECT toString(model_version) AS version, count() AS documents, min(scored_at) AS first_at, max(scored_at) AS last_at
    FROM documents_by_model
    GROUP BY version
) AS s
FULL JOIN (SELECT * FROM models FINAL) AS m ON s.version = m.version;

-- One row for each version and rule of the gate.
CREATE VIEW model_judgements AS
SELECT
    version, parent, judged_at, passed, rule, champion, challenger, difference, low, high, p_value, rule_passed
FROM (SELECT * FROM models FINAL)
ARRAY JOIN
    `gate.rule` AS rule, `gate.champion` AS champion, `gate.challenger` AS challenger,
    `gate.difference` AS difference, `gate.low` AS low, `gate.high` AS high, `gate.p_value` AS p_value,
    `gate.passed` AS rule_passed;

CREATE VIEW model_history AS
SELECT DISTINCT at, event, version, previous, worker, pause_s, detail
FROM model_events;

CREATE VIEW retrainings AS
SELECT id, at, started_at, cause, state, champion, challenger, labels, labels_until, detail
FROM retrain_runs FINAL;

CREATE VIEW workers AS
SELECT worker, version, at, stopped, NOT stopped AND at > now64(3) - INTERVAL 20 SECOND AS live
FROM worker_status FINAL;

-- How the feeds did in the 24 hours before a moment: SELECT * FROM feeds_as_of(moment = now64(3)). A row for each topic
-- and source, and one for each topic with the source '*'; a feed that brought nothing for 8 days has none.
CREATE VIEW feeds_as_of AS
WITH {moment:DateTime64(3, 'UTC')} AS until
SELECT
    topic, origin AS source,
    max(ingested_at) AS stored_at,
    if(countIf(good) = 0, NULL, maxIf(r.published_at, good)) AS published_at,
    dateDiff('second', stored_at, until) AS silent_s,
    countIf(good AND ingested_at > until - INTERVAL 1 HOUR) AS documents_1h,
    countIf(good AND today) AS documents_1d,
    countIf(good AND not today) / 7 AS usual_1d,
    countIf(not good AND today) AS dead_letters_1d,
    if(countIf(good AND today) = 0, NULL, quantileExactIf(0.5)(delay_s, good AND today)) AS delay_p50_s,
    if(countIf(good AND today) = 0, NULL, quantileExactIf(0.95)(delay_s, good AND today)) AS delay_p95_s,
    if(countIf(good AND today) = 0, NULL, quantileExactIf(0.99)(delay_s, good AND today)) AS delay_p99_s
FROM
(
    SELECT
        topic, source, ingested_at, published_at, error_kind = '' AS good, ingested_at > until - INTERVAL 1 DAY AS today,
        dateDiff('millisecond', published_at, ingested_at) / 1000 AS delay_s
    FROM record_log FINAL
    WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until
    UNION ALL
    SELECT
        topic, annotator AS source, ingested_at, labelled_at AS published_at, error_kind = '' AS good,
        ingested_at > until - INTERVAL 1 DAY AS today, dateDiff('millisecond', labelled_at, ingested_at) / 1000 AS delay_s
    FROM label_log FINAL
    WHERE ingested_at > until - INTERVAL 8 DAY AND ingested_at <= until
) AS r
ARRAY JOIN if(source = '', ['*'], ['*', toString(source)]) AS origin
GROUP BY topic, origin
ORDER BY topic, source;

CREATE VIEW feeds AS
SELECT * FROM feeds_as_of(moment = now64(3));

-- What the desks hold, as their own system tells it: an amount of 0 ends a position.
CREATE TABLE position_log
(
    desk LowCardinality(String),
    ticker String,
    exposure Float64,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (desk, ticker, at);

CREATE VIEW positions_as_of AS
SELECT desk, ticker, argMax(p.exposure, p.at) AS exposure, max(p.at) AS at
FROM position_log AS p
WHERE p.at <= {moment:DateTime64(3, 'UTC')}
GROUP BY desk, ticker
HAVING exposure != 0;

CREATE VIEW positions AS
SELECT * FROM positions_as_of(moment = now64(3));
