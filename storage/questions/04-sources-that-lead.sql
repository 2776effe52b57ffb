-- Which sources lead?
-- Of the stories that several sources carried: how often each was the first, and by how many minutes.
-- since = 2020-06-15 00:00:00
-- until = 2020-06-22 00:00:00
SELECT
    first.source AS source, count() AS stories_first, round(median(minutes), 0) AS median_lead_min,
    sum(sources - 1) AS followers
FROM
(
    SELECT
        story_id, count() AS sources, argMin(source, at) AS source,
        dateDiff('minute', arraySort(groupArray(at))[1], arraySort(groupArray(at))[2]) AS minutes
    FROM
    (
        SELECT story_id, source, min(published_at) AS at
        FROM documents
        WHERE kind = 'news' AND published_at >= {since:DateTime64(3, 'UTC')}
            AND published_at < {until:DateTime64(3, 'UTC')}
        GROUP BY story_id, source
    )
    GROUP BY story_id
    HAVING sources > 1
) AS first
GROUP BY source
ORDER BY stories_first DESC, source
