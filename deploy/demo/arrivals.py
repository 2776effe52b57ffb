"""How long a record takes from the producer to a queryable row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from storage import positions

POLL_S = 0.1
"""Seconds between two looks at the ledger; each costs the database some milliseconds that the workers could use."""


class Arrivals:
    """Measures the time from the producer to a queryable row: polls the ledger and notes when each position appears."""

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
        while not self._done.is_set():
            for key, offset in positions(self._client, self._topic_ids).items():
                seen = self._seen.setdefault(key, [])
                if not seen or seen[-1][1] < offset:
                    seen.append((time.time(), offset))
            self._done.wait(POLL_S)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Poll while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    @property
    def count(self) -> int:
        """Acknowledged records."""
        return sum(len(sent) for sent in list(self._sent.values()))

    def stored_through(self) -> int:
        """Acknowledged records at or below the last stored offset of their partition."""
        return sum(
            sum(offset <= self._seen[key][-1][1] for offset in list(sent))
            for key, sent in list(self._sent.items())
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
