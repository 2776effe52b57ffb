-- Why did this alert fire?
-- The documents that moved it most and the words that decided them.
-- entity = WDI.DE
SELECT a.fired_at AS fired_at, e.position AS position, e.source AS source, round(e.sentiment, 2) AS sentiment,
       if(e.title = '', e.text, e.title) AS document, arrayStringConcat(e.words, ', ') AS words
FROM alerts_now AS a
INNER JOIN alert_evidence AS e ON a.id = e.id
WHERE a.entity = {entity:String} AND a.kind = 'sentiment_shift'
ORDER BY fired_at DESC, position
LIMIT 5
