-- What changed since yesterday's close?
-- The index of each company now and at the close, with what was known then. At least 5 documents since.
-- close = 2020-06-17 15:30:00
-- moment = 2020-06-18 12:00:00
SELECT
    c.ticker AS ticker, c.name AS company, c.desk AS desk, round(then.sentiment, 2) AS at_close,
    round(now.sentiment, 2) AS now, round(now.sentiment - then.sentiment, 2) AS change, since.documents AS documents
FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')}) AS now
INNER JOIN sentiment_as_of(moment = {close:DateTime64(3, 'UTC')}, known = {close:DateTime64(3, 'UTC')}) AS then
    ON now.scope = then.scope AND now.name = then.name AND now.kind = then.kind
INNER JOIN
(
    SELECT entity, count() AS documents
    FROM counted_mentions_between(first = {close:DateTime64(3, 'UTC')}, until = {moment:DateTime64(3, 'UTC')}, known = now64(3))
    GROUP BY entity
) AS since ON since.entity = now.name
INNER JOIN companies AS c ON c.ticker = now.name
WHERE now.scope = 'entity' AND now.kind = 'all' AND since.documents >= 5
ORDER BY abs(now.sentiment - then.sentiment) DESC, ticker
LIMIT 8
