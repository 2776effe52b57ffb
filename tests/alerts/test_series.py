"""Series: what is laid out in two parts says the same as in one, and shares of topics the same as counting."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.detection import (
    NAMES_TOPIC,
    NEWS_OF_NO_COMPANY,
    WINDOW_S,
    Parameters,
    Series,
    TopicSeries,
    run_shift_test,
    topic_parameters,
)
from storage.reads import Windows

DAY = 86400
DAYS = 5
SPLIT = 3 * DAY - WINDOW_S
"""The end of the last window that is not of the fourth day."""
TOPICS = ("earnings", "litigation", "rating")


def documents() -> np.ndarray:
    """Rows of (entity '' or 'A' to 'E', end, tone, topic or -1); 'E' is new in the later part."""
    rng = np.random.default_rng(11)
    rows = []
    for number in range(600):
        entity = int(rng.integers(0, 6))
        end = int(rng.integers(1, DAYS * DAY // WINDOW_S)) * WINDOW_S
        if entity == 5 and end <= SPLIT:
            entity = 4
        rows.append((entity, end, rng.uniform(-1, 1), -1 if entity == 0 else number % 4 - 1))
    return np.array(rows)


NAMES = np.array(["", "A", "B", "C", "D", "E"], dtype=object)


def windows(rows: np.ndarray) -> Windows:
    tone = rows[:, 2]
    return Windows(NAMES[rows[:, 0].astype(int)], rows[:, 1].astype(np.int64) - WINDOW_S, np.ones(len(rows), np.int64),
                   tone, tone**2, np.maximum(-tone, 0), np.maximum(-tone, 0) ** 2)  # fmt: skip


def topics(rows: np.ndarray) -> tuple[np.ndarray, ...]:
    rows = rows[rows[:, 3] >= 0]
    names = np.array(TOPICS, dtype=object)[rows[:, 3].astype(int)]
    return NAMES[rows[:, 0].astype(int)], names, rows[:, 1].astype(np.int64) - WINDOW_S, np.ones(len(rows), np.int64)


@pytest.fixture(scope="module")
def both() -> tuple[Series, Series, TopicSeries, TopicSeries]:
    rows = documents()
    old, new = rows[rows[:, 1] <= SPLIT], rows[rows[:, 1] > SPLIT]
    whole, first = Series(windows(rows)), Series(windows(old))
    second = Series(windows(new), first)
    return (
        whole,
        second,
        TopicSeries(whole, topics(rows)),
        TopicSeries(second, topics(new), TopicSeries(first, topics(old))),
    )


def names(series: Series) -> list[str]:
    return series.entities.tolist()


@pytest.mark.parametrize("kind", [0, 2])
def test_two_parts_say_the_same_as_one(both: tuple[Series, Series, TopicSeries, TopicSeries], kind: int):
    whole, parted = both[kind], both[kind + 1]
    assert sorted(names(whole)) == sorted(names(parted))
    for first, last in ((0, DAYS * DAY), (DAY, 4 * DAY), (SPLIT - 7200, SPLIT + 7200), (0, DAY)):
        for name in names(whole):
            i, j = whole.index(name), parted.index(name)
            assert i is not None and j is not None
            for a, b in zip(whole.between(i, first, last), parted.between(j, first, last), strict=True):
                assert a == pytest.approx(b, abs=1e-9)
            ends, values = whole.within(i, first, last)
            others, sums = parted.within(j, first, last)
            assert ends.tolist() == others.tolist() and np.allclose(values, sums)
            pooled = whole.pooled(np.array([i]), first, last), parted.pooled(np.array([j]), first, last)
            assert np.allclose(pooled[0], pooled[1])
    moments = [
        {(series.entities[i], int(at)) for i, at in zip(*series.moments(DAY, 4 * DAY, 900), strict=True)}
        for series in (whole, parted)
    ]
    assert moments[0] == moments[1] and len(moments[0]) > 100


def test_a_topics_share_is_counted(both: tuple[Series, Series, TopicSeries, TopicSeries]):
    rows, series = documents(), both[3]
    first, last = 2 * DAY, 4 * DAY
    here = rows[(rows[:, 1] > first) & (rows[:, 1] <= last)]
    for entity, name in enumerate(NAMES[1:], 1):
        for topic, called in enumerate(TOPICS):
            i = series.index(f"{name}{NAMES_TOPIC}{called}")
            assert i is not None
            found = series.between(i, first, last)
            assert found.documents == (here[:, 0] == entity).sum()
            assert found.total == ((here[:, 0] == entity) & (here[:, 3] == topic)).sum()
            pooled = series.pooled(np.array([i]), first, last)
            assert pooled.documents == (here[:, 0] > 0).sum() and pooled.total == (here[:, 3] == topic).sum()
    assert {names(series)[i].split(NAMES_TOPIC)[0] for i in series.indices(["B", ""])} == {"B"}


def test_what_a_late_document_changes(both: tuple[Series, Series, TopicSeries, TopicSeries]):
    series = both[1]
    assert [names(series)[i] for i in series.indices(["A", "never seen"])] == ["*", "A"]
    assert {names(series)[i] for i in series.indices([""])} == {"*", NEWS_OF_NO_COMPANY}
    assert series.indices([]) == []


def test_a_topic_that_rises_clearly_is_told_from_a_few_mentions():
    """From 2 % to 31 % of 60 documents, and to 4 of 11; 5 of 10 are no wonder for a topic of 6 %."""

    def share(later: int, on_topic: int, usual: int = 6) -> float:
        ends = [(day * DAY + n * 3600, (day * 10 + n) * usual // 300 > (day * 10 + n - 1) * usual // 300)
                for day in range(30) for n in range(10)]  # fmt: skip
        ends += [(30 * DAY + 600 + n * 1200, n < on_topic) for n in range(later)]
        start = np.array([end // WINDOW_S * WINDOW_S for end, _ in ends])
        one, name = np.ones(len(ends)), np.full(len(ends), "A", dtype=object)
        tone = Series(Windows(name, start, one.astype(np.int64), one, one, one, one))
        has = np.array([topic for _, topic in ends])
        topics = (name[has], np.full(has.sum(), "litigation", dtype=object), start[has], np.ones(has.sum(), np.int64))
        found = run_shift_test(
            TopicSeries(tone, topics), np.array([0]), np.array([31 * DAY]), topic_parameters(Parameters())
        )
        return float(found.statistic[0])

    least = topic_parameters(Parameters()).threshold
    assert share(60, 19) >= least > share(11, 4)
    assert share(10, 5, usual=18) < least
