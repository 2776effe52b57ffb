-- What moved oil this week, or the dollar?
-- Any entry of the watch list does: `--set entity=currency:USD`. `FINSENT_WATCHLIST=companies,markets` finds them.
-- entity = commodity:OIL
-- since = 2020-06-15 00:00:00
-- until = 2020-06-22 00:00:00
SELECT
    any(published_at) AS first_at, uniqExact(source) AS sources, round(avg(sentiment), 2) AS tone, any(title) AS story
FROM
(
    SELECT published_at, source, sentiment, title, story_id
    FROM mentions
    WHERE entity = {entity:String} AND kind = 'news'
        AND published_at >= {since:DateTime64(3, 'UTC')} AND published_at < {until:DateTime64(3, 'UTC')}
    ORDER BY published_at, document_id
)
GROUP BY story_id
ORDER BY abs(tone) * sqrt(sources) DESC, first_at
LIMIT 5
