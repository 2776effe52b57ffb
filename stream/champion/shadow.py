"""A challenger scores a share of the live documents beside the champion, before it may take its place.

Documents are chosen by their position, so the choice does not depend on the worker or the moment. They are scored after
their batch is stored, in a thread of low priority. What that thread has no time for is left out and counted, so live
scoring is not slowed down and memory is bounded. Both versions' scores go to the table ``shadow_log``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import xxhash
from clickhouse_driver import Client

from documents import LABELS, Document, Position, Row
from model import BadVersion, Scorer
from model.registry import Shadow
from storage import UNAVAILABLE
from storage.reads import HEARTBEAT_S
from storage.writes import ShadowRow, write_model_event, write_shadow_rows
from stream.champion.priority import low_priority
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)

WAITING = 2000
"""The most chosen documents that wait to be scored."""

CHUNK = 32
TIMED_EVERY = 4
"""Of this many chunks, the champion scores one again, by turns before and after the challenger, so that their times can
be compared."""

WRITTEN_AT_ONCE = 512


class _Waiting(NamedTuple):
    row: ShadowRow
    text: str
    entity: str | None
    language: str


class ShadowScoring:
    """Follows the registry's pointer to the version in the shadow.

    ``pointer`` reads it and ``load`` makes a scorer without a memory of repeats (both may raise ``OSError`` and
    ``BadVersion``). ``offer`` may be called from any thread and returns at once.
    """

    def __init__(
        self,
        pointer: Callable[[], Shadow | None],
        load: Callable[[str], Scorer],
        connect: Callable[[], Client],
        metrics: Metrics,
        worker: str,
    ) -> None:
        self._pointer, self._load, self._connect = pointer, load, connect
        self._metrics, self._worker = metrics, worker
        self._waiting: deque[_Waiting] = deque()
        self._shadow: Shadow | None = None
        self._scorer: Scorer | None = None
        self._champion: Scorer | None = None
        self._refused: Shadow | None = None
        self._client: Client | None = None
        self._chunks = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to follow the pointer."""
        self._thread.start()

    def stop(self) -> None:
        """End. Documents that wait are not scored."""
        self._stopping.set()
        self._wake.set()

    def offer(self, rows: Sequence[Row]) -> None:
        """Take those documents of the stored ``rows`` that are chosen."""
        shadow, scorer = self._shadow, self._scorer
        if shadow is None or scorer is None:
            return
        for row in rows:
            if not isinstance(row, Document) or row.unscored or not chosen(row.position, shadow.share):
                continue
            if len(self._waiting) >= WAITING:
                self._metrics.shadow_left_out.inc()
                continue
            self._waiting.append(_waiting(row, scorer.version, self._worker))
        if self._waiting:
            self._wake.set()

    def _run(self) -> None:
        low_priority()
        next_look = 0.0
        while not self._stopping.is_set():
            try:
                if time.monotonic() >= next_look:
                    self._look()
                    next_look = time.monotonic() + HEARTBEAT_S
                self._wake.clear()
                if not self._waiting:
                    self._wake.wait(max(0.0, next_look - time.monotonic()))
                self._score_waiting()
            except OSError as error:
                log.warning("scoring in the shadow goes on at the next look: %s", error)
                self._stopping.wait(HEARTBEAT_S)
            except Exception:  # whatever a version does, live scoring goes on
                log.exception("scoring in the shadow failed; the next look tries again")
                self._shadow = self._scorer = None
                self._waiting.clear()
                self._stopping.wait(HEARTBEAT_S)

    def _look(self) -> None:
        try:
            wanted = self._pointer()
        except BadVersion as error:
            log.warning("nothing is scored in the shadow: %s", error)
            wanted = None
        if wanted == self._shadow or (wanted is not None and wanted == self._refused):
            return
        if wanted is None or self._scorer is None or self._scorer.version != wanted.version:
            self._shadow = self._scorer = self._champion = None
            self._waiting.clear()
        if wanted is None:
            self._metrics.shadow.clear()
            return
        if self._scorer is None:
            try:
                self._scorer = self._load(wanted.version)
            except BadVersion as error:
                self._refused = wanted
                log.error("version refused", extra={"version": wanted.version, "error": str(error)})
                self._metrics.refused.labels(wanted.version).inc()
                event = ("refused", wanted.version, "", self._worker, 0.0, f"in the shadow: {error}")
                self._tell(lambda client: write_model_event(client, *event))
                return
        self._shadow, self._refused = wanted, None
        self._metrics.shadow.clear()
        self._metrics.shadow.labels(wanted.version).set(wanted.share)
        log.info("scores in the shadow", extra={"version": wanted.version, "share": wanted.share})

    def _score_waiting(self) -> None:
        done: list[ShadowRow] = []
        while self._waiting and not self._stopping.is_set():
            chunk = [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]
            done += self._score(chunk)
            if len(done) >= WRITTEN_AT_ONCE:
                break
        if done and self._tell(lambda client: write_shadow_rows(client, done)):
            self._metrics.shadow_documents.inc(len(done))

    def _score(self, chunk: Sequence[_Waiting]) -> list[ShadowRow]:
        scorer = self._scorer
        if scorer is None:
            return []
        columns = [list(column) for column in zip(*((w.text, w.entity, w.language) for w in chunk), strict=True)]
        seconds = [0.0, 0.0]
        sides: list[Scorer] = [scorer]
        if self._chunks % TIMED_EVERY == 0:
            sides = [self._beside(chunk[-1].row.champion), scorer]
            if self._chunks % (2 * TIMED_EVERY):
                sides.reverse()
        self._chunks += 1
        for side in sides:
            # On a CPU, the thread's processor time counts and not the wall clock: with its low priority it mostly
            # waits.
            clock = time.thread_time if side.running.device == "cpu" else time.perf_counter
            started = clock()
            scores = side.score(*columns)
            seconds[side is scorer] = (clock() - started) / len(chunk)
            if side is scorer:
                found = scores
        made = []
        now = datetime.now(UTC)
        for waiting, p, supported in zip(chunk, found.probabilities.tolist(), found.supported, strict=True):
            if not supported:
                continue
            timed = seconds if len(sides) == 2 else (0.0, 0.0)
            row = waiting.row._replace(
                at=now, challenger_label=LABELS[int(np.argmax(p))], challenger_p=p, champion_s=timed[0],
                challenger_s=timed[1],
            )  # fmt: skip
            made.append(row)
        return made

    def _beside(self, version: str) -> Scorer:
        if self._champion is None or self._champion.version != version:
            self._champion = self._load(version)
        return self._champion

    def _tell(self, action: Callable[[Client], None]) -> bool:
        """Write to ClickHouse. What cannot be written is dropped, since the scores are only a sample."""
        try:
            self._client = self._client or self._connect()
            action(self._client)
            return True
        except UNAVAILABLE as error:
            log.warning("scores in the shadow could not be stored: %s", error)
            with suppress(Exception):
                if self._client:
                    self._client.disconnect()
            self._client = None
            return False


def chosen(position: Position, share: float) -> bool:
    """Whether the document at this position is among the ``share`` that is scored in the shadow."""
    key = f"{position.topic}/{position.topic_id}/{position.partition}/{position.offset}".encode()
    return xxhash.xxh3_64_intdigest(key) < share * 2**64


def _waiting(row: Document, challenger: str, worker: str) -> _Waiting:
    at = row.position
    entity = row.about_one.surface if row.about_one else None
    kept = ShadowRow(
        at.topic, at.topic_id, at.partition, at.offset, row.ingested_at, worker, row.kind, row.source,
        row.document_id, row.model_version, challenger, row.label, row.label,
        [row.p_negative, row.p_neutral, row.p_positive], [], 0.0, 0.0,
    )  # fmt: skip
    return _Waiting(kept, row.whole_text, entity, row.lang)
