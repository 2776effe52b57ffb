-- What could not be read, or not surely, and in which languages?
SELECT lang, count() AS documents, countIf(d.lang_quality = 'experimental') AS experimental, countIf(d.unscored != '') AS unscored, arrayStringConcat(groupUniqArrayIf(d.unscored, d.unscored != ''), ', ') AS reason
FROM documents AS d
GROUP BY lang
ORDER BY documents DESC, lang
