"""Stops a worker that would divert a whole feed into dead letters after a bad deploy of its producer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from documents import LABEL_TOPIC, BadRecord, Row


class FeedBroken(RuntimeError):
    """Too many records in a row, or too large a share of the latest ones, are bad."""


class CircuitBreaker:
    """Counts the good and the bad; the limits are those of arroyo's dead-letter queue: a run and a share."""

    def __init__(self, run: int, share: float, window: int) -> None:
        self._run_limit, self._share_limit = run, share
        self._recent: deque[bool] = deque(maxlen=window)
        self._bad = 0
        self._run = 0

    def check(self, rows: Sequence[Row]) -> None:
        """Count the documents of ``rows``, in order. Labels are not counted.

        Raises ``FeedBroken``. The batch must not be stored then.
        """
        for row in rows:
            if row.position.topic == LABEL_TOPIC:
                continue
            verdict = isinstance(row, BadRecord)
            if len(self._recent) == self._recent.maxlen:
                self._bad -= self._recent[0]
            self._recent.append(verdict)
            self._bad += verdict
            self._run = self._run + 1 if verdict else 0
            if self._run >= self._run_limit:
                raise FeedBroken(f"{row.position.topic}: {self._run} bad records in a row (STREAM_BREAKER_RUN)")
        full = len(self._recent) == self._recent.maxlen
        if full and self._bad > self._share_limit * len(self._recent):
            topic = next((row.position.topic for row in reversed(rows) if isinstance(row, BadRecord)), "")
            raise FeedBroken(
                f"{topic}: {self._bad} of the latest {len(self._recent)} records are bad (STREAM_BREAKER_SHARE)"
            )
