-- A story counts once an entity within a day, however many sources carry it and however often it is sent. A copy is
-- left out when another was published in the day before it: so what counts does not depend on how much is read.
CREATE OR REPLACE VIEW counted_mentions AS
SELECT * EXCEPT (told_before, sent_before)
FROM
(
    SELECT *,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, story_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS told_before,
        lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (
            PARTITION BY entity, source, document_id ORDER BY published_at, ingested_at, topic, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sent_before
    FROM mentions
)
WHERE told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY;

-- What the indices are made of: `first` < published_at <= `until`, of what had been stored at `known`. A row for each
-- counted mention, scope (entity, desk, sector) and kind (its own, and all), and two for each document in the scope
-- market ('*').
-- `weight` is the model's confidence times how new the story was (0 to 1).
CREATE VIEW index_documents AS
SELECT place.1 AS scope, place.2 AS name, place.3 AS kind, document_kind, published_at, sentiment, p_negative, weight
FROM
(
    SELECT
        [('entity', toString(entity)), ('desk', toString(e.desk)), ('sector', toString(e.sector))] AS places,
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
    LEFT JOIN (SELECT ticker, desk, sector FROM entities FINAL) AS e ON toString(m.entity) = e.ticker
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

-- The indices at a moment: SELECT * FROM sentiment_as_of(moment = '2020-06-18 12:00:00', known = now64(3)). `kind` is news,
-- comment or all. Sentiment is a mean with half-lives of 8 hours for news and 30 minutes for comments over the 4 days
-- before; `weight` is its effective number of documents. `buzz` is the last 24 hours' volume as a multiple of the same 24
-- hours of the four weeks before, where there is so much history (else 1).
CREATE VIEW sentiment_as_of AS
WITH {moment:DateTime64(3, 'UTC')} AS until
SELECT
    scope, name, kind,
    sum(counts * d.sentiment) / sum(counts) AS sentiment,
    sqrt(greatest(0, sum(counts * d.sentiment * d.sentiment) / sum(counts) - pow(sum(counts * d.sentiment) / sum(counts), 2))) AS dispersion,
    sum(counts * d.p_negative) / sum(counts) AS negative_share,
    sum(counts) AS weight,
    countIf(age_s < 86400) AS documents_1d,
    countIf(intDiv(toInt64(age_s), 86400) IN (7, 14, 21, 28)
        AND intDiv(toInt64(age_s), 604800) <= weeks) / greatest(any(weeks), 1) AS usual_1d,
    if(any(weeks) = 0, 1, (documents_1d + 1) / (usual_1d + 1)) AS buzz,
    max(published_at) AS latest_at
FROM
(
    SELECT *,
        dateDiff('millisecond', published_at, until) / 1000 AS age_s,
        if(age_s < 345600, weight * exp2(-age_s / if(document_kind = 'news', 28800, 1800)), 0) AS counts,
        least(4, intDiv(dateDiff('second', min(published_at) OVER (), until) - 86400, 604800)) AS weeks
    FROM index_documents(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 29 DAY,
        until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}) AS d
) AS d
GROUP BY scope, name, kind
HAVING sum(counts) > 0;

CREATE VIEW sentiment_now AS
SELECT * FROM sentiment_as_of(moment = now64(3), known = now64(3));

-- Windows of `width_s` seconds of event time from `first` (exclusive) to `until`; a window is named by its start.
CREATE VIEW sentiment_windows AS
SELECT
    scope, name, kind, toStartOfInterval(d.published_at, toIntervalSecond({width_s:UInt32})) AS start,
    sum(d.weight * d.sentiment) / sum(d.weight) AS sentiment,
    sqrt(greatest(0, sum(d.weight * d.sentiment * d.sentiment) / sum(d.weight) - pow(sum(d.weight * d.sentiment) / sum(d.weight), 2))) AS dispersion,
    sum(d.weight * d.p_negative) / sum(d.weight) AS negative_share,
    sum(d.weight) AS weight,
    count() AS documents
FROM index_documents(first = {first:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
    known = {known:DateTime64(3, 'UTC')}) AS d
GROUP BY scope, name, kind, start
HAVING sum(d.weight) > 0;

-- All that is stored. On a long history sentiment_windows(width_s = 3600, first = ..., until = ..., known = ...) reads
-- only what it is asked for.
CREATE VIEW sentiment_1m AS
SELECT *
FROM sentiment_windows(width_s = 60, first = '1970-01-02 00:00:00', until = '2200-01-01 00:00:00',
    known = '2200-01-01 00:00:00');

CREATE VIEW sentiment_1h AS
SELECT *
FROM sentiment_windows(width_s = 3600, first = '1970-01-02 00:00:00', until = '2200-01-01 00:00:00',
    known = '2200-01-01 00:00:00');

CREATE VIEW sentiment_1d AS
SELECT *
FROM sentiment_windows(width_s = 86400, first = '1970-01-02 00:00:00', until = '2200-01-01 00:00:00',
    known = '2200-01-01 00:00:00');

-- Whose tone moved: the 24 hours before `moment` against the 7 days before them, the clearest first; `z` is the change
-- in standard errors. At least 3 documents on both sides.
CREATE VIEW movers_as_of AS
WITH {moment:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AS middle
SELECT
    scope, name, kind,
    sumIf(weight * sentiment, late) / sumIf(weight, late) AS after,
    sumIf(weight * sentiment, not late) / sumIf(weight, not late) AS before,
    after - before AS change,
    countIf(late) AS documents,
    countIf(not late) AS documents_before,
    change / sqrt(greatest(varSampIf(sentiment, late), 0.02) / documents
        + greatest(varSampIf(sentiment, not late), 0.02) / documents_before) AS z
FROM
(
    SELECT *, published_at > middle AS late
    FROM index_documents(first = {moment:DateTime64(3, 'UTC')} - INTERVAL 8 DAY,
        until = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')})
) AS d
GROUP BY scope, name, kind
HAVING documents >= 3 AND documents_before >= 3 AND sumIf(weight, late) > 0 AND sumIf(weight, not late) > 0
ORDER BY abs(z) DESC, scope, name, kind;

CREATE VIEW movers AS
SELECT * FROM movers_as_of(moment = now64(3), known = now64(3));
