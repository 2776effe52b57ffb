-- Did the new model change the picture?
-- The same documents by both versions: mean tone about each company, and how many labels are others. Score a span again
-- with: finsent rescore --since 2020-06-19 --until 2020-06-20 --model VERSION
-- since = 2020-06-19 00:00:00
-- until = 2020-06-20 00:00:00
SELECT
    entity, count() AS documents, round(avg(old.tone), 2) AS before, round(avg(new.tone), 2) AS after,
    round(after - before, 2) AS change, countIf(old.verdict != new.verdict) AS labels_changed
FROM
(
    SELECT topic, topic_id, partition, offset, entity, tone, toString(judged) AS verdict, model_version
    FROM documents_by_model
    ARRAY JOIN mentions.entity AS entity, mentions.sentiment AS tone, mentions.label AS judged
    WHERE published_at >= {since:DateTime64(3, 'UTC')} AND published_at < {until:DateTime64(3, 'UTC')}
        AND known_at < {until:DateTime64(3, 'UTC')} + INTERVAL 1 HOUR
) AS old
INNER JOIN
(
    SELECT topic, topic_id, partition, offset, entity, tone, toString(judged) AS verdict, model_version
    FROM documents_by_model
    ARRAY JOIN mentions.entity AS entity, mentions.sentiment AS tone, mentions.label AS judged
    WHERE published_at >= {since:DateTime64(3, 'UTC')} AND published_at < {until:DateTime64(3, 'UTC')}
) AS new USING (topic, topic_id, partition, offset, entity)
WHERE old.model_version != new.model_version AND entity IN (SELECT ticker FROM companies)
GROUP BY entity
HAVING documents >= 5
ORDER BY abs(avg(new.tone) - avg(old.tone)) DESC, entity
LIMIT 8
