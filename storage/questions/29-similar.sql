-- Which documents say nearly the same as this one?
-- document = n01269
SELECT published_at, source, title, round(1 - cosineDistance(reinterpret(embedding, 'Array(Int8)'), wanted), 2) AS likeness
FROM documents
CROSS JOIN
(
    SELECT reinterpret(any(embedding), 'Array(Int8)') AS wanted
    FROM documents
    WHERE document_id = {document:String} AND length(embedding) = 384
) AS asked
WHERE length(embedding) = 384 AND document_id != {document:String} AND kind = 'news'
ORDER BY cosineDistance(reinterpret(embedding, 'Array(Int8)'), wanted), document_id
LIMIT 1 BY story_id
LIMIT 5
