-- How did a crisis go, hour by hour?
-- entity = WDI.DE
-- first = 2020-06-18 05:00:00
-- until = 2020-06-18 16:00:00
SELECT start, documents, round(sentiment, 2) AS sentiment, round(negative_share, 2) AS negative_share
FROM sentiment_windows(width_s = 3600, first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
    known = now64(3))
WHERE scope = 'entity' AND name = {entity:String} AND kind = 'all'
ORDER BY start
