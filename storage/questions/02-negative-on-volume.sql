-- Who turned negative on rising volume?
-- Tone of the last 24 hours against the week before, with at least twice the usual number of documents.
-- moment = 2020-06-18 20:00:00
SELECT
    name AS ticker, round(before, 2) AS before, round(after, 2) AS after, documents,
    round(documents_before / 7, 1) AS usual, round(z, 1) AS z
FROM movers_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE scope = 'entity' AND kind = 'all' AND after < 0 AND change < 0 AND documents > 2 * documents_before / 7
ORDER BY z, ticker
LIMIT 5
