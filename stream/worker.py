"""One worker process, put together: every object is made here, from what it needs. Nothing else happens here."""

from __future__ import annotations

import asyncio
import logging.config
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import faust
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from faust.types import TP

import model
from alerts import Evaluator, Notifier
from documents import Linker, Pseudonymiser, Row, Watchlist, load_watchlist
from documents.events import load_event_types
from documents.messages import alert
from settings import AlertSettings, ClickHouseSettings, KafkaSettings, PrivacySettings, StreamSettings, data_directory
from storage import (
    UNAVAILABLE,
    Partition,
    StorageUnavailable,
    check_one_server,
    connect,
    migrate,
    refusal,
    replace_entities,
    replace_event_types,
    set_durability,
    set_retention,
)
from storage.reads import HEARTBEAT_S, IN_A_ROW, Restarts, restarts
from stream import tracing
from stream.champion.following import ChampionFollower, worker_name
from stream.champion.models import Models
from stream.champion.shadow import ShadowScoring
from stream.kafka.app import add_agents, make_app
from stream.kafka.assignment import Assignment
from stream.kafka.committing import StoredOffsets
from stream.kafka.identity import TopicIdentity
from stream.kafka.intake import Intake
from stream.kafka.losing import Losing
from stream.kafka.membership import leave_for_other_topics
from stream.kafka.message import Message
from stream.kafka.rereading import reread, waiting
from stream.kafka.sender import Sender
from stream.kafka.topics import ensure_topics, log_start, watermarks
from stream.pipeline import Pipeline
from stream.registry import Decode, RegistryPatience, decoding
from stream.steps import Isolation, Link, Publish, Read, Score, Store
from stream.takeover import Takeover
from stream.threads import Threads
from stream.trial import Trial
from stream.upkeep.acknowledged import KEEP_EVERY_S, Acknowledged
from stream.upkeep.alert_timer import AlertTimer
from stream.upkeep.breaker import CircuitBreaker
from stream.upkeep.ending import end_to_try_again, recorded, until_failure
from stream.upkeep.lag import ASK_EVERY_S, Lag
from stream.upkeep.logs import logging_config
from stream.upkeep.metrics import Metrics
from stream.upkeep.pages import add_pages
from stream.upkeep.patient_client import GaveUp, PatientClient
from stream.upkeep.progress import Progress
from stream.upkeep.run_record import RUNS, RunRecord, bring_in
from stream.upkeep.stories import StoryLearner
from stream.upkeep.telemetry import telemetry
from stream.upkeep.watchdog import Watchdog

log = logging.getLogger(__name__)
T = TypeVar("T")

TRY_AGAIN_S = 5.0
"""The pause after ClickHouse took nothing at the start."""

ENDING = 236
"""ClickHouse's code for a query that it gives up because it shuts down."""

START_PATIENCE_S, CONNECT_AGAIN_S = 30.0, 1.0
"""How long a worker that starts waits for a ClickHouse that does not answer, and how often it asks."""


def run(
    settings: StreamSettings | None = None, level: str = "INFO", load: Callable[[str], model.Scorer] | None = None
) -> None:
    """Run one worker until SIGTERM or SIGINT. Raises the rooms' errors where something that it needs is missing.

    ``load`` makes the scorer of the champion at the start, for benchmarks; by default it is the version itself.
    """
    logging.config.dictConfig(logging_config(level))
    record = RunRecord(data_directory() / RUNS, worker_name(), connect)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Faust has its own handler
    with recorded(record):
        _run(record, settings or StreamSettings(), level, load)


def _run(record: RunRecord, settings: StreamSettings, level: str, load: Callable[[str], model.Scorer] | None) -> None:
    kafka, watchlist = KafkaSettings(), load_watchlist()
    decode = decoding(kafka)
    patience_s = min(settings.store_patience_s, START_PATIENCE_S)
    before = _prepared(record, lambda client: _prepare(client, watchlist), patience_s)
    ensure_topics(kafka, kafka.partitions)
    leave_for_other_topics(kafka)
    worker = Worker(record, before, settings, kafka, watchlist, decode, load)
    faust.Worker(
        worker.app, loglevel=level, logging_config=logging_config(level), redirect_stdouts=False
    ).execute_from_commandline()


def _prepare(client: Client, watchlist: Watchlist) -> Restarts | None:
    """Bring ClickHouse up to date. Returns what is wrong with the workers before this one."""
    clickhouse = ClickHouseSettings()
    check_one_server(client, clickhouse)
    migrate(client)
    set_durability(client, clickhouse.fsync)
    set_retention(client, clickhouse)
    replace_entities(client, watchlist.entities)
    replace_event_types(client, load_event_types().by_name.values())
    bring_in(data_directory() / RUNS, client)
    return restarts(client)


def _prepared(record: RunRecord, prepare: Callable[[Client], T], patience_s: float) -> T:
    """The result of ``prepare`` over a connection. While ClickHouse answers but takes nothing, this tries again without
    an end: a process that is started anew would be no better off. A ClickHouse that does not answer gets ``patience_s``
    seconds, since both are often started together."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with connect() as client:
                return prepare(client)
        except (StorageUnavailable, *UNAVAILABLE) as error:
            if refused := refusal(error):
                why, pause = f"ClickHouse takes nothing: {refused}", TRY_AGAIN_S
                deadline = time.monotonic() + patience_s  # what mends it may be a restart of ClickHouse
            elif not _is_answer(error) and time.monotonic() < deadline:
                why, pause = str(error).partition("\n")[0], CONNECT_AGAIN_S
            else:
                raise
            log.warning("the worker waits to start: %s", why)
            record.reading("", why)
            time.sleep(pause)


def _is_answer(error: BaseException | None) -> bool:
    """Whether ClickHouse itself answered with what led to ``error``, such as that the password is wrong; not if it said
    that it is ending."""
    while error is not None:
        if isinstance(error, ServerException):
            return bool(error.code != ENDING)
        error = error.__cause__
    return False


class Worker:
    """The objects of one worker; ``app`` is what Faust runs."""

    def __init__(
        self,
        record: RunRecord,
        before: Restarts | None,
        settings: StreamSettings,
        kafka: KafkaSettings,
        watchlist: Watchlist,
        decode: Decode,
        load: Callable[[str], model.Scorer] | None,
    ) -> None:
        self.alerts_lead = (kafka.topic_news, 0)
        """The owner of this partition evaluates the alert rules."""

        self.feeds, self.kafka = kafka.feeds, kafka
        self.record, self.before = record, before
        self.settings, self.metrics, self.progress, self.threads = settings, Metrics(), Progress(), Threads()
        for topic in kafka.feeds:
            self.metrics.received.labels(topic)  # so that a feed which is silent from the start is a 0, and not nothing
        clickhouse = ClickHouseSettings()
        connecting = partial(connect, clickhouse)
        self.sender = Sender(kafka)
        self.acknowledged = Acknowledged(record.worker, self.metrics, end_to_try_again)
        checked = partial(connect, clickhouse, self.acknowledged.check)
        self.client = PatientClient(checked, settings.store_patience_s, self.metrics)
        identity = TopicIdentity(kafka, list(kafka.feeds))
        losing = Losing(identity, self.client, partial(watermarks, kafka), self.metrics)
        self.intake = Intake(
            partial(reread, kafka),
            on_skip=lambda topic: self.metrics.skipped.labels(topic).inc(),
            on_reread=self.metrics.reread.inc,
            log_start=partial(log_start, kafka),
            on_expired=partial(self.threads.store.call, losing.expired),
        )

        self.stored = StoredOffsets(self.intake.after_gaps)
        self.traces = tracing.traces(settings, kafka.group_id, record.worker)
        self.telemetry = telemetry(settings, self.metrics.registry, record.worker)

        self.takeover = Takeover(
            record.worker,
            self.client,
            lambda: identity.assigned,
            partial(waiting, kafka),
            lambda records: Trial(settings.record_seconds, identity.assigned).deadly(records),
            settings.batch_records,
        )
        read = self._read(watchlist, identity, decode)
        warm = self.threads.read.begin(read.warm_up)  # while the model is loaded
        models = Models(load)
        self.score = Score(models.champion(), models.event_reader())
        shadow = ShadowScoring(models.shadow, models.load_without_repeats, connecting, self.metrics, record.worker)
        self.champion = ChampionFollower(
            record.worker, models.champion_name, models.load, self.score, self.threads.score, shadow, kafka,
            self.sender.send, connecting, self.metrics,
        )  # fmt: skip
        link = Link(settings.novelty_documents)
        self.learner = StoryLearner(link, self.client, self.threads)
        self.registry = RegistryPatience(self.metrics)
        self.pipeline = self._pipeline(read, link, identity, (self.stored.stored, shadow.offer))
        self.assignment = Assignment(
            kafka, self.intake, identity, losing, self.stored, self.threads, self.progress,
            self.pipeline.settle, self.learner.learn, self.takeover.take,
        )  # fmt: skip
        self.app = make_app(kafka, settings, self.assignment)
        self.lag = Lag(
            self.intake,
            self.highwater,
            self.bounds,
            partial(self.keep_ends, losing),
            self.stored.following,
            self.metrics,
        )
        self.alerts = AlertTimer(self.evaluator(watchlist, connecting), self.leads, self.metrics)
        self._schedule()
        warm.result()

    def _read(self, watchlist: Watchlist, identity: TopicIdentity, decode: Decode) -> Read:
        """The first step."""
        return Read(
            Linker(watchlist),
            Pseudonymiser(PrivacySettings().pseudonym_key.get_secret_value()),
            identity.of,
            self.takeover.deadly,
            decode,
            self.settings.record_characters,
            self.settings.known_annotators,
        )

    def _pipeline(
        self,
        read: Read,
        link: Link,
        identity: TopicIdentity,
        on_stored: Sequence[Callable[[Sequence[Row]], None]],
    ) -> Pipeline:
        """All steps. ``on_stored`` are called with the rows that are stored."""
        settings, kafka = self.settings, self.kafka
        isolation = Isolation(partial(reread, kafka))
        limits = settings.breaker_run, settings.breaker_share, settings.breaker_window
        # One counts what is sent, the other what is stored.
        breakers = CircuitBreaker(*limits, kafka.topic_labels), CircuitBreaker(*limits, kafka.topic_labels)
        return Pipeline(
            self.intake,
            read,
            self.registry,
            isolation,
            self.score,
            link,
            Publish(
                self.sender.send,
                isolation,
                breakers[0].check,
                *([self.traces.headers] if self.traces else []),
            ),
            Store(
                self.client,
                identity,
                self.metrics,
                isolation,
                self.sender.send_from_thread,
                breakers[1].check,
                kafka.feeds,
                self.acknowledged.note,
            ),
            on_stored,
            partial(until_failure, client=self.client),
            self.threads,
            settings,
            self.metrics,
            self.progress,
            self.traces,
        )

    def evaluator(self, watchlist: Watchlist, connecting: Callable[[], Any]) -> Evaluator:
        """The alert rules; their transitions are sent to the topic ``alerts``."""
        return Evaluator(
            connecting,
            AlertSettings(),
            publish=lambda made: self.sender.send_from_thread(
                "alerts", [Message(alert(one.columns())) for one in made]
            ),
            explain=lambda *text: self.score.scorer.explain(*text),
            desks={one.ticker: one.desk for one in watchlist.entities},
            notify=Notifier(connecting),
            explain_event=self.score.explain_event,
            other_types=watchlist.other_types,
        )

    def highwater(self, topic: str, partition: int) -> int | None:
        """The offset that the next record of the partition will get, or None if it is unknown."""
        return self.app.consumer.highwater(TP(topic, partition))

    async def bounds(self, partitions: list[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first offset and the end of several partitions, from the broker."""
        asked = [TP(*partition) for partition in partitions]
        starts = await self.app.consumer.earliest_offsets(*asked)
        ends = await self.app.consumer.highwaters(*asked)
        first = {(tp.topic, tp.partition): start for tp, start in starts.items()}
        return {(tp.topic, tp.partition): (first[tp.topic, tp.partition], end) for tp, end in ends.items()}

    async def keep_ends(self, losing: Losing, ends: Mapping[Partition, int]) -> None:
        """Store the ends of partitions, unless ClickHouse is away."""
        if self.assignment.ready and not self.client.waiting:
            await self.threads.store.run(losing.keep_ends, ends)

    def leads(self) -> bool:
        """Whether this worker evaluates the alert rules now."""
        return self.alerts_lead in self.intake.partitions and not self.client.waiting

    def stuck(self) -> str:
        """Why this worker cannot go on, or ''; for the watchdog's thread."""
        limit = self.settings.stuck_after_s
        return self.progress.blocked(limit) or self.progress.stalled(
            limit, self.lag.total(), self.pipeline.under_way, self.client.waiting or self.registry.waiting
        )

    def state(self) -> dict[str, Any]:
        """What the page ``/ready`` shows."""
        return {
            "ready": self.assignment.ready and not self.client.waiting and not self.registry.waiting,
            "partitions": sorted(f"{topic}/{number}" for topic, number in self.intake.partitions),
            "model": self.score.scorer.version,
            "waiting_for_store": self.client.waiting,
            "waiting_because": self.client.waiting_for,
            "waiting_for_registry": self.registry.waiting,
            "restarts": self.restarts(),
        }

    def restarts(self) -> dict[str, Any] | None:
        """How often workers ended before this one, and why, as long as that is trouble."""
        found = self.before
        if found is None or datetime.now(UTC) - found.latest.ended_at > IN_A_ROW:
            return None
        return {
            "times": found.times,
            "since": found.since.isoformat(),
            "why": found.latest.reason,
            "about": found.latest.subject,
        }

    def _schedule(self) -> None:
        """Tell Faust what to do when."""
        app, settings = self.app, self.settings
        add_agents(app, self.feeds, self.pipeline.take)
        add_pages(app, self.metrics.registry, self.state)
        app.task(self._start)
        app.task(self.champion.follow)
        app.task(self._watch)
        app.timer(HEARTBEAT_S, name="finsent.champion")(self._look)
        app.timer(min(5.0, settings.stuck_after_s / 4))(self._report)
        app.timer(ASK_EVERY_S)(self._look_at_ends)
        app.timer(KEEP_EVERY_S)(self._keep_ranges)
        app.timer(settings.novelty_refresh_s)(self._learn)
        if settings.alerts:
            app.timer(settings.alert_interval_s)(self.alerts.turn)
        app.on_partitions_assigned.connect(self.assignment.assigned, weak=False)
        app.on_before_shutdown.connect(self.champion.stop, weak=False)
        app.on_before_shutdown.connect(self._stop, weak=False)

    async def _start(self) -> None:
        if self.telemetry:
            self.telemetry.start()
        await self.sender.start()
        self.pipeline.start()

    async def _stop(self, *_: Any, **__: Any) -> None:
        self.client.stop()
        await self.pipeline.stop()
        with suppress(GaveUp):
            await self.threads.store.run(self.takeover.give_back)
            await self.threads.store.run(self.acknowledged.keep, self.client, True)
        await self.sender.stop()
        if self.traces:
            await asyncio.to_thread(self.traces.stop)
        if self.telemetry:
            await asyncio.to_thread(self.telemetry.stop)

    async def _watch(self) -> None:
        self.progress.resume()
        Watchdog(self.stuck, self.progress.resume, end_to_try_again, self.settings.stuck_after_s).start()

    async def _look(self) -> None:
        await self.champion.look()

    async def _report(self) -> None:
        self.progress.turn()
        self.lag.report()
        self.record.reading(self.lag.furthest_behind(), self.client.waiting_for)
        self.metrics.restarts.clear()
        if found := self.restarts():
            self.metrics.restarts.labels(found["why"], found["about"]).set(found["times"])

    async def _keep_ranges(self) -> None:
        if self.assignment.ready and not self.client.waiting:
            with suppress(GaveUp):
                await self.threads.store.run(self.acknowledged.keep, self.client)

    async def _look_at_ends(self) -> None:
        await self.lag.look()

    async def _learn(self) -> None:
        if self.assignment.ready:
            await self.learner.turn()
