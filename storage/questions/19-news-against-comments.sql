-- Where do news and comments disagree?
-- moment = 2020-06-19 16:00:00
SELECT
    name AS ticker, round(maxIf(sentiment, kind = 'news'), 2) AS news, round(maxIf(sentiment, kind = 'comment'), 2) AS comments,
    round(news - comments, 2) AS gap, sumIf(documents_1d, kind = 'all') AS documents
FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE scope = 'entity'
GROUP BY name
HAVING countIf(kind = 'news' AND weight > 0.3) = 1 AND countIf(kind = 'comment' AND weight > 0.3) = 1
ORDER BY abs(gap) DESC, ticker
LIMIT 5
