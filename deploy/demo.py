"""The main job from end to end on one machine: a recorded week in, scored rows and alerts out, accounts checked.

Everything is real: the embedded broker and ClickHouse, the worker processes, the default model. Time is
replayed faster than it passed, so the alert rules go by the documents' own dates (``ALERT_CLOCK=stream``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TOPICS = ("news", "comments")


class DemoFailed(RuntimeError):
    """The service did not do what it should; the sentence says what, and where the logs are."""


@dataclass
class Summary:
    """What ``build/demo.json`` holds."""

    produced: int = 0
    stored: int = 0
    dead_lettered: int = 0
    lost: int = 0
    doubled: int = 0
    scored_per_second: float = 0.0
    latency_p50_s: float = 0.0
    latency_p99_s: float = 0.0
    model_version: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)


class Arrivals:
    """Measures produce-to-queryable: polls the ledger beside the producer and dates each position's arrival."""

    def __init__(self, client: Any, topic_ids: dict[str, str]) -> None:
        self._client, self._topic_ids = client, topic_ids
        self._sent: dict[tuple[str, int], dict[int, float]] = {}
        self._seen: dict[tuple[str, int], list[tuple[float, int]]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def acknowledged(self, topic: str, partition: int, offset: int, at: float) -> None:
        """Callback of the producer."""
        self._sent.setdefault((topic, partition), {})[offset] = at

    def _poll(self) -> None:
        from storage import positions

        while not self._done.is_set():
            for key, offset in positions(self._client, self._topic_ids).items():
                seen = self._seen.setdefault(key, [])
                if not seen or seen[-1][1] < offset:
                    seen.append((time.time(), offset))
            self._done.wait(0.02)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Poll while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    def stored_through(self) -> int:
        """Acknowledged records at or below the last stored offset of their partition."""
        return sum(
            sum(offset <= self._seen[key][-1][1] for offset in list(sent))
            for key, sent in self._sent.items()
            if key in self._seen
        )

    def seconds(self) -> np.ndarray:
        """Seconds from the broker's acknowledgement to the first ledger that shows the record, one per record."""
        waits = []
        for key, sent in self._sent.items():
            seen = self._seen.get(key, [])
            offsets = np.array([offset for _, offset in seen])
            times = np.array([at for at, _ in seen])
            for offset, at in sent.items():
                first = np.searchsorted(offsets, offset)
                if first < len(times):
                    waits.append(max(0.0, times[first] - at))
        return np.array(waits)
