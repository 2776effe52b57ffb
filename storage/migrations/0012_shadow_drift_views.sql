CREATE VIEW drifts AS
SELECT
    at, kind, source, measure, model_version, reference_since, reference_until, reference_documents, current_documents,
    reference_mean, current_mean, effect, alarm, began_at
FROM drift FINAL;

CREATE VIEW shadow_scores AS
SELECT
    topic, topic_id, partition, offset, at, worker, kind, source, document_id, champion, challenger, champion_label,
    challenger_label, champion_p, challenger_p, champion_s, challenger_s
FROM shadow_log FINAL;
