-- What was wrong with the bad records? (for auditors)
SELECT topic, error_kind, error_field, count() AS records, any(error) AS example
FROM (SELECT * FROM dead_letters ORDER BY topic, partition, offset)
GROUP BY topic, error_kind, error_field
ORDER BY topic, records DESC, error_kind, error_field
