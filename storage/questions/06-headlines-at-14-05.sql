-- Which headlines could we have read at 14:05?
-- The latest that were stored by then, with the scores that they had then.
-- entity = WDI.DE
-- moment = 2020-06-18 14:05:00
SELECT published_at, ingested_at, source, round(sentiment, 2) AS sentiment, title
FROM mentions_as_of(moment = {moment:DateTime64(3, 'UTC')})
WHERE entity = {entity:String} AND kind = 'news'
ORDER BY published_at DESC, document_id
LIMIT 1 BY story_id
LIMIT 5
