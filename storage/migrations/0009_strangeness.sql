-- How far a document is from all that the taxonomy of topics knows: 0 to 1.
ALTER TABLE record_log ADD COLUMN IF NOT EXISTS strangeness Float32 DEFAULT 0 AFTER `topics.score`;

CREATE OR REPLACE VIEW documents AS
SELECT * EXCEPT (error_kind, error_field, error, raw)
FROM record_log FINAL
WHERE error_kind = '';

