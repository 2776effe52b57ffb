-- Which model scored when, and who adopted it?
-- since = 2020-06-15 00:00:00
SELECT at, event, version, previous, worker, round(pause_s * 1000, 1) AS pause_ms
FROM model_history
WHERE at >= {since:DateTime64(3, 'UTC')}
ORDER BY at, event
