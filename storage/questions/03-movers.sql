-- Whose tone moved the most, up or down?
-- moment = 2020-06-17 12:00:00
SELECT
    name AS ticker, round(before, 2) AS before, round(after, 2) AS after, round(change, 2) AS change, documents,
    round(z, 1) AS z
FROM movers_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE scope = 'entity' AND kind = 'all'
ORDER BY abs(z) DESC, ticker
LIMIT 5
