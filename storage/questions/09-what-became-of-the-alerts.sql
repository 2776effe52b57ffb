-- What became of the alerts, and who looked after them?
-- since = 2020-06-15 00:00:00
SELECT at, entity, direction, severity, event, by
FROM alert_history
WHERE at >= {since:DateTime64(3, 'UTC')}
ORDER BY at, id, event
