"""The Faust application: agents on ``news`` and ``comments`` that store every record exactly once.

A batch is read and scored in one thread and written in another, so that the next batch is scored while this
one is written. Records are acknowledged only after the insert; nothing is ever raised out of an agent (a
Faust stream that saw an exception goes on acknowledging what it does not process): a worker that cannot go
on ends its process, and the ledger makes the next one continue where the table stops.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP, EventT, StreamT
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from storage import Record
from stream.alerting import Evaluator, Transition
from stream.breaker import CircuitBreaker, FeedBroken
from stream.broker import reread
from stream.intake import Intake
from stream.ledger_consumer import use_ledger
from stream.metrics import Metrics
from stream.outgoing import alert, dead_letter, scored
from stream.pipeline import Pipeline, Received
from stream.settings import KafkaSettings, StreamSettings
from stream.store import GaveUp, Store, TopicReplaced

log = logging.getLogger(__name__)

TOPICS = ("news", "comments")
EXIT_TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: a fresh process may succeed
EXIT_NEEDS_A_PERSON = 78  # EX_CONFIG: starting again would do the same harm again


class Worker:
    """Everything one worker process holds; ``app`` is what Faust runs."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: StreamSettings,
        pipeline: Pipeline,
        store: Store,
        topic_ids: Callable[[], Mapping[str, str]],
        evaluator: Evaluator,
        metrics: Metrics,
    ) -> None:
        self._kafka, self._settings = kafka, settings
        self._evaluator = evaluator
        self._pipeline, self._store, self._metrics = pipeline, store, metrics
        self._read_topic_ids = topic_ids
        self._topic_ids: Mapping[str, str] = {}
        self._intake = Intake(
            partial(reread, kafka.bootstrap_servers),
            on_skip=lambda topic: metrics.skipped.labels(topic).inc(),
            on_reread=metrics.reread.inc,
        )
        self._breaker = CircuitBreaker(settings.breaker_run, settings.breaker_share, settings.breaker_window)
        self._scoring = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._alerting = ThreadPoolExecutor(1, thread_name_prefix="alert")
        self._evaluating = False
        self._writes: dict[str, asyncio.Task[None]] = {}
        self._unfinished = 0
        self._producer: AIOKafkaProducer | None = None
        self._ready = False
        self._last_progress = time.monotonic()
        metrics.model.labels(pipeline.scorer.version).set(1)
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
            web_bind=settings.web_host,
            web_host=settings.web_host,
            web_port=settings.web_port,
            web_cors_options=None,
            autodiscover=False,
        )
        use_ledger(app, self._ledger_positions, self._positioned)
        for name in TOPICS:
            topic = app.topic(name, value_type=bytes, value_serializer="raw", key_serializer="raw")
            app.agent(topic, name=f"finsent.{name}", concurrency=1)(self._agent_of(name))
        app.task(self._start_producer)
        app.timer(5.0)(self._report_lag)
        if settings.alerts:
            app.timer(settings.alert_interval_s)(self._evaluate_alerts)
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
                "model": self._pipeline.scorer.version,
                "waiting_for_store": self._store.waiting,
            }
            return view.json(state, status=200 if state["ready"] else 503)

        for page in (metrics, health, ready):
            app.page(f"/{page.__name__}")(page)

    def _agent_of(self, name: str) -> Callable[[Any], Any]:
        async def agent(stream: Any) -> None:
            settings = self._settings
            async for events in stream.noack_take(settings.batch_records, within=settings.batch_seconds):
                try:
                    await self._process(name, stream, events)
                except asyncio.CancelledError:
                    raise
                except FeedBroken as error:
                    self._end(EXIT_NEEDS_A_PERSON, f"{name}: {error}; mend the producer, then start again")
                except BaseException:
                    log.exception("batch failed")
                    self._end(EXIT_TRY_AGAIN, f"{name}: a batch could not be processed")

        return agent

    async def _process(self, name: str, stream: StreamT, events: Sequence[EventT]) -> None:
        loop = asyncio.get_running_loop()
        received = [
            Received(event.message.topic, event.message.partition, event.message.offset, event.message.value)
            for event in events
        ]
        self._metrics.received.labels(name).inc(len(received))
        topic_ids = self._topic_ids
        self._unfinished += 1
        try:
            rows = await loop.run_in_executor(self._scoring, self._read_and_score, received, topic_ids)
            previous = self._writes.get(name)
            if previous is not None:
                await previous
        except BaseException:
            self._unfinished -= 1
            raise
        self._writes[name] = loop.create_task(self._write(name, stream, events, rows, topic_ids))

    def _read_and_score(self, received: Sequence[Received], topic_ids: Mapping[str, str]) -> list[Record]:
        admitted = self._intake.admit(received)
        rows = self._pipeline.read(admitted, topic_ids)
        self._breaker.check([bool(row.error_kind) for row in rows])
        started = time.monotonic()
        self._pipeline.score(rows)
        self._metrics.score_seconds.observe(time.monotonic() - started)
        return rows

    async def _write(
        self,
        name: str,
        stream: StreamT,
        events: Sequence[EventT],
        rows: list[Record],
        topic_ids: Mapping[str, str],
    ) -> None:
        try:
            await self._publish(rows)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._storing, self._store.write, rows, topic_ids)
            for event in events:
                await stream.ack(event)
            self._count(name, rows)
        except GaveUp as error:
            if not self._store.stopping.is_set():
                self._end(EXIT_TRY_AGAIN, str(error))
        except TopicReplaced as error:
            self._end(EXIT_TRY_AGAIN, str(error))
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.exception("write failed")
            self._end(EXIT_TRY_AGAIN, f"{name}: a batch could not be written")
        finally:
            self._unfinished -= 1

    def _count(self, name: str, rows: Sequence[Record]) -> None:
        metrics = self._metrics
        self._last_progress = time.monotonic()
        metrics.progress.set_to_current_time()
        metrics.batch_records.observe(len(rows))
        bad = [row for row in rows if row.error_kind]
        metrics.scored.labels(name).inc(len(rows) - len(bad))
        for row in bad:
            metrics.dead_lettered.labels(name, row.error_kind).inc()
        for row in rows:
            metrics.stored_offset.labels(row.topic, row.partition).set(row.offset)

    async def _publish(self, rows: Sequence[Record]) -> None:
        """Send the scored documents and dead letters on: before the insert, so that none is left out (a crash in
        between sends some twice; their position is in the message)."""
        producer = self._producer
        assert producer is not None
        for topic, encode, chosen in (
            ("scored", scored, [row for row in rows if not row.error_kind]),
            ("dead-letters", dead_letter, [row for row in rows if row.error_kind]),
        ):
            await self.publish(topic, [(encode(row), row.partition) for row in chosen])

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
        self._ready = False
        # What is under way is finished first, or its records would be read and stored a second time.
        await loop.run_in_executor(self._scoring, self._intake.assign, {})
        while self._unfinished:
            await asyncio.sleep(0.01)
        self._topic_ids = await loop.run_in_executor(self._storing, self._read_topic_ids)
        stored = await loop.run_in_executor(self._storing, self._store.next_offsets, self._topic_ids)
        return {tp: stored[tp.topic, tp.partition] for tp in assigned if (tp.topic, tp.partition) in stored}

    async def _positioned(self, positions: Mapping[TP, int]) -> None:
        """Called when the client stands at ``positions``: from here on records are admitted."""
        following = {(tp.topic, tp.partition): offset for tp, offset in positions.items()}
        await asyncio.get_running_loop().run_in_executor(self._scoring, self._intake.assign, following)
        self._last_progress = time.monotonic()
        self._ready = True
        log.info(
            "assigned",
            extra={"positions": {f"{tp.topic}/{tp.partition}": at for tp, at in positions.items()}},
        )

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
                self._metrics.transitions.labels(transition["state"]).inc()
                told = {name: transition[name] for name in ("id", "entity", "direction", "severity", "state", "at")}
                log.warning("alert", extra={"alert": told})
            self._metrics.alert_seconds.observe(time.monotonic() - started)
            self._metrics.evaluated.set(self._evaluator.evaluated_until)
        finally:
            self._evaluating = False

    def publish_alerts(self, transitions: Sequence[Transition]) -> None:
        """Send alert transitions to their topic; for the evaluator's thread."""
        messages = [(alert(transition), 0) for transition in transitions]
        asyncio.run_coroutine_threadsafe(self.publish("alerts", messages), self.app.loop).result(60)

    async def _start_producer(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka.bootstrap_servers,
            acks="all",
            max_request_size=8_000_000,
            max_batch_size=262_144,
        )
        await self._producer.start()

    async def _stop_storing(self, *_: Any, **__: Any) -> None:
        self._store.stopping.set()
        for write in list(self._writes.values()):
            await asyncio.wait([write], timeout=10)
        if self._producer is not None:
            await self._producer.stop()

    async def _report_lag(self) -> None:
        consumer = self.app.consumer
        behind = 0
        for topic, number in list(self._intake.partitions):
            high = consumer.highwater(TP(topic, number))
            if high is None:
                continue
            lag = max(0, high - self._intake.next_offset(topic, number))
            behind += lag
            self._metrics.lag.labels(topic, number).set(lag)
        idle = time.monotonic() - self._last_progress
        if not behind or self._store.waiting:
            self._last_progress = time.monotonic()
        elif idle > self._settings.stuck_after_s:
            faulthandler.dump_traceback(all_threads=True)
            self._end(EXIT_TRY_AGAIN, f"no batch stored for {idle:.0f} s although {behind} records wait")

    def _end(self, code: int, why: str) -> None:
        """End the process at once: what was not stored is read again by the next one."""
        log.critical(why, extra={"exit_code": code})
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)
