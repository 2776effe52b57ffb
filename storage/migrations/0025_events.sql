-- What a document says happened to the companies in it: a type of the taxonomy of events, with role, state and severity.
ALTER TABLE record_log
    ADD COLUMN IF NOT EXISTS `events.entity` Array(LowCardinality(String)) AFTER strangeness,
    ADD COLUMN IF NOT EXISTS `events.type` Array(LowCardinality(String)) AFTER `events.entity`,
    ADD COLUMN IF NOT EXISTS `events.probability` Array(Float32) AFTER `events.type`,
    ADD COLUMN IF NOT EXISTS `events.role` Array(LowCardinality(String)) AFTER `events.probability`,
    ADD COLUMN IF NOT EXISTS `events.state` Array(LowCardinality(String)) AFTER `events.role`,
    ADD COLUMN IF NOT EXISTS `events.relevance` Array(UInt8) AFTER `events.state`,
    ADD COLUMN IF NOT EXISTS `events.severity` Array(UInt8) AFTER `events.relevance`,
    ADD COLUMN IF NOT EXISTS `events.polarity` Array(Int8) AFTER `events.severity`;

CREATE OR REPLACE VIEW documents AS
SELECT * EXCEPT (error_kind, error_field, error, raw)
FROM record_log FINAL
WHERE error_kind = ''
SETTINGS use_skip_indexes_if_final_exact_mode = 0;
