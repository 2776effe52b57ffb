-- How soon were we told, and how soon did somebody act?
-- From the beginning of the shift, as estimated afterwards, to the alert, and from there to its acknowledgement.
-- since = 2020-06-15 00:00:00
SELECT
    entity, direction, began_at, fired_at, dateDiff('minute', began_at, fired_at) AS minutes_to_alert,
    after_documents AS documents, round(before_mean, 2) AS before, round(after_mean, 2) AS after, acknowledged_by,
    dateDiff('minute', fired_at, acknowledged_at) AS minutes_to_person
FROM alerts_now
WHERE fired_at >= {since:DateTime64(3, 'UTC')}
ORDER BY fired_at
