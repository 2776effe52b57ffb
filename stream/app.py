"""The Faust application: agents on ``news`` and ``comments`` that store every record exactly once.

The agents only hand their records to ``stream.pipeline``; its steps run in a thread each, so the model never waits.
Records are acknowledged only after the insert; nothing is ever raised out of an agent (a Faust stream that saw an
exception goes on acknowledging what it does not process): a worker that cannot go on ends its process, and the ledger
makes the next one continue where the table stops.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP, EventT, StreamT
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from alerts import Evaluator, Transition
from documents import BadRecord, Document, Label, Row
from documents.messages import alert, dead_letter, scored
from documents.stories import Novelty
from settings import KafkaSettings, StreamSettings
from stream.champion.following import Swapper
from stream.kafka.intake import Intake
from stream.kafka.ledger_consumer import use_ledger
from stream.kafka.received import Received
from stream.kafka.reread import TopicIdentity, reread
from stream.pipeline import Flow, Steps
from stream.steps.read import Read
from stream.steps.score import Score
from stream.steps.store import GaveUp, Store, TopicReplaced
from stream.upkeep.breaker import CircuitBreaker, FeedBroken
from stream.upkeep.metrics import Metrics
from stream.upkeep.watchdog import Watchdog

log = logging.getLogger(__name__)
T = TypeVar("T")

TOPICS = ("news", "comments", "labels")
Taken = tuple[StreamT, EventT]

EXIT_TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: a fresh process may succeed
EXIT_NEEDS_A_PERSON = 78  # EX_CONFIG: starting again would do the same harm again


class Worker:
    """Everything one worker process holds; ``app`` is what Faust runs."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: StreamSettings,
        read: Read,
        score: Score,
        store: Store,
        topic_ids: TopicIdentity,
        evaluator: Evaluator,
        metrics: Metrics,
        swapper: Swapper,
    ) -> None:
        self._kafka, self._settings = kafka, settings
        self._evaluator, self._swapper = evaluator, swapper
        self._reader, self._scorer, self._store, self._metrics = read, score, store, metrics
        self._topics = topic_ids
        self._intake = Intake(
            partial(reread, kafka.bootstrap_servers),
            on_skip=lambda topic: metrics.skipped.labels(topic).inc(),
            on_reread=metrics.reread.inc,
        )
        self._breaker = CircuitBreaker(settings.breaker_run, settings.breaker_share, settings.breaker_window)
        self._novelty = Novelty(settings.novelty_documents)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._scoring = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._linking = ThreadPoolExecutor(1, thread_name_prefix="link")
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._alerting = ThreadPoolExecutor(1, thread_name_prefix="alert")
        self._evaluating = False
        steps = Steps(
            read=partial(self._in, self._reading, self._read),
            score=partial(self._in, self._scoring, self._score),
            link=partial(self._in, self._linking, self._link),
            publish=self._publish,
            store=partial(self._in, self._storing, self._write),
            done=self._done,
        )
        self._flow: Flow[Taken] = Flow(steps, settings.batch_records, settings.batch_seconds)
        self._flowing: asyncio.Task[None] | None = None
        self._producer: AIOKafkaProducer | None = None
        self._ready = False
        self._last_progress = self._turned = time.monotonic()
        self._positioning = False
        metrics.model.labels(score.scorer.version).set(1)
        self.app = self._make_app()

    @property
    def leads(self) -> bool:
        """Whether this worker has the partition whose owner evaluates the alert rules."""
        return ("news", 0) in self._intake.partitions

    def _make_app(self) -> faust.App:
        kafka, settings = self._kafka, self._settings
        app = faust.App(
            kafka.group_id,
            broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
            store="memory://",
            datadir=os.path.join(os.environ.get("TMPDIR", "/tmp"), f"finsent-faust-{os.getpid()}"),
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,  # what is not stored is read again: the ledger decides
            broker_session_timeout=kafka.session_timeout_s,
            broker_rebalance_timeout=kafka.session_timeout_s,
            broker_heartbeat_interval=kafka.heartbeat_interval_s,
            broker_max_poll_records=1000,
            consumer_auto_offset_reset="earliest",
            table_standby_replicas=0,  # there are no tables; with standbys a third worker of 4 partitions gets none
            web_bind=settings.web_host,
            web_host=settings.web_host,
            web_port=settings.web_port,
            web_cors_options=None,
            autodiscover=False,
        )
        use_ledger(app, self._ledger_positions, self._positioned, kafka.fetch_wait_s)
        for name in TOPICS:
            topic = app.topic(name, value_type=bytes, value_serializer="raw", key_serializer="raw")
            app.agent(topic, name=f"finsent.{name}", concurrency=1)(self._agent_of(name))
        app.task(self._start)
        self._swapper.attach(app, kafka.bootstrap_servers, self._scoring, self.publish)
        app.timer(min(5.0, settings.stuck_after_s / 4))(self._report_lag)
        app.task(self._start_watchdog)
        app.timer(settings.novelty_refresh_s)(self._learn_stories)
        if settings.alerts:
            app.timer(settings.alert_interval_s)(self._evaluate_alerts)
        app.on_partitions_assigned.connect(self._assigned, weak=False)
        app.on_stop = self._bounded(app.on_stop)  # type: ignore[method-assign]
        app.on_before_shutdown.connect(self._stop_storing, weak=False)
        self._add_pages(app)
        return app

    def _add_pages(self, app: faust.App) -> None:
        async def metrics(view: Any, request: Any) -> Any:
            body = generate_latest(self._metrics.registry)
            return view.bytes(body, content_type=CONTENT_TYPE_LATEST.split(";")[0])

        async def health(view: Any, request: Any) -> Any:
            return view.json({"alive": True})

        async def ready(view: Any, request: Any) -> Any:
            state = {
                "ready": self._ready and not self._store.waiting,
                "partitions": sorted(f"{topic}/{number}" for topic, number in self._intake.partitions),
                "model": self._scorer.scorer.version,
                "waiting_for_store": self._store.waiting,
            }
            return view.json(state, status=200 if state["ready"] else 503)

        for page in (metrics, health, ready):
            app.page(f"/{page.__name__}")(page)

    def _agent_of(self, name: str) -> Callable[[Any], Any]:
        async def agent(stream: Any) -> None:
            stream.enable_acks = False  # after the insert, not after this loop's turn
            received, flow = self._metrics.received.labels(name), self._flow
            async for event in stream.events():
                if flow.full:
                    await flow.room()
                flow.put((stream, event))
                received.inc()

        return agent

    async def _flow_on(self) -> None:
        """Carry records until something fails that only a fresh process, or a person, can mend."""
        try:
            await self._flow.run()
        except FeedBroken as error:
            self._end(
                EXIT_NEEDS_A_PERSON,
                f"{error}; the latest of them are not stored. Mend the producer and start again; if they are to become "
                "dead letters all the same, start one with a higher limit",
            )
        except GaveUp as error:
            if not self._store.stopping.is_set():
                self._end(EXIT_TRY_AGAIN, str(error))
        except TopicReplaced as error:
            self._end(EXIT_TRY_AGAIN, str(error))
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.exception("a step failed")
            self._end(EXIT_TRY_AGAIN, "records could not be processed")

    async def _in(self, executor: Executor, step: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, step, *arguments)

    def _read(self, taken: Sequence[Taken]) -> list[Row]:
        messages = [event.message for _, event in taken]
        admitted = self._intake.admit(Received(m.topic, m.partition, m.offset, m.value) for m in messages)
        rows = self._reader.run(admitted)
        self._breaker.check(rows)
        return rows

    def _score(self, rows: Sequence[Row]) -> None:
        started = time.monotonic()
        self._scorer.run(rows)
        self._metrics.score_seconds.observe(time.monotonic() - started)

    def _link(self, rows: Sequence[Row]) -> None:
        self._novelty.assign([row for row in rows if not isinstance(row, Label)])

    def _write(self, rows: Sequence[Row]) -> None:
        self._store.write(rows, self._topics.assigned)

    async def _done(self, taken: Sequence[Taken], rows: Sequence[Row]) -> None:
        for stream, event in taken:
            await stream.ack(event)
        self._count(rows)
        self._swapper.stored(rows)

    def _count(self, rows: Sequence[Row]) -> None:
        metrics = self._metrics
        self._last_progress = time.monotonic()
        metrics.progress.set_to_current_time()
        metrics.batch_records.observe(len(rows))
        last: dict[tuple[str, int], int] = {}
        for row in rows:
            at = row.position
            last[at.topic, at.partition] = at.offset
            if isinstance(row, BadRecord):
                metrics.dead_lettered.labels(at.topic, row.kind).inc()
            else:
                metrics.scored.labels(at.topic).inc()
        for (topic, partition), offset in last.items():
            metrics.stored_offset.labels(topic, partition).set(offset)

    async def _publish(self, rows: Sequence[Row]) -> None:
        """Send the scored documents and dead letters on: before the insert, so that none is left out (a crash in
        between sends some twice; their position is in the message)."""
        documents = [(scored(row), row.position.partition) for row in rows if isinstance(row, Document)]
        bad = [(dead_letter(row), row.position.partition) for row in rows if isinstance(row, BadRecord)]
        await self.publish("scored", documents)
        await self.publish("dead-letters", bad)

    async def publish(self, topic: str, messages: Sequence[tuple[bytes, int]]) -> None:
        """Send ``messages`` (value, number that chooses the partition) as whole batches, and wait for the acks."""
        producer = self._producer
        if not messages:
            return
        assert producer is not None
        partitions = sorted(await producer.partitions_for(topic))
        sent = []
        by_partition: dict[int, list[bytes]] = {}
        for value, number in messages:
            by_partition.setdefault(partitions[number % len(partitions)], []).append(value)
        for number, values in by_partition.items():
            batch = producer.create_batch()
            for value in values:
                if batch.append(key=None, value=value, timestamp=None) is None:
                    sent.append(await producer.send_batch(batch, topic, partition=number))
                    batch = producer.create_batch()
                    batch.append(key=None, value=value, timestamp=None)
            sent.append(await producer.send_batch(batch, topic, partition=number))
        for future in sent:
            await future

    async def _ledger_positions(self, assigned: frozenset[TP]) -> Mapping[TP, int]:
        """Called at every assignment, before the first fetch: next offset of each partition with rows."""
        loop = asyncio.get_running_loop()
        self._ready, self._positioning = False, True
        self._last_progress = time.monotonic()
        await self._settle()
        await loop.run_in_executor(self._storing, self._topics.assign)
        stored = await loop.run_in_executor(self._storing, self._store.next_offsets, self._topics.assigned)
        await self._learn()
        return {tp: stored[tp.topic, tp.partition] for tp in assigned if (tp.topic, tp.partition) in stored}

    async def _settle(self) -> None:
        """Admit nothing more, drop what is not being scored yet, and finish the rest: otherwise its records would be
        read and stored a second time. First nothing is admitted, for a record after those that are dropped would hide
        them: the ledger is a maximum."""
        await self._in(self._reading, self._intake.assign, {})
        self._flow.forget()
        await self._flow.settle()

    async def _positioned(self, positions: Mapping[TP, int]) -> None:
        """Called when the client stands at ``positions``: from here on records are admitted."""
        following = {(tp.topic, tp.partition): offset for tp, offset in positions.items()}
        await asyncio.get_running_loop().run_in_executor(self._reading, self._intake.assign, following)
        self._last_progress = time.monotonic()
        self._ready, self._positioning = True, False
        log.info(
            "assigned",
            extra={"positions": {f"{tp.topic}/{tp.partition}": at for tp, at in positions.items()}},
        )

    async def _assigned(self, *sent: Any, **_: Any) -> None:
        """Faust asks for no positions where a worker gets nothing: it has nothing to do, and stands by."""
        _, assigned = sent
        if not assigned:
            await asyncio.get_running_loop().run_in_executor(self._reading, self._intake.assign, {})
            self._ready, self._positioning = True, False

    async def _learn(self) -> None:
        """Take in the stories of documents that were stored by others or before the start."""
        loop, novelty = asyncio.get_running_loop(), self._novelty
        rows = await loop.run_in_executor(self._storing, self._store.recent, dict(novelty.seen), novelty.capacity)
        if rows:
            await loop.run_in_executor(self._linking, novelty.learn, rows)

    async def _learn_stories(self) -> None:
        if self._ready and not self._store.waiting:
            try:
                await self._learn()
            except GaveUp:
                log.warning("the worker ends before it could read what others have stored")

    async def _evaluate_alerts(self) -> None:
        """Evaluate the rules in the one worker that leads; a failure is told and tried again at the next turn."""
        if not self.leads or self._evaluating or self._store.waiting:
            return
        self._evaluating = True
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        try:
            made = await loop.run_in_executor(self._alerting, self._evaluator.advance)
        except Exception:
            log.exception("alerts could not be evaluated; the next turn tries again")
            self._metrics.alert_failures.inc()
        else:
            for transition in made:
                self._metrics.transitions.labels(transition.state).inc()
                told = {
                    name: getattr(transition, name) for name in ("id", "entity", "direction", "severity", "state", "at")
                }
                log.warning("alert", extra={"alert": told})
            self._metrics.alert_seconds.observe(time.monotonic() - started)
            self._metrics.evaluated.set(self._evaluator.evaluated_until)
        finally:
            self._evaluating = False

    def publish_alerts(self, transitions: Sequence[Transition]) -> None:
        """Send alert transitions to their topic; for the evaluator's thread."""
        messages = [(alert(transition.columns()), 0) for transition in transitions]
        asyncio.run_coroutine_threadsafe(self.publish("alerts", messages), self.app.loop).result(60)

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka.bootstrap_servers,
            acks="all",
            max_request_size=8_000_000,
            max_batch_size=262_144,
        )
        await self._producer.start()
        # Not a task of Faust's: it would be cancelled at a stop, before what is under way is stored.
        self._flowing = asyncio.create_task(self._flow_on())

    async def _stop_storing(self, *_: Any, **__: Any) -> None:
        self._store.stopping.set()
        await self._settle()
        if self._flowing is not None:
            self._flowing.cancel()
        if self._producer is not None:
            await self._producer.stop()

    def _bounded(self, stop: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Coroutine[Any, Any, None]]:
        """``stop``, but what hangs in a call that cannot be interrupted is left: it is not stored, so it is read
        again."""

        async def on_stop() -> None:
            late = f"not stopped within {self._settings.stop_within_s:g} s (STREAM_STOP_WITHIN_S)"
            last = threading.Timer(self._settings.stop_within_s, self._end, (EXIT_TRY_AGAIN, late))
            last.daemon = True
            last.start()
            await stop()

        return on_stop

    async def _report_lag(self) -> None:
        self._turned = time.monotonic()
        for (topic, number), lag in self._lags().items():
            self._metrics.lag.labels(topic, number).set(lag)

    def _lags(self) -> dict[tuple[str, int], int]:
        """Records that wait, by (topic, partition); from any thread."""
        found = {}
        for topic, number in self._intake.partitions:
            high = self.app.consumer.highwater(TP(topic, number))
            if high is not None:
                found[topic, number] = max(0, high - self._intake.next_offset(topic, number))
        return found

    async def _start_watchdog(self) -> None:
        self._resumed()
        end = partial(self._end, EXIT_TRY_AGAIN)
        Watchdog(self._stuck, self._resumed, end, self._settings.stuck_after_s).start()

    def _resumed(self) -> None:
        self._turned = self._last_progress = time.monotonic()

    def _stuck(self) -> str:
        """Why this worker cannot go on, or ''; for the watchdog's thread."""
        now, limit = time.monotonic(), self._settings.stuck_after_s
        if now - self._turned > limit:
            return f"the event loop has not turned for {now - self._turned:.0f} s"
        behind = 0
        with suppress(KeyError):  # a partition may go while we look
            behind = sum(self._lags().values())
        if self._store.waiting or not (behind or self._flow.under_way or self._positioning):
            self._last_progress = now
        elif now - self._last_progress > limit:
            why = f"{behind} records wait, {self._flow.under_way} are under way"
            if self._positioning:
                why = "it has not got its partitions"
            return f"no batch stored for {now - self._last_progress:.0f} s although {why}"
        return ""

    def _end(self, code: int, why: str) -> None:
        """End the process at once: what was not stored is read again by the next one."""
        log.critical(why, extra={"exit_code": code})
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)
