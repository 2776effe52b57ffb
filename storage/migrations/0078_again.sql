-- How many stories make a further alert of a type within a year of one (`again` in the taxonomy of events).
ALTER TABLE known_event_types ADD COLUMN IF NOT EXISTS again UInt8 DEFAULT 1 AFTER witnesses;

CREATE OR REPLACE VIEW event_types AS
SELECT type, event_group, polarity, severity, half_life_h, pages, witnesses, again, definition
FROM known_event_types FINAL;
