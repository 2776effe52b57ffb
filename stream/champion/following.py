"""The worker's model follows the registry's champion, without a restart.

The topic ``model-events`` says when to look at the champion pointer; a slow poll looks too, in case a message was
missed. A new version is fetched, checked, and warmed up in a background thread; only the exchange itself runs
in the thread that scores, between two batches. A version that fails a check is refused: the old one goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer
from clickhouse_driver import Client
from kafka import KafkaProducer

from documents import Row
from documents.messages import ModelEvent, model_event
from model import BadVersion, Scorer
from storage import UNAVAILABLE
from storage.reads import HEARTBEAT_S
from storage.writes import write_heartbeat, write_model_event
from stream.champion.shadow import ShadowScoring
from stream.steps.score import Score
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)

TOPIC = "model-events"
PROMOTIONS = frozenset({"promoted", "rolled_back"})
PLAIN = (("Profit rose sharply and beat all expectations.", 1), ("The company is bankrupt after a fraud.", -1))
"""What no usable model gets the wrong way round: a version whose labels are mixed up does."""

Publish = Callable[[str, Sequence[tuple[bytes, int]]], Awaitable[None]]


class Swapper:
    """Keeps ``score.scorer`` the champion.

    ``champion`` names it and ``load`` makes a checked scorer of a name (both may raise ``OSError``, and
    ``load`` raises ``BadVersion``); both run in a background thread of low priority.
    """

    def __init__(
        self,
        champion: Callable[[], str],
        load: Callable[[str], Scorer],
        score: Score,
        connect: Callable[[], Client],
        metrics: Metrics,
    ) -> None:
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self._champion, self._load, self._score = champion, load, score
        self._connect, self._metrics = connect, metrics
        self._background = ThreadPoolExecutor(1, thread_name_prefix="swap", initializer=_low_priority)
        self._client: Client | None = None
        self._refused = ""
        self._looking: asyncio.Lock | None = None
        self._publish: Publish | None = None
        self._scoring: Executor | None = None
        self.shadow: ShadowScoring | None = None

    def stored(self, rows: Sequence[Row]) -> None:
        """Tell that ``rows`` are stored: a version in the shadow scores some of them, too. Returns at once."""
        if self.shadow is not None:
            self.shadow.offer(rows)

    def attach(self, app: Any, bootstrap: str, scoring: Executor, publish: Publish) -> None:
        """Follow the champion as long as the Faust ``app`` runs; ``scoring`` is the thread that scores batches."""
        self._scoring, self._publish = scoring, publish

        async def follow() -> None:
            if self.shadow is not None:
                self.shadow.start()
            await self.look()
            await self._listen(bootstrap)

        async def poll() -> None:
            await self.look()

        app.task(follow)
        app.timer(HEARTBEAT_S, name="finsent.champion")(poll)
        app.on_before_shutdown.connect(self._stop, weak=False)

    async def look(self, again: bool = False) -> None:
        """Take the champion if it is another version; ``again`` tries one that was refused once more."""
        self._looking = self._looking or asyncio.Lock()
        loop = asyncio.get_running_loop()
        async with self._looking:
            try:
                wanted = await loop.run_in_executor(self._background, self._champion)
                if wanted == self._score.scorer.version:
                    self._refused = ""
                elif again or wanted != self._refused:
                    await self._take(wanted)
            except OSError as error:
                log.warning("the champion cannot be read; the next look tries again: %s", error)
            await self._tell(partial(write_heartbeat, worker=self.worker, version=self._score.scorer.version))

    async def _take(self, wanted: str) -> None:
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        try:
            scorer = await loop.run_in_executor(self._background, self._prepare, wanted)
        except BadVersion as error:
            self._refused = wanted
            self._metrics.refused.labels(wanted).inc()
            log.error("version refused, the old one goes on", extra={"version": wanted, "error": str(error)})
            await self._report("refused", wanted, detail=str(error))
            return
        previous = self._score.scorer.version
        pause = await loop.run_in_executor(self._scoring, self._exchange, scorer)
        self._refused = ""
        self._metrics.swaps.inc()
        self._metrics.swap_pause.set(pause)
        self._metrics.swap_seconds.observe(time.monotonic() - started)
        log.info("model swapped", extra={"version": wanted, "previous": previous, "pause_s": pause})
        await self._report("adopted", wanted, previous, pause)

    def _prepare(self, wanted: str) -> Scorer:
        scorer = self._load(wanted)
        if scorer.version != wanted:
            raise BadVersion(f"{wanted}: its manifest says that it is {scorer.version}")
        probabilities = scorer.score([text for text, _ in PLAIN]).probabilities
        for (text, sign), (negative, _, positive) in zip(PLAIN, probabilities.tolist(), strict=True):
            if (positive - negative) * sign <= 0:
                raise BadVersion(f"{wanted}: its labels are mixed up: {text!r} scores {positive - negative:+.2f}")
        _ = scorer.topics  # fitted here, and not in the thread that scores
        return scorer

    def _exchange(self, scorer: Scorer) -> float:
        """Runs in the thread that scores, so between two batches; seconds that it held that thread."""
        started = time.perf_counter()
        old, self._score.scorer = self._score.scorer, scorer
        self._metrics.model.remove(old.version)
        self._metrics.model.labels(scorer.version).set(1)
        return time.perf_counter() - started

    async def _report(self, event: str, version: str, previous: str = "", pause: float = 0.0, detail: str = "") -> None:
        told = ModelEvent(event, version, previous, self.worker, pause, detail, datetime.now(UTC))  # type: ignore[arg-type]
        await self._tell(lambda client: write_model_event(client, event, version, previous, self.worker, pause, detail))
        if self._publish:
            try:
                await self._publish(TOPIC, [(model_event(told), 0)])
            except Exception:  # whatever the client raises: the table has it, and scoring must go on
                log.exception("a model event was not sent")

    async def _tell(self, action: Callable[[Client], None]) -> None:
        """Write to ClickHouse; without it the model is swapped all the same, and the next look tells."""

        def write() -> None:
            try:
                self._client = self._client or self._connect()
                action(self._client)
            except UNAVAILABLE as error:
                log.warning("the worker's version could not be stored: %s", error)
                with suppress(Exception):
                    if self._client:
                        self._client.disconnect()
                self._client = None

        await asyncio.get_running_loop().run_in_executor(self._background, write)

    async def _listen(self, bootstrap: str) -> None:
        """Look whenever somebody says that a version was promoted. Every worker hears all of them: no group."""
        while True:
            consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="latest")
            try:
                await consumer.start()
                async for record in consumer:
                    with suppress(msgspec.MsgspecError):
                        if msgspec.json.decode(record.value, type=ModelEvent).event in PROMOTIONS:
                            await self.look(again=True)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever the client raises: the poll goes on, and this is tried again
                log.warning("%s is not heard: %s", TOPIC, error)
            finally:
                with suppress(Exception):
                    await consumer.stop()
            await asyncio.sleep(HEARTBEAT_S)

    async def _stop(self, *_: Any, **__: Any) -> None:
        if self.shadow is not None:
            self.shadow.stop()
        version = self._score.scorer.version
        await self._tell(partial(write_heartbeat, worker=self.worker, version=version, stopped=True))


def announce(bootstrap: str, event: ModelEvent) -> None:
    """Send ``event`` to the workers. Raises ``kafka.errors.KafkaError``; their poll finds the champion anyway."""
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), enable_idempotence=False, acks="all")
    try:
        producer.send(TOPIC, model_event(event)).get(timeout=10)
    finally:
        producer.close(timeout=5)


def _low_priority() -> None:
    """Loading a version must not slow down scoring; Linux has priorities a thread."""
    if hasattr(os, "PRIO_PROCESS") and threading.current_thread() is not threading.main_thread():
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
