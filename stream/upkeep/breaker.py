"""Stops a worker that would turn a whole feed into dead letters after a bad deployment of its producer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from documents import LABEL_TOPIC, BadRecord, Row, Tombstone
from errors import ExitCode, FinsentError


class FeedBroken(FinsentError, RuntimeError):
    """Too many records in a row, or too large a share of the latest ones, are bad."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG
    remedy: ClassVar[str] = (
        "the latest of them are not stored. Mend the producer and start again; if they are to become dead letters all "
        "the same, start one with a higher limit"
    )


class CircuitBreaker:
    """Counts good and bad documents. Its two limits, a run and a share, are those of arroyo's dead-letter queue.

    ``labels`` is the topic of labels."""

    def __init__(self, run: int, share: float, window: int, labels: str = LABEL_TOPIC) -> None:
        self._labels = labels
        self._run_limit, self._share_limit = run, share
        self._recent: deque[bool] = deque(maxlen=window)
        self._bad = 0
        self._run = 0

    def check(self, rows: Sequence[Row]) -> None:
        """Count the documents of ``rows``, in order. Labels and tombstones are not counted.

        Raises ``FeedBroken``. It has to be called before ``rows`` are stored, and then they must not be.
        """
        topic = ""
        for row in rows:
            if row.position.topic == self._labels or isinstance(row, Tombstone):
                continue
            verdict = isinstance(row, BadRecord)
            if len(self._recent) == self._recent.maxlen:
                self._bad -= self._recent[0]
            self._recent.append(verdict)
            self._bad += verdict
            self._run = self._run + 1 if verdict else 0
            topic = row.position.topic if verdict else topic
            if self._run >= self._run_limit:
                raise FeedBroken(f"{topic}: {self._run} bad records in a row (STREAM_BREAKER_RUN)")
        full = len(self._recent) == self._recent.maxlen
        if full and self._bad > self._share_limit * len(self._recent):
            share = f"{self._bad} of the latest {len(self._recent)} records are bad (STREAM_BREAKER_SHARE)"
            raise FeedBroken(f"{topic}: {share}" if topic else share)
