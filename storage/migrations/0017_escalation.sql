-- An alert whose shift grows is escalated (states escalated_to_warning, escalated_to_critical): it goes on firing, with the
-- higher severity. What else is told of it stays what it was when it fired; alert_history has each step's own numbers.
CREATE OR REPLACE VIEW alerts_as_of AS
SELECT
    a.id AS id, a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction, a.severity AS severity,
    if(startsWith(a.latest, 'escalated'), 'firing', a.latest) AS state, a.fired_at AS fired_at,
    a.escalated_at AS escalated_at, if(a.latest = 'resolved', a.ended_at, NULL) AS resolved_at,
    told.5 AS began_at, told.1 AS before_mean, told.2 AS after_mean, told.3 AS before_documents,
    told.4 AS after_documents, told.6 AS model_version,
    JSONExtractString(told.7, 'rule') AS rule, JSONExtractFloat(told.7, 'threshold') AS threshold,
    JSONExtractFloat(told.7, 'statistic') AS statistic, JSONExtractString(told.7, 'query') AS query,
    told.7 AS evidence,
    if(c.action = 'acknowledged', c.person, '') AS acknowledged_by,
    if(c.action = 'acknowledged', c.acted_at, NULL) AS acknowledged_at,
    if(c.action = 'acknowledged', c.note, '') AS note
FROM
(
    SELECT
        id, any(l.kind) AS kind, any(l.entity) AS entity, any(l.topic) AS topic, any(l.direction) AS direction,
        argMax(l.state, (l.at, l.state = 'resolved')) AS latest,
        argMax(l.severity, (l.at, l.state != 'firing')) AS severity,
        if(countIf(l.state = 'firing') > 0, minIf(l.fired_at, l.state = 'firing'), min(l.fired_at)) AS fired_at,
        maxIf(l.at, l.state = 'resolved') AS ended_at,
        maxOrNullIf(l.at, startsWith(l.state, 'escalated')) AS escalated_at,
        argMax((l.before_mean, l.after_mean, l.before_documents, l.after_documents, l.began_at,
                l.model_version, l.evidence), (l.state = 'firing', l.at)) AS told
    FROM alerts AS l FINAL
    WHERE l.at <= {moment:DateTime64(3, 'UTC')} AND l.recorded_at <= {known:DateTime64(3, 'UTC')}
    GROUP BY id
) AS a
LEFT JOIN
(
    SELECT id, toString(argMax(x.action, x.at)) AS action, argMax(x.by, x.at) AS person, argMax(x.note, x.at) AS note,
        max(x.at) AS acted_at
    FROM alert_actions AS x FINAL
    WHERE x.at <= {known:DateTime64(3, 'UTC')}
    GROUP BY id
) AS c ON a.id = c.id
ORDER BY fired_at DESC, id;

CREATE OR REPLACE VIEW alerts_now AS
SELECT * FROM alerts_as_of(moment = now64(3), known = now64(3));
