-- What could not be read, and in which languages?
SELECT lang, count() AS documents, countIf(d.unscored != '') AS unscored, arrayStringConcat(groupUniqArrayIf(d.unscored, d.unscored != ''), ', ') AS reason
FROM documents AS d
GROUP BY lang
ORDER BY documents DESC, lang
