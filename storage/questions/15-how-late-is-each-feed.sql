-- How late is each feed?
-- moment = 2020-06-19 18:00:00
SELECT topic, source, documents_1d, round(usual_1d, 1) AS usual_1d, round(delay_p50_s, 1) AS p50_s,
       round(delay_p95_s, 1) AS p95_s, round(delay_p99_s, 1) AS p99_s
FROM feeds_as_of(moment = {moment:DateTime64(3, 'UTC')})
WHERE documents_1d > 0
ORDER BY delay_p50_s DESC, topic, source
