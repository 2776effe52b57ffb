-- How does the market stand, desk by desk?
-- moment = 2020-06-18 20:00:00
SELECT scope, name, round(sentiment, 2) AS sentiment, round(dispersion, 2) AS dispersion, documents_1d
FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE scope IN ('desk', 'market') AND kind = 'all'
ORDER BY scope DESC, sentiment, name
