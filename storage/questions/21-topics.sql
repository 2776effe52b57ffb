-- What is talked about a company, and is that new?
-- entity = WDI.DE
-- moment = 2020-06-18 20:00:00
SELECT topic, documents, round(share, 2) AS share, round(share_before, 2) AS share_before, round(sentiment, 2) AS sentiment
FROM topics_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE entity = {entity:String}
ORDER BY documents DESC, topic
LIMIT 8
