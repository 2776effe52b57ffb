-- What is the tone about central banks?
-- Also of `currency`, `commodity`, `index`, `country` and `person`: `--set entity_type=country`. `FINSENT_WATCHLIST=companies,markets` finds them.
-- entity_type = central_bank
-- moment = 2020-06-19 16:00:00
SELECT w.name AS name, round(s.sentiment, 2) AS sentiment, s.documents_1d AS documents, round(s.buzz, 1) AS buzz
FROM sentiment_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')}) AS s
INNER JOIN watchlist AS w ON w.ticker = s.name
WHERE s.scope = {entity_type:String} AND s.kind = 'all'
ORDER BY documents DESC, name
LIMIT 10
