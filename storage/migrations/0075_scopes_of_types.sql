-- A currency, a country or a person has its type as the scope, so that the scope `entity` is companies alone, as before.
CREATE OR REPLACE VIEW index_documents AS
SELECT place.1 AS scope, place.2 AS name, place.3 AS kind, document_kind, published_at, sentiment, p_negative, weight
FROM
(
    SELECT
        [
            (if(e.entity_type IN ('', 'company'), 'entity', toString(e.entity_type)), toString(entity)),
            ('desk', toString(e.desk)), ('sector', toString(e.sector))
        ] AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        toString(kind) AS document_kind, published_at, sentiment, p_negative,
        greatest(p_negative, p_neutral, p_positive) * novelty / 100 AS weight
    FROM
    (
        SELECT entity, kind, published_at, sentiment, p_negative, p_neutral, p_positive, novelty,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
        FROM mentions
        WHERE published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
    ) AS m
    LEFT JOIN (SELECT ticker, desk, sector, entity_type FROM entities FINAL) AS e ON toString(m.entity) = e.ticker
    WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
    UNION ALL
    SELECT
        [('market', '*')] AS places,
        arrayFlatten(arrayMap(p -> [(p.1, p.2, toString(kind)), (p.1, p.2, 'all')], places)) AS counted_in,
        toString(kind) AS document_kind, published_at, sentiment, p_negative,
        greatest(p_negative, p_neutral, p_positive) * novelty / 100 AS weight
    FROM
    (
        SELECT kind, published_at, sentiment, p_negative, p_neutral, p_positive, novelty,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY story_id ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
            lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
                PARTITION BY source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
        FROM documents
        WHERE unscored = '' AND published_at > {first:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            AND published_at <= {until:DateTime64(3, 'UTC')} AND ingested_at <= {known:DateTime64(3, 'UTC')}
    )
    WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY
)
ARRAY JOIN counted_in AS place
WHERE published_at > {first:DateTime64(3, 'UTC')} AND place.2 != '';
