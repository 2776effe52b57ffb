-- A position has a currency and, where it is known, a quantity. Of two rows for one moment, the one recorded last holds.
ALTER TABLE position_log
    ADD COLUMN IF NOT EXISTS currency LowCardinality(String) AFTER exposure,
    ADD COLUMN IF NOT EXISTS quantity Nullable(Float64) AFTER currency,
    ADD COLUMN IF NOT EXISTS recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) AFTER at;

CREATE OR REPLACE VIEW positions_as_of AS
SELECT
    desk, ticker, argMax(p.exposure, (p.at, p.recorded_at)) AS exposure,
    toString(argMax(p.currency, (p.at, p.recorded_at))) AS currency,
    argMax(tuple(p.quantity), (p.at, p.recorded_at)).1 AS quantity, max(p.at) AS at
FROM position_log AS p
WHERE p.at <= {moment:DateTime64(3, 'UTC')}
GROUP BY desk, ticker
HAVING exposure != 0;

CREATE OR REPLACE VIEW positions AS
SELECT * FROM positions_as_of(moment = now64(3));
