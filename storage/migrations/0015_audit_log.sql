-- Who did what: acknowledged, silenced, labelled, promoted, signed in. Rows are only ever added.
CREATE TABLE audit_log
(
    at DateTime64(3, 'UTC'),
    user String,
    action LowCardinality(String),
    subject String,
    detail String,
    via LowCardinality(String),
    address String
)
ENGINE = MergeTree
ORDER BY at;

CREATE VIEW actions AS SELECT at, user, action, subject, detail, via, address FROM audit_log;
