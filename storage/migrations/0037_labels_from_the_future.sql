-- A label that says it was given after it was stored counts as given when it was stored: else it would win for ever over
-- whatever its annotator says later. Workers cut such dates off since; these views also cover what was stored before.
CREATE OR REPLACE VIEW labels AS
SELECT topic, topic_id, partition, offset, ingested_at, document_id, text, entity, label, annotator, labelled_at
FROM
(
    SELECT * FROM label_log FINAL
    WHERE error_kind = ''
    ORDER BY least(labelled_at, ingested_at) DESC, ingested_at DESC, offset DESC
    LIMIT 1 BY document_id, text, entity, annotator
);

CREATE OR REPLACE VIEW labels_as_of AS
SELECT topic, topic_id, partition, offset, ingested_at, document_id, text, entity, label, annotator, labelled_at
FROM
(
    SELECT * FROM label_log FINAL
    WHERE error_kind = '' AND ingested_at <= {moment:DateTime64(3, 'UTC')}
    ORDER BY least(labelled_at, ingested_at) DESC, ingested_at DESC, offset DESC
    LIMIT 1 BY document_id, text, entity, annotator
);
