-- Do the annotators agree?
-- Of what two people judged: the share that is equal, and Cohen's kappa (1 is full agreement, 0 is chance).
WITH
(
    SELECT groupArray((one.label, other.label))
    FROM labels AS one
    INNER JOIN labels AS other USING (document_id, text, entity)
    WHERE one.annotator < other.annotator
) AS pairs
SELECT
    length(pairs) AS judged_twice,
    round(arrayCount(p -> p.1 = p.2, pairs) / judged_twice, 3) AS agreed,
    round(arraySum(l -> arrayCount(p -> p.1 = l, pairs) * arrayCount(p -> p.2 = l, pairs), ['negative', 'neutral', 'positive'])
        / pow(judged_twice, 2), 3) AS by_chance,
    round((agreed - by_chance) / (1 - by_chance), 2) AS kappa
