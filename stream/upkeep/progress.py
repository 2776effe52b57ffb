"""Whether a worker makes progress: when its event loop last turned, and when a batch was last stored."""

from __future__ import annotations

import time


class Progress:
    """Written by the event loop, read by the watchdog's thread."""

    def __init__(self) -> None:
        self._turned = self._advanced = time.monotonic()
        self.positioning = False
        """Whether the worker waits for its partitions' positions."""

    def turn(self) -> None:
        """The event loop has turned."""
        self._turned = time.monotonic()

    def advance(self) -> None:
        """A batch was stored, or there was a good reason to store none."""
        self._advanced = time.monotonic()

    def resume(self) -> None:
        """The process itself was suspended: the time before this does not count."""
        self._turned = self._advanced = time.monotonic()

    def blocked(self, limit_s: float) -> str:
        """A sentence if the event loop stands still, else ''."""
        still = time.monotonic() - self._turned
        return f"the event loop has not turned for {still:.0f} s" if still > limit_s else ""

    def stalled(self, limit_s: float, behind: int, under_way: int, waiting: bool) -> str:
        """A sentence if nothing is stored although there are records, else ''.

        ``behind`` records are in Kafka and not stored, ``under_way`` ones are being processed. While the worker is
        ``waiting`` for ClickHouse, which has a time limit of its own, or for the schema registry, it is not stalled.
        """
        now = time.monotonic()
        if waiting or not (behind or under_way or self.positioning):
            self._advanced = now
        elif now - self._advanced > limit_s:
            why = f"{behind} records wait, {under_way} are under way"
            if self.positioning:
                why = "it has not got its partitions"
            return f"no batch stored for {now - self._advanced:.0f} s although {why}"
        return ""
