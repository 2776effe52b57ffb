"""The worker's model follows the registry's champion, without a restart.

A message on the topic ``model-events`` makes a worker look at the pointer to the champion. It also looks from time to
time, in case a message was missed. A new version is fetched, checked and warmed up in a background thread. Only the
exchange itself runs in the thread that scores, between two batches. A version that fails a check is refused, and the
old one goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from clickhouse_driver import Client

from documents.messages import ModelEvent, model_event
from model import BadVersion, Scorer
from settings import KafkaSettings
from storage import UNAVAILABLE
from storage.reads import HEARTBEAT_S
from storage.writes import write_heartbeat, write_model_event
from stream.champion.priority import low_priority
from stream.champion.shadow import ShadowScoring
from stream.kafka.clients import async_consumer, producer
from stream.kafka.message import Message
from stream.steps import Score, Send
from stream.threads import WorkerThread
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)

TOPIC = "model-events"
PROMOTIONS = frozenset({"promoted", "rolled_back"})
PLAIN = (("Profit rose sharply and beat all expectations.", 1), ("The company is bankrupt after a fraud.", -1))
"""Texts and the signs of their sentiment, which every usable model gets right. Mixed-up labels are found by them."""


def worker_name() -> str:
    """A name for this process that no other one has, in the events and the table of workers."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


class ChampionFollower:
    """Keeps ``score.scorer`` the champion, as long as ``follow`` is awaited.

    ``champion`` names the champion, and ``load`` makes a checked scorer of a version. Both may raise ``OSError``, and
    ``load`` ``BadVersion``; both run in a background thread of low priority. ``scoring`` is the thread that scores.
    """

    def __init__(
        self,
        worker: str,
        champion: Callable[[], str],
        load: Callable[[str], Scorer],
        score: Score,
        scoring: WorkerThread,
        shadow: ShadowScoring,
        kafka: KafkaSettings,
        send: Send,
        connect: Callable[[], Client],
        metrics: Metrics,
    ) -> None:
        self._worker, self._champion, self._load = worker, champion, load
        self._score, self._scoring, self._shadow = score, scoring, shadow
        self._kafka, self._send = kafka, send
        self._connect, self._metrics = connect, metrics
        self._background = WorkerThread("champion", low_priority)
        self._client: Client | None = None
        self._refused = ""
        self._looking = asyncio.Lock()
        metrics.model.labels(score.scorer.version).set(1)

    async def follow(self) -> None:
        """Look once, and then at every event of a promotion. Let the version in the shadow score, too."""
        self._shadow.start()
        await self.look()
        await self._listen()

    async def look(self, again: bool = False) -> None:
        """Adopt the champion if it is another version. ``again`` also tries a version that was refused."""
        async with self._looking:
            try:
                wanted = await self._background.run(self._champion)
                self._metrics.champion_unknown.set(0)
                if wanted == self._score.scorer.version:
                    self._refused = ""
                elif again or wanted != self._refused:
                    await self._adopt(wanted)
            except OSError as error:
                self._metrics.champion_unknown.set(1)
                log.warning("the champion cannot be read; the next look tries again: %s", error)
            await self._write(partial(write_heartbeat, worker=self._worker, version=self._score.scorer.version))

    async def _adopt(self, wanted: str) -> None:
        started = time.monotonic()
        try:
            scorer = await self._background.run(self._prepare, wanted)
        except BadVersion as error:
            self._refused = wanted
            self._metrics.refused.labels(wanted).inc()
            log.error("version refused, the old one goes on", extra={"version": wanted, "error": str(error)})
            await self._report("refused", wanted, detail=str(error))
            return
        previous = self._score.scorer.version
        pause = await self._scoring.run(self._exchange, scorer)
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
        self._score.prepare(scorer)  # here, and not in the thread that scores
        return scorer

    def _exchange(self, scorer: Scorer) -> float:
        """Exchange the scorers. Runs in the thread that scores, so between two batches; returns the seconds it took."""
        started = time.perf_counter()
        old, self._score.scorer = self._score.scorer, scorer
        self._metrics.model.remove(old.version)
        self._metrics.model.labels(scorer.version).set(1)
        return time.perf_counter() - started

    async def _report(self, event: str, version: str, previous: str = "", pause: float = 0.0, detail: str = "") -> None:
        message = ModelEvent(event, version, previous, self._worker, pause, detail, datetime.now(UTC))  # type: ignore[arg-type]
        await self._write(
            lambda client: write_model_event(client, event, version, previous, self._worker, pause, detail)
        )
        try:
            await self._send(TOPIC, [Message(model_event(message))])
        except Exception:  # whatever the client raises: the table has the event, and scoring must go on
            log.exception("a model event was not sent")

    async def _write(self, action: Callable[[Client], None]) -> None:
        """Write to ClickHouse. If that fails, the model is exchanged all the same, and the next look writes again."""

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

        await self._background.run(write)

    async def _listen(self) -> None:
        """Look at every event of a promotion. Without a consumer group, so that every worker gets all events."""
        while True:
            consumer = async_consumer(self._kafka, self._kafka.topic(TOPIC), group_id=None, auto_offset_reset="latest")
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

    async def stop(self, *_: Any, **__: Any) -> None:
        """End the scoring in the shadow, and tell that this worker is gone."""
        self._shadow.stop()
        version = self._score.scorer.version
        await self._write(partial(write_heartbeat, worker=self._worker, version=version, stopped=True))


def announce(kafka: KafkaSettings, event: ModelEvent) -> None:
    """Send ``event`` to the workers. Raises ``kafka.errors.KafkaError``; the workers then find the champion later."""
    sender = producer(kafka)
    try:
        sender.send(kafka.topic(TOPIC), model_event(event)).get(timeout=10)
    finally:
        sender.close(timeout=5)
