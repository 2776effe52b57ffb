-- How often is the model right, by the annotators?
-- moment = 2020-06-22 00:00:00
SELECT
    l.label AS said_by_people, count() AS documents, countIf(d.label = l.label) AS right,
    countIf(d.label = 'negative') AS scored_negative, countIf(d.label = 'neutral') AS scored_neutral,
    countIf(d.label = 'positive') AS scored_positive
FROM labels_as_of(moment = {moment:DateTime64(3, 'UTC')}) AS l
INNER JOIN (SELECT document_id, label, kind FROM documents LIMIT 1 BY document_id) AS d ON l.document_id = d.document_id
WHERE l.entity = '' AND d.label != 'unscored'
GROUP BY l.label
ORDER BY said_by_people
