-- Which feeds are silent, or bring much less than usual?
-- moment = 2020-06-21 20:00:00
SELECT topic, source, stored_at, round(silent_s / 3600, 1) AS silent_h, documents_1d, round(usual_1d, 1) AS usual_1d
FROM feeds_as_of(moment = {moment:DateTime64(3, 'UTC')})
WHERE documents_1d < usual_1d / 2
ORDER BY silent_s DESC, topic, source
