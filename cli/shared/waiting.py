"""How a command that sends records waits until these are stored, and what it says if no worker stores them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.shared.output import progress_bar
from errors import many
from settings import given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream.kafka import Arrivals

PATIENCE_S = 120.0
"""A worker that has just been started reads its model first, which takes up to a minute on a slow machine."""

POLL_S = 0.5
LINE_S = 15.0


@dataclass(frozen=True, slots=True)
class Waited:
    """What became of the records that were sent."""

    stored: int
    """Those in the ledger; the dead letters are among them."""

    dead_letters: int
    seconds: float
    problem: str = ""
    """Why the wait ended before all of them were stored, and where to look."""

    interrupted: bool = False


class Waiting:
    """Follows the records of one command. Made before the first is sent, so that a ClickHouse that does not answer is
    told before anything has happened."""

    def __init__(self, topic_ids: Mapping[str, str]) -> None:
        """Raises ``StorageUnavailable``."""
        from storage import connect
        from stream.kafka import Arrivals

        self._client, self._topic_ids = connect(), topic_ids
        self.arrivals: Arrivals = Arrivals(connect(), topic_ids, POLL_S)

    def wait(self, patience_s: float) -> Waited:
        """Wait until all records are stored, behind a progress bar or, where there is no screen, with a plain line now
        and then. Ctrl-C ends the wait, and so does a service that stores nothing more for ``patience_s`` seconds."""
        began, arrivals = time.monotonic(), self.arrivals
        complete = interrupted = False
        with arrivals.polling(), progress_bar("stored", LINE_S) as show:
            try:
                complete = arrivals.wait(patience_s, lambda: show(arrivals.stored_through(), arrivals.share()))
            except KeyboardInterrupt:
                interrupted = True
        problem = "" if complete else self._interrupted() if interrupted else self._stalled(patience_s)
        bad = 0 if arrivals.problem else self._dead_letters()
        return Waited(arrivals.stored_through(), bad, time.monotonic() - began, problem, interrupted)

    def _dead_letters(self) -> int:
        from storage.reads import dead_letters_between

        found = 0
        for (topic, number), offsets in self.arrivals.offsets().items():
            bad = dead_letters_between(self._client, self._topic_ids[topic], (topic, number), offsets[0], offsets[-1])
            found += len(set(bad).intersection(offsets))
        return found

    def _stalled(self, patience_s: float) -> str:
        from storage.reads import live_workers

        if self.arrivals.problem:
            why = f"the ledger cannot be read ({self.arrivals.problem})"
        elif alive := live_workers(self._client):
            why = f"{many(len(alive), 'worker', 'is')} running, but without progress"
        else:
            why = "no worker is running"
        return (
            f"{self._so_far()}, and nothing more for {patience_s:g} s: {why}; the rest waits in Kafka; see {places()}"
        )

    def _interrupted(self) -> str:
        return f"{self._so_far()} when Ctrl-C ended the wait; the service goes on; watch {places()}"

    def _so_far(self) -> str:
        return f"{self.arrivals.stored_through():,} of {many(self.arrivals.count, 'record', 'is')} stored"


def places() -> str:
    """Where people see how far the service is."""
    url = given("CONSOLE_URL")
    return f"'finsent doctor'{f' and {url}health' if url else ''}"
