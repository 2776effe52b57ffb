-- The alerts about one company that begin close in time are one incident. One from before incidents is its own.
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS incident String DEFAULT id AFTER evidence;

CREATE OR REPLACE VIEW alerts_as_of AS
SELECT
    a.id AS id, a.incident AS incident, a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction,
    a.severity AS severity,
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
        id, any(l.incident) AS incident, any(l.kind) AS kind, any(l.entity) AS entity, any(l.topic) AS topic,
        any(l.direction) AS direction,
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

-- Each incident in the state that it had at `moment`, with its parts in the order in which they fired.
CREATE VIEW incidents_as_of AS
SELECT
    incident, any(a.entity) AS entity,
    if(countIf(a.state = 'firing') > 0, 'firing', 'resolved') AS state,
    ['notice', 'warning', 'critical'][max(indexOf(['notice', 'warning', 'critical'], toString(a.severity)))] AS severity,
    min(a.began_at) AS began_at, min(a.fired_at) AS fired_at, max(greatest(a.fired_at, ifNull(a.escalated_at, a.fired_at)))
        AS updated_at,
    if(countIf(a.state = 'firing') > 0, NULL, max(a.resolved_at)) AS resolved_at,
    arraySort(groupArray((a.fired_at, a.id, toString(a.kind), toString(a.topic), toString(a.direction),
        toString(a.severity)))) AS parts
FROM alerts_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {known:DateTime64(3, 'UTC')}) AS a
WHERE a.state IN ('firing', 'resolved')
GROUP BY incident
ORDER BY updated_at DESC, incident;

CREATE VIEW incidents AS
SELECT * FROM incidents_as_of(moment = now64(3), known = now64(3));

CREATE OR REPLACE VIEW alert_history AS
SELECT
    a.id AS id, a.incident AS incident, a.at AS at, a.recorded_at AS recorded_at, toString(a.state) AS event, '' AS by,
    '' AS note, a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction, a.severity AS severity,
    a.before_mean AS before_mean, a.after_mean AS after_mean, a.before_documents AS before_documents,
    a.after_documents AS after_documents, a.model_version AS model_version
FROM alerts AS a FINAL
UNION ALL
SELECT
    c.id AS id, a.incident AS incident, c.at AS at, c.at AS recorded_at, toString(c.action) AS event, c.by AS by,
    c.note AS note, a.kind AS kind, a.entity AS entity, a.topic AS topic, a.direction AS direction, a.severity AS severity,
    a.before_mean AS before_mean, a.after_mean AS after_mean, a.before_documents AS before_documents,
    a.after_documents AS after_documents, a.model_version AS model_version
FROM (SELECT * FROM alert_actions FINAL) AS c
INNER JOIN
(
    SELECT * FROM alerts FINAL ORDER BY state = 'firing' DESC, at DESC LIMIT 1 BY id
) AS a ON c.id = a.id;
