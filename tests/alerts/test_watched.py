"""What is read by the tick and brought up to date makes the alerts that all minutes, read anew each time, make."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from clickhouse_driver import Client

from alerts.detection import MARKET, NEWS_OF_NO_COMPANY, NO_COMPANY, WINDOW_S, Parameters, series_name
from alerts.lifecycle import Lifecycle
from alerts.minutes import Minutes
from alerts.rules import Rules
from alerts.sources import Source, watched_sources
from alerts.transition import Alert, Transition
from alerts.watched import EPOCH_S, WatchedSources, window_width
from documents import Document, Mention, Position, Topic
from storage import write_documents
from storage.reads import sentiment_and_topic_windows
from storage.writes import settle_hours
from tests.alerts.test_alerting import document

BEGIN = datetime(2020, 6, 1, tzinfo=UTC)
DAYS, TICK_S = 40, 900
OTHERS = ["currency:USD"]
PARAMETERS = Parameters()
TELLS = ("id", "kind", "entity", "topic", "direction", "severity", "state", "fired_at", "at", "before_mean",
         "after_mean", "before_documents", "after_documents", "began_at")  # fmt: skip


def history() -> list[Document]:
    """30 companies over 40 days, in the order of publication. On day 34 one turns, on day 35 another is in the talk, on
    day 36 a third is sued, and on day 38 the whole market falls. There are copies by other sources, repeats, news that
    names no company or only a currency, and much that is dated exactly at midnight, or in the minute before."""
    dice, rows = random.Random(7), []
    for hour in range(DAYS * 24):
        for number in range(-2, 30):
            bad, talk, sued = number == 0 and 816 <= hour < 850, number == 1 and 840 <= hour < 860, False
            falls = hour >= 912 and hour % 24 < 20
            sued = number == 2 and 864 <= hour < 900
            usual = 1.0 if number < 0 else 0.3
            for _ in (
                range(dice.choice((0, 1, 1, 2)) if dice.random() < usual else 0) if not (bad or talk) else range(6)
            ):
                at = BEGIN + timedelta(hours=hour, seconds=dice.randint(0, 3599))
                if dice.random() < 0.1:
                    at = at.replace(hour=0, minute=0, second=0) - dice.choice((0, 0, 1, 59, 61)) * timedelta(seconds=1)
                levels = [-0.8, -0.8, -0.5] if bad or falls else [-0.7, 0.0, 0.3, 0.7]
                name = f"C{number:02d}" if number >= 0 else OTHERS[0]
                made = document(len(rows), name, at, dice.choice(levels))
                made.topics = [Topic(one, 0.9) for one in ("litigation",) if sued or dice.random() < 0.04]
                made.topics += [Topic(one, 0.9) for one in ("earnings",) if dice.random() < 0.3]
                if number == -2:
                    made.mentions = []
                elif dice.random() < 0.05:
                    made.mentions.append(Mention("C29", "C29", "name", "neutral", 0.3, 0.4, 0.3, 0.1))
                if rows and dice.random() < 0.1:
                    made.story_id, made.source = dice.choice(rows[-40:]).story_id, f"s{dice.randint(0, 3)}"
                rows.append(made)
    return sorted(rows, key=lambda row: row.published_at)


def in_full(client: Client, after: int, until: int) -> list[Source]:
    """The sources over minutes that are all read anew."""
    since = max(EPOCH_S, after - PARAMETERS.baseline_s - 14 * 86400)
    span = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    return watched_sources(*sentiment_and_topic_windows(client, *span, no_companies=OTHERS), PARAMETERS, OTHERS)


def said(row: Transition) -> list:
    """What a transition tells; sums of floats depend on their order in the last digits."""
    told = [getattr(row, name) for name in TELLS] + [row.evidence[name] for name in ("price_of_waiting", "statistic")]
    return [round(value, 7) if isinstance(value, float) else value for value in told]


def store(client: Client, rows: list[Document], first: int) -> None:
    for offset, row in enumerate(rows, first):
        row.position = Position("news", "id", 0, offset)
    write_documents(client, rows)


def test_a_worker_makes_the_alerts_of_a_full_reading(client: Client):
    """Over six days of ticks, with late documents, a pause, a restart, and rows that are erased."""
    dice, rows, stored = random.Random(1), history(), 0
    kept: list[Document] = []
    known: dict[str, list[Alert]] = {"new": [], "full": []}
    told: dict[str, list[Transition]] = {"new": [], "full": []}
    watched = WatchedSources(PARAMETERS, 0, OTHERS, TICK_S)
    at = int(BEGIN.timestamp()) + 33 * 86400 + 13 * 3600
    end = int(rows[-1].published_at.timestamp())
    while at < end:
        until = min(at + dice.choice((1, 1, 4, 20, 50, 110)) * TICK_S, end // TICK_S * TICK_S)
        if until <= at:
            break
        new = [row for row in rows if row.published_at.timestamp() <= until]
        rows = rows[len(new) :]
        # One in 20 of the last days comes later, by up to some days.
        held = [row for row in new if stored and dice.random() < 0.05]
        new = [row for row in new if all(row is not one for one in held)]
        late = [row for row in kept if dice.random() < 0.3]
        kept = [row for row in kept if all(row is not one for one in late)] + held
        store(client, new + late, stored)
        stored += len(new) + len(late)
        names = sorted({one.entity for row in late for one in row.mentions} | {"" for row in late if not row.mentions})
        if dice.random() < 0.3:
            settle_hours(client, datetime.fromtimestamp(until, UTC))
        if dice.random() < 0.1:
            gone = dice.randint(0, stored)
            client.execute(f"ALTER TABLE record_log DELETE WHERE offset = {gone} SETTINGS mutations_sync = 1")
        if dice.random() < 0.1:
            watched = WatchedSources(PARAMETERS, dice.choice((0, 10**9)), OTHERS, TICK_S)
        for way in known:
            alerts = known[way]
            sources = watched.read(client, at, until, alerts) if way == "new" else in_full(client, at, until)
            life = Lifecycle(sources, Rules(other_types=dict.fromkeys(OTHERS, "currency")), TICK_S, alerts)
            made = [transition for transition, _ in life.run(at, until, late=names)]
            told[way] += made
            known[way] = list(life._known)
        assert [said(row) for row in told["new"]] == [said(row) for row in told["full"]], datetime.fromtimestamp(until)
        at = until
    found = {(row.kind, row.entity, row.state) for row in told["full"]}
    for kind, entity in (
        ("sentiment_shift", "C00"),
        ("buzz", "C01"),
        ("topic_shift", "C02"),
        ("sentiment_shift", MARKET),
    ):
        assert (kind, entity, "firing") in found, (kind, found)
    assert ("sentiment_shift", "C00", "resolved") in found


@pytest.fixture
def both(client: Client) -> tuple[list[Source], list[Source], int]:
    """The sources of two days in both ways, and when these end."""
    store(client, history(), 0)
    until = int(BEGIN.timestamp()) + 39 * 86400 + 40500
    settle_hours(client, datetime.fromtimestamp(until, UTC))
    watched = WatchedSources(PARAMETERS, 0, OTHERS, TICK_S)
    return watched.read(client, until - 2 * 86400, until), in_full(client, until - 2 * 86400, until), until


def test_sums_of_any_span_and_minutes_are_those_of_a_full_reading(both: tuple[list[Source], list[Source], int]):
    new, full, until = both
    dice = np.random.default_rng(3)
    names = [MARKET, NEWS_OF_NO_COMPANY, "C00", "C07", "C29", OTHERS[0]]
    topics = [series_name(name, topic) for name in ("C02", "C29") for topic in ("litigation", "earnings")]
    for one, other, asked in ((new[0], full[0], names), (new[2], full[2], topics)):
        series, whole = one.series, other.series
        assert sorted(series.entities) == sorted(whole.entities) and series.begin == whole.begin
        ticks = until - dice.integers(0, 37 * 96, (40, 2)) * TICK_S
        for name in asked:
            i, j = series.index(name), whole.index(name)
            assert i is not None and j is not None
            for first, last in np.sort(ticks, axis=1).tolist():
                np.testing.assert_allclose(series.between(i, first, last), whole.between(j, first, last), atol=1e-9)
            for back in dice.integers(0, 8 * 1440, 6).tolist():
                first = until - back * WINDOW_S
                last = np.arange(first // TICK_S * TICK_S + TICK_S, until + 1, TICK_S)
                found = series.between(i, first, last), whole.between(j, first, last)
                np.testing.assert_allclose(*found, atol=1e-9, err_msg=name)
                for a, b in zip(series.within(i, first, until), whole.within(j, first, until), strict=True):
                    np.testing.assert_allclose(a, b, atol=1e-9)
                if one is new[0] and name != MARKET:  # the others are not asked
                    span = np.array([first // TICK_S * TICK_S]), np.array([until])
                    assert series.windows(np.array([i]), *span) == whole.windows(np.array([j]), *span)
        moments = [
            {
                (str(each.entities[i]), int(at))
                for i, at in zip(*each.moments(until - 86400, until, TICK_S), strict=True)
            }
            for each in (series, whole)
        ]
        assert moments[0] == moments[1] and moments[0]


def test_what_alerts_need_is_read_at_once(client: Client):
    store(client, history(), 0)
    until = int(BEGIN.timestamp()) + 39 * 86400 + 40500
    asked: list[str] = []

    class Counting:
        def execute(self, query: str, *arguments, **options):
            asked.append(query)
            return client.execute(query, *arguments, **options)

    minutes = Minutes(Counting(), until - 44 * 86400, until, OTHERS)  # type: ignore[arg-type]
    moments = [(f"C{number:02d}", "", until - number * 5000 - 60) for number in range(9)]
    minutes.expect([*moments, (MARKET, NO_COMPANY, until - 60)], TICK_S)
    read = len(asked)
    for name, _, at in moments:
        minutes.of_tone(name, at - at % TICK_S, at)
    minutes.of_tone(NEWS_OF_NO_COMPANY, until - 60 - (until - 60) % TICK_S, until - 60)
    assert len(asked) == read <= 6, asked


def test_windows_are_as_long_as_the_ticks_allow():
    assert [window_width(PARAMETERS, tick_s) for tick_s in (60, 900, 600, 3600, 7200, 700, 90)] == [
        60, 900, 600, 3600, 3600, 60, 60,
    ]  # fmt: skip
