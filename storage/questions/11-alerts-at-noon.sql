-- Which alerts were open at a moment, and had anybody taken them?
-- moment = 2020-06-18 09:30:00
SELECT entity, direction, severity, state, fired_at, acknowledged_by
FROM alerts_as_of(moment = {moment:DateTime64(3, 'UTC')}, known = {moment:DateTime64(3, 'UTC')})
WHERE state IN ('pending', 'firing')
ORDER BY fired_at
