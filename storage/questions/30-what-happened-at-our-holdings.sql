-- What happened at our holdings this week, the worst first?
-- What is good news for a short position is bad for us, and the other way round.
-- since = 2020-06-12 12:00:00
-- moment = 2020-06-19 12:00:00
SELECT
    p.desk AS desk, e.entity AS ticker, e.type AS event, argMax(e.state, e.published_at) AS state,
    max(e.severity) AS severity, any(p.exposure) / 1e6 AS exposure_mn, min(e.published_at) AS since,
    max(e.stories) AS stories, argMin(e.title, e.published_at) AS first_report
FROM events_between(first = {since:DateTime64(3, 'UTC')}, until = {moment:DateTime64(3, 'UTC')},
    known = {moment:DateTime64(3, 'UTC')}) AS e
INNER JOIN positions_as_of(moment = {moment:DateTime64(3, 'UTC')}) AS p ON e.entity = p.ticker
WHERE e.novelty != 'none'
GROUP BY desk, ticker, event, e.began_at
ORDER BY argMax(e.polarity, e.published_at) * sign(exposure_mn) * severity, abs(exposure_mn) DESC, ticker, event
LIMIT 10
