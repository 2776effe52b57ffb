-- How had the shares moved around each alert?
-- The last close before the day of the alert, the close of that day or the next one with trade, and the change in percent.
-- since = 2020-06-15 00:00:00
SELECT
    a.entity AS ticker, a.kind AS alert, a.direction AS direction, a.fired AS fired_at, b.close AS before, p.close AS after,
    round(100 * (after / before - 1), 1) AS change_pct
FROM
(
    SELECT id, entity, toString(kind) AS kind, direction, min(t.at) AS fired, toDate32(fired) AS day
    FROM alert_history AS t
    WHERE event = 'firing' AND t.at >= {since:DateTime64(3, 'UTC')}
    GROUP BY id, entity, kind, direction
) AS a
ASOF INNER JOIN prices AS b ON a.entity = b.ticker AND a.day > b.date
ASOF INNER JOIN prices AS p ON a.entity = p.ticker AND a.day <= p.date
ORDER BY abs(change_pct) DESC, fired_at, ticker, alert
LIMIT 10
