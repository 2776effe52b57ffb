"""Has the sentiment about a company shifted? A test of its recent documents against its own past.

Pure functions over numpy arrays; knows neither Kafka nor ClickHouse. The statistic is a two-sample z between
the recent mean and the baseline mean, both shrunk: a company's own past is combined with a prior of
``PRIOR_DOCUMENTS`` documents at the mean and variance of all companies together (empirical Bayes, Efron and
Morris 1975), so that companies with few documents neither fire on noise nor stay silent for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storage import Windows

PRIOR_DOCUMENTS = 20.0
WINDOW_S = 900
SEVERITIES = ((0.9, "critical"), (0.6, "warning"), (0.0, "notice"))


@dataclass(frozen=True)
class Rule:
    """What counts as a shift. Spans in seconds of event time."""

    recent_s: tuple[int, ...] = (3600, 3 * 3600, 12 * 3600, 48 * 3600)
    baseline_s: int = 7 * 86400
    minimum_documents: int = 8
    minimum_effect: float = 0.35
    threshold: float = 4.0
    """In standard errors. Four spans are tested every tick, so this is far above a single test's 1.96."""
    resolved_below: float = 0.5
    """Resolved when the recent mean is back within this share of the effect that fired."""
    resolved_span_s: int = 12 * 3600
    cooldown_s: int = 12 * 3600


@dataclass(frozen=True)
class Shift:
    """One entity's mean sentiment moved, as seen at the event time ``at`` (Unix seconds)."""

    entity: str
    at: int
    direction: str
    severity: str
    statistic: float
    before_mean: float
    after_mean: float
    before_documents: int
    after_documents: int
    recent_s: int
    began_at: int


class Series:
    """Windows of many entities as cumulative sums, so that any span of any entity costs two look-ups.

    ``documents, total, squares`` are [entities, windows + 1]; column i holds the sums before window i.
    """

    def __init__(self, windows: Windows, since: int, until: int) -> None:
        self.since = since - since % WINDOW_S
        self.entities, rows = np.unique(windows.entity.astype(str), return_inverse=True)
        self.windows = -(-(until - self.since) // WINDOW_S)
        columns = (windows.start - self.since) // WINDOW_S
        shape = (len(self.entities), self.windows + 1)
        inside = (columns >= 0) & (columns < self.windows)
        sums = []
        for values in (windows.documents, windows.total, windows.squares):
            table = np.zeros(shape)
            np.add.at(table, (rows[inside], columns[inside] + 1), values[inside])
            sums.append(table.cumsum(axis=1))
        self.documents, self.total, self.squares = sums

    def column(self, at: int) -> int:
        """The number of windows that end at or before ``at``."""
        return int(np.clip((at - self.since) // WINDOW_S, 0, self.windows))

    def between(self, table: np.ndarray, first: int, last: int) -> np.ndarray:
        """Sums [entities] over ``first <= time < last`` (Unix seconds)."""
        return table[:, self.column(last)] - table[:, self.column(first)]


def detect(series: Series, at: int, rule: Rule) -> list[Shift]:
    """The entities whose sentiment has shifted at ``at``, the clearest span each."""
    found: dict[str, Shift] = {}
    for recent in rule.recent_s:
        start = at - recent
        n_after = series.between(series.documents, start, at)
        busy = np.flatnonzero(n_after >= rule.minimum_documents)
        if not len(busy):
            continue
        base = start - rule.baseline_s
        n, total, squares = (
            series.between(table, base, start) for table in (series.documents, series.total, series.squares)
        )
        mean, variance = _pooled(n, total, squares)
        weight = n + PRIOR_DOCUMENTS
        before = (total + PRIOR_DOCUMENTS * mean) / weight
        spread = (squares + PRIOR_DOCUMENTS * (variance + mean**2)) / weight - before**2
        # Recent documents of an excited day are alike; never assume less spread than half of the usual.
        spread = np.maximum(spread, variance / 2)
        after = series.between(series.total, start, at) / np.maximum(n_after, 1)
        effect = after - before
        statistic = effect / np.sqrt(spread * (1 / np.maximum(n_after, 1) + 1 / weight))
        for i in map(int, busy):
            if abs(statistic[i]) < rule.threshold or abs(effect[i]) < rule.minimum_effect:
                continue
            entity = str(series.entities[i])
            if entity in found and abs(found[entity].statistic) >= abs(statistic[i]):
                continue
            found[entity] = Shift(
                entity=entity,
                at=at,
                direction="negative" if effect[i] < 0 else "positive",
                severity=next(name for least, name in SEVERITIES if abs(effect[i]) >= least),
                statistic=float(statistic[i]),
                before_mean=float(before[i]),
                after_mean=float(after[i]),
                before_documents=int(n[i]),
                after_documents=int(n_after[i]),
                recent_s=recent,
                began_at=_began(series, i, start - recent, at, before[i], after[i]),
            )
    return list(found.values())


def is_over(
    series: Series, entity: str, at: int, began_at: int, before_mean: float, after_mean: float, rule: Rule
) -> bool:
    """Whether a shift has gone back: by its documents of the last span, or because there are none any more."""
    i = np.searchsorted(series.entities, entity)
    if i == len(series.entities) or series.entities[i] != entity:
        return True
    start = max(at - rule.resolved_span_s, began_at)
    n = series.between(series.documents, start, at)[i]
    if n == 0:
        return True
    effect = series.between(series.total, start, at)[i] / n - before_mean
    fired = after_mean - before_mean
    return bool(effect * np.sign(fired) < rule.resolved_below * abs(fired))


def _pooled(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> tuple[float, float]:
    """Mean and variance over all documents of all entities; a plain guess where there are hardly any."""
    documents = n.sum()
    if documents < 50:
        return 0.0, 0.35
    mean = total.sum() / documents
    return float(mean), float(max(squares.sum() / documents - mean**2, 0.05))


def _began(series: Series, i: int, first: int, last: int, before: float, after: float) -> int:
    """The change point: where the sum of what follows, counted from midway between the two means, is the largest
    (CUSUM with a reference value; Page 1954)."""
    columns = slice(series.column(first), series.column(last) + 1)
    total = series.total[i, columns] - (before + after) / 2 * series.documents[i, columns]
    remaining = (total[-1] - total) * np.sign(after - before)
    # The last of equal windows: those without documents before the change do not belong to it.
    place = len(remaining) - 1 - int(np.argmax(remaining[::-1]))
    return int(first - first % WINDOW_S + place * WINDOW_S)
