-- The watch list holds more than companies: currencies, commodities, indices, countries, central banks and people.
ALTER TABLE entities ADD COLUMN IF NOT EXISTS entity_type LowCardinality(String) DEFAULT 'company' AFTER sector;
ALTER TABLE entities ADD COLUMN IF NOT EXISTS leads String AFTER entity_type;

CREATE OR REPLACE VIEW companies AS
SELECT ticker, name, desk, sector
FROM entities FINAL
WHERE entity_type = 'company';

CREATE VIEW watchlist AS
SELECT ticker, name, entity_type, desk, sector, leads
FROM entities FINAL;
