-- Which companies had trouble with their auditors or accounts this year?
-- year = 2020
SELECT
    entity AS ticker, type AS event, argMax(state, published_at) AS state, max(severity) AS severity,
    min(published_at) AS since, max(stories) AS stories, argMin(source, published_at) AS first_source,
    argMin(title, published_at) AS first_report
FROM events
WHERE toYear(published_at) = {year:UInt16} AND novelty != 'none'
    AND type IN ('auditor_leaves', 'accounting_irregularities', 'restatement', 'late_filing')
GROUP BY entity, type, began_at
ORDER BY since DESC, ticker, event
