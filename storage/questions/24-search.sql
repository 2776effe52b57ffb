-- Who wrote about a word?
-- word = auditor
-- since = 2020-06-15 00:00:00
SELECT published_at, source, entity, round(sentiment, 2) AS sentiment, title
FROM counted_mentions_between(first = {since:DateTime64(3, 'UTC')}, until = now64(3), known = now64(3))
WHERE positionCaseInsensitiveUTF8(title, {word:String}) > 0
ORDER BY published_at, document_id, entity
LIMIT 5
