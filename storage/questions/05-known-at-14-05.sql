-- What did we know at 14:05?
-- The company's index as it stood, by what had been stored then, beside the same moment as we know it today. In the recorded
-- week one newswire is down that day from 11 h to 14:30, and what it had published came afterwards.
-- entity = WDI.DE
-- moment = 2020-06-18 14:05:00
SELECT knowledge, kind, round(sentiment, 2) AS sentiment, round(negative_share, 2) AS negative_share, documents_1d, latest_at
FROM
(
    SELECT 'then' AS knowledge, *
    FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
    UNION ALL
    SELECT 'today' AS knowledge, *
    FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = now64(3))
)
WHERE scope = 'entity' AND name = {entity:String}
ORDER BY knowledge DESC, kind
