-- How many documents has each version scored, and did it pass its gate?
SELECT version, parent, passed, documents, first_scored_at, last_scored_at, reason
FROM model_versions
ORDER BY first_scored_at, version
