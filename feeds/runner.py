"""Reads all feeds when they are due, until it is told to stop."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from feeds.delivery import Delivery, Outlet
from feeds.fetching import Fetcher, FetchError
from feeds.health import FeedHealth, Metrics, Report
from feeds.plan import Feed, Plan, mapping_of, missing_keys, seconds
from feeds.sources import BadAnswer, Polled, Source, source_of
from feeds.state import StateFile

T = TypeVar("T")
log = logging.getLogger(__name__)

THREADS = 8
LONGEST_PAUSE_S = 3600.0
KAFKA_PAUSE_S = 5.0
TOLD_FAULTS = 3
IDLE_S = 0.2
REPORT_S = 10.0
STREAM_EVERY = "1s"
"""How soon a web socket is listened to again: it stays open, and what comes meanwhile waits."""


@dataclass
class _Turn:
    """One feed and when it is next read. ``fails`` counts the failures in a row."""

    feed: Feed
    source: Source
    every: float
    due: float = 0.0
    fails: int = 0
    told_at: float = -REPORT_S
    told_error: str = ""
    health: FeedHealth = field(init=False)

    def __post_init__(self) -> None:
        self.health = FeedHealth(self.feed.name, self.feed.kind, datetime.now(UTC))


class Runner:
    """Reads the feeds of ``plan`` in some threads, and sends in one.

    ``report`` is told how they are doing. A feed whose key is not set is not read, and told once. ``failed`` are the
    feeds that could not be read at their latest turn.
    """

    def __init__(
        self,
        plan: Plan,
        state: StateFile,
        outlet: Outlet,
        report: Report = lambda healths: None,
        metrics: Metrics | None = None,
        version: str = "",
        make: Callable[[Feed, Fetcher], Source] = source_of,
    ) -> None:
        self._state, self._report, self.metrics = state, report, metrics or Metrics()
        self._delivery = Delivery(state, outlet)
        self._fetcher = fetcher_of(plan, version)
        self._turns: list[_Turn] = []
        self._keyless: list[str] = []
        for feed in plan.feeds:
            if missing := missing_keys(feed):
                log.error("feed %s is not read: the environment has no %s", feed.name, " and no ".join(missing))
                self._keyless.append(feed.name)
                continue
            mapped = mapping_of(feed)
            usual = STREAM_EVERY if mapped and mapped.socket else plan.every
            every = seconds(feed.every or (mapped.every if mapped else "") or usual)
            wait_s = max(0.0, state.of(feed.name).not_before - time.time())  # a restart is no reason to ask sooner
            self._turns.append(_Turn(feed, make(feed, self._fetcher), every, time.monotonic() + wait_s))
        self._day = datetime.now(UTC).date()
        self._unreachable_told = False

    @property
    def failed(self) -> list[str]:
        return self._keyless + [turn.feed.name for turn in self._turns if turn.fails]

    def run(self, stop: threading.Event, once: bool = False) -> int:
        """Until ``stop`` is set; with ``once``, each feed is read once. Returns how many records were sent."""
        sent = 0
        self._until_kafka_answers(self._delivery.recover, stop)
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="feed")
        reading: dict[Future[Polled], _Turn] = {}
        waiting = [turn for turn in self._turns if not (once and self._not_yet(turn))]
        try:
            while not stop.is_set() and (reading or waiting or not once):
                for turn in [one for one in waiting if one.due <= time.monotonic()]:
                    waiting.remove(turn)
                    known = deepcopy(self._state.of(turn.feed.name).remember)
                    reading[pool.submit(turn.source.poll, known)] = turn
                if not reading:
                    stop.wait(IDLE_S)
                    continue
                for done in wait(reading, timeout=IDLE_S, return_when=FIRST_COMPLETED).done:
                    turn = reading.pop(done)
                    sent += self._finish(turn, done, stop)
                    if not once or (turn.due <= time.monotonic() and not turn.fails):
                        waiting.append(turn)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self._fetcher.close()
        return sent

    def _not_yet(self, turn: _Turn) -> bool:
        left = turn.due - time.monotonic()
        if left > 0:
            turn.fails += 1
            log.warning("feed %s: its server wants to be left alone for another %.0f s", turn.feed.name, left)
        return left > 0

    def _finish(self, turn: _Turn, done: Future[Polled], stop: threading.Event) -> int:
        """Send what one feed has, and plan its next turn."""
        now, sent = datetime.now(UTC), 0
        self._new_day(now)
        turn.health.polled_at = now
        self.metrics.polled.labels(turn.feed.name).set(now.timestamp())
        try:
            polled = done.result()
        except FetchError as error:
            self._failed(turn, str(error), error.retry_after, error.unreachable)
        except BadAnswer as error:
            self._failed(turn, str(error))
        except Exception as error:  # a source must not end the others
            log.exception("feed %s", turn.feed.name)
            self._failed(turn, f"{type(error).__name__}: {error}")
        else:
            result = self._until_kafka_answers(lambda: self._delivery.deliver(turn.feed, polled), stop)
            if result is not None:
                sent, faults = result
                self._read(turn, sent, [*polled.faults, *faults], polled.more)
        self._tell_how_it_does(turn)
        self._tell_if_nothing_is_reached()
        return sent

    def _read(self, turn: _Turn, sent: int, faults: list[str], more: bool) -> None:
        known, health = self._state.of(turn.feed.name), turn.health
        turn.fails = 0
        turn.due = time.monotonic() + (0.0 if more else turn.every * random.uniform(0.95, 1.05))
        health.sent, health.error, health.unreachable = known.sent, faults[0] if faults else "", False
        health.errors += len(faults)
        health.last_item_at = datetime.fromtimestamp(known.last_item, UTC) if known.last_item else None
        self._plan_told(turn)
        self.metrics.items.labels(turn.feed.name).inc(sent)
        self.metrics.errors.labels(turn.feed.name).inc(len(faults))
        self.metrics.last_item.labels(turn.feed.name).set(known.last_item)
        self.metrics.failing.labels(turn.feed.name).set(0)
        for fault in faults[:TOLD_FAULTS]:
            log.warning("feed %s: %s", turn.feed.name, fault)
        if sent:
            log.info("feed %s: %d new", turn.feed.name, sent)

    def _failed(self, turn: _Turn, sentence: str, retry_after: float = 0.0, unreachable: bool = False) -> None:
        turn.fails += 1
        pause = min(turn.every * 2 ** min(turn.fails, 10), max(LONGEST_PAUSE_S, turn.every)) * random.uniform(0.5, 1.0)
        turn.due = time.monotonic() + max(pause, retry_after)
        if retry_after:
            self._state.of(turn.feed.name).not_before = time.time() + retry_after
            self._state.save()
        turn.health.errors += 1
        turn.health.error, turn.health.unreachable = sentence, unreachable
        self._plan_told(turn)
        self.metrics.errors.labels(turn.feed.name).inc()
        self.metrics.failing.labels(turn.feed.name).set(1)
        log.warning("feed %s: %s", turn.feed.name, sentence)

    def _plan_told(self, turn: _Turn) -> None:
        turn.health.next_poll_at = datetime.now(UTC) + timedelta(seconds=max(0.0, turn.due - time.monotonic()))

    def _new_day(self, now: datetime) -> None:
        if now.date() != self._day:
            self._day = now.date()
            for turn in self._turns:
                turn.health.errors = 0

    def _tell_how_it_does(self, turn: _Turn) -> None:
        mapped = mapping_of(turn.feed)
        if (
            mapped
            and mapped.socket
            and turn.health.error == turn.told_error
            and time.monotonic() < turn.told_at + REPORT_S
        ):
            return  # a web socket is polled each second, and nothing has changed since the last report
        turn.told_at, turn.told_error = time.monotonic(), turn.health.error
        self._report([turn.health])

    def _tell_if_nothing_is_reached(self) -> None:
        asked = [turn for turn in self._turns if not turn.feed.folder]
        if self._unreachable_told or not asked:
            return
        if all(turn.health.unreachable for turn in asked):
            self._unreachable_told = True
            log.error("no feed can be reached: there is no way to the internet from here (%s)", asked[0].health.error)

    def _until_kafka_answers(self, work: Callable[[], T], stop: threading.Event) -> T | None:
        """What ``work`` returns; it is tried again while Kafka is away, and what was on its way is looked for first."""
        while not stop.is_set():
            try:
                return work()
            except OSError as error:
                log.warning("%s; trying again", error)
                stop.wait(KAFKA_PAUSE_S)
        return None


def fetcher_of(plan: Plan, version: str = "") -> Fetcher:
    """How the feeds of ``plan`` ask."""
    return Fetcher(
        plan.contact,
        allow_private=plan.allow_private,
        most_bytes=plan.most_bytes,
        timeout_s=plan.timeout_s,
        host_pause_s=plan.host_pause_s,
        version=version,
    )
