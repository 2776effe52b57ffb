-- Closes of shares and of benchmarks, from files. Of two rows for a ticker and day, the one recorded last holds.
CREATE TABLE price_log
(
    ticker LowCardinality(String),
    date Date32,
    close Float64,
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (ticker, date);

CREATE VIEW prices AS
SELECT ticker, date, close, recorded_at
FROM price_log FINAL;
