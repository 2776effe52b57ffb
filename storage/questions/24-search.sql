-- Who wrote about a word?
-- word = auditor
-- since = 2020-06-15 00:00:00
SELECT published_at, source, entity, round(sentiment, 2) AS sentiment, title
FROM counted_mentions
WHERE published_at >= {since:DateTime64(3, 'UTC')} AND positionCaseInsensitiveUTF8(title, {word:String}) > 0
ORDER BY published_at, document_id, entity
LIMIT 5
