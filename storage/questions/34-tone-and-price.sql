-- Do the tone and the price of a company go together, day by day?
-- A close is that of the day's end, so the tone of a day (UTC) also has what was written after it.
-- entity = WDI.DE
-- first = 2020-06-12 00:00:00
-- until = 2020-06-20 00:00:00
SELECT p.date AS date, p.close AS close, p.change_pct AS change_pct, s.documents AS documents,
       if(s.documents = 0, NULL, round(s.tone, 2)) AS sentiment
FROM
(
    SELECT date, close, round(100 * (close / lagInFrame(toNullable(close)) OVER (ORDER BY date ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) - 1), 1) AS change_pct
    FROM prices
    WHERE ticker = {entity:String} AND date >= toDate({first:DateTime64(3, 'UTC')}) AND date < toDate({until:DateTime64(3, 'UTC')})
) AS p
LEFT JOIN
(
    SELECT toDate32(published_at) AS date, avg(m.sentiment) AS tone, count() AS documents
    FROM counted_mentions_between(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, known = now64(3)) AS m
    WHERE entity = {entity:String}
    GROUP BY date
) AS s ON p.date = s.date
ORDER BY date
