-- Which stories were carried the most?
-- since = 2020-06-15 00:00:00
-- until = 2020-06-22 00:00:00
SELECT min(published_at) AS first_at, uniqExact(source) AS sources, argMin(title, (published_at, document_id)) AS headline,
       round(argMin(sentiment, (published_at, document_id)), 2) AS sentiment
FROM documents
WHERE kind = 'news' AND published_at >= {since:DateTime64(3, 'UTC')} AND published_at < {until:DateTime64(3, 'UTC')}
GROUP BY story_id
ORDER BY sources DESC, first_at
LIMIT 5
