-- Which companies are named together, and in what tone?
-- since = 2020-06-15 00:00:00
-- until = 2020-06-22 00:00:00
SELECT least(a, b) AS one, greatest(a, b) AS other, uniqExact(story_id) AS stories, round(avg(sentiment), 2) AS sentiment
FROM documents
ARRAY JOIN mentions.entity AS a
ARRAY JOIN mentions.entity AS b
WHERE a < b AND a IN (SELECT ticker FROM companies) AND b IN (SELECT ticker FROM companies)
    AND published_at >= {since:DateTime64(3, 'UTC')} AND published_at < {until:DateTime64(3, 'UTC')}
GROUP BY one, other
ORDER BY stories DESC, one, other
LIMIT 5
