-- How does sentiment stand against our positions?
-- What each desk held at the moment, and what the tone of the day says of it: a sign below 0 is against us.
-- moment = 2020-06-18 12:00:00
SELECT
    p.desk AS desk, p.ticker AS ticker, p.exposure / 1e6 AS exposure_mn, round(s.sentiment, 2) AS sentiment,
    s.documents_1d AS documents, round(sign(p.exposure) * s.sentiment, 2) AS for_us
FROM positions_as_of(moment = {moment:DateTime64(3, 'UTC')}) AS p
LEFT JOIN
(
    SELECT name, sentiment, documents_1d
    FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
    WHERE scope = 'entity' AND kind = 'all'
) AS s ON s.name = p.ticker
ORDER BY sign(p.exposure) * s.sentiment * abs(p.exposure), ticker
