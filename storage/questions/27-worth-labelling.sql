-- Which documents are worth labelling next?
-- Where the model hesitates between two labels, and nobody has judged yet.
-- since = 2020-06-20 00:00:00
SELECT document_id, kind, label, round(p_negative, 2) AS negative, round(p_neutral, 2) AS neutral, round(p_positive, 2) AS positive
FROM documents
WHERE published_at >= {since:DateTime64(3, 'UTC')} AND unscored = ''
    AND document_id NOT IN (SELECT document_id FROM labels)
ORDER BY arraySort([p_negative, p_neutral, p_positive])[3] - arraySort([p_negative, p_neutral, p_positive])[2], document_id
LIMIT 1 BY document_id
LIMIT 5
