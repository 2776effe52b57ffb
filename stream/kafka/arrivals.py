"""Which of the records that a producer sent are stored by now, and how long that took."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from clickhouse_driver import Client

from storage import UNAVAILABLE, Partition, StorageUnavailable, positions

POLL_S = 0.1
"""Seconds between two looks at the ledger; each costs the database some milliseconds that the workers could use."""


class Arrivals:
    """Polls the ledger, and notes when the position of each acknowledged record appears in it.

    The ledger has a record once it is stored or, if it is bad, set aside as a dead letter.
    """

    def __init__(self, client: Client, topic_ids: Mapping[str, str], poll_s: float = POLL_S) -> None:
        """``client`` is for this object alone; ``topic_ids`` are those of the topics that are sent to."""
        self.problem = ""
        """Why the ledger could not be read at the last look."""
        self._client, self._topic_ids, self._poll_s = client, topic_ids, poll_s
        self._sent: dict[Partition, tuple[array[int], array[float]]] = {}
        self._seen: dict[Partition, list[tuple[float, int]]] = {}
        self._moved = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def acknowledged(self, topic: str, partition: int, offset: int, at: float) -> None:
        """Callback of the producer."""
        offsets, times = self._sent.setdefault((topic, partition), (array("q"), array("d")))
        place = bisect_right(offsets, offset)  # the end, unless the producer had to send a batch again
        times.insert(place, at)
        offsets.insert(place, offset)

    def _poll(self) -> None:
        while not self._done.is_set():
            try:
                for key, offset in positions(self._client, self._topic_ids).items():
                    seen = self._seen.setdefault(key, [])
                    if not seen or seen[-1][1] < offset:
                        seen.append((time.time(), offset))
                        self._moved = time.monotonic()
                self.problem = ""
            except (StorageUnavailable, *UNAVAILABLE) as error:
                self.problem = str(error)
            self._done.wait(self._poll_s)

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Poll while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    def wait(self, patience_s: float, show: Callable[[], object] = lambda: None) -> bool:
        """Wait, while the ledger is polled, until every acknowledged record is in it; ``show`` is called at each look.

        False if nothing more was stored for ``patience_s`` seconds, not even of what others sent to these topics: then
        no worker makes progress.
        """
        began = time.monotonic()
        while self.stored_through() < self.count:
            if time.monotonic() - max(began, self._moved) > patience_s:
                return False
            show()
            time.sleep(POLL_S)
        show()
        return True

    @property
    def count(self) -> int:
        """Acknowledged records."""
        return sum(len(offsets) for offsets, _ in list(self._sent.values()))

    def stored_through(self) -> int:
        """Acknowledged records at or below the last stored offset of their partition."""
        return sum(
            bisect_right(offsets, self._seen[key][-1][1])
            for key, (offsets, _) in list(self._sent.items())
            if self._seen.get(key)
        )

    def share(self) -> float:
        """The share of the acknowledged records that is stored."""
        return self.stored_through() / max(self.count, 1)

    def offsets(self) -> dict[Partition, list[int]]:
        """The acknowledged offsets of each partition, in order. Others may have sent records in between."""
        return {key: offsets.tolist() for key, (offsets, _) in self._sent.items()}

    def seconds(self) -> np.ndarray:
        """Seconds from the broker's acknowledgement to the first ledger that shows the record, one per record."""
        waits = [np.empty(0)]
        for key, (offsets, sent) in self._sent.items():
            seen = self._seen.get(key, [])
            first = np.searchsorted(np.array([offset for _, offset in seen]), np.array(offsets))
            stored = first < len(seen)
            times = np.array([at for at, _ in seen])
            waits.append(np.maximum(0.0, times[first[stored]] - np.array(sent)[stored]))
        return np.concatenate(waits)
