-- What is open at each company?
-- moment = 2020-06-19 12:00:00
SELECT
    entity AS ticker, type AS event, state, severity, polarity, began_at AS since, latest_at AS latest, stories, sources,
    round(weight, 2) AS weight
FROM events_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE severity >= 3
ORDER BY severity * weight DESC, ticker, event
LIMIT 10
