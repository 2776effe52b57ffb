"""Ends a worker that is stuck, after a dump of all stacks, so that its supervisor starts another.

A thread of the operating system, for a blocked event loop runs no timer. For a call that never gives back the
interpreter's lock, faulthandler's own watchdog stands behind it.
"""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from collections.abc import Callable

LAST_WORDS_S = 5.0
"""For the dump and the log: a reader of stderr that takes nothing must not keep the process alive."""


class Watchdog(threading.Thread):
    """Asks ``stuck`` (why the process cannot go on, or '') several times within ``after_s``; calls ``end`` with the
    reason. ``resumed`` is called when the process itself stood still (a suspended machine) and no clock counts."""

    clock = staticmethod(time.monotonic)

    def __init__(
        self, stuck: Callable[[], str], resumed: Callable[[], None], end: Callable[[str], None], after_s: float
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._stuck, self._resumed, self._end, self._after_s = stuck, resumed, end, after_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Watch no longer; to be called where the process is to outlive what was watched."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        pause = min(5.0, self._after_s / 4)
        seen = self.clock()
        while True:
            faulthandler.dump_traceback_later(2 * self._after_s + pause, exit=True)
            if self._stopped.wait(pause):
                faulthandler.cancel_dump_traceback_later()
                return
            now = self.clock()
            if now - seen > 3 * pause:
                self._resumed()
            elif why := self._stuck():
                last = threading.Timer(LAST_WORDS_S, os._exit, (75,))
                last.daemon = True
                last.start()
                faulthandler.dump_traceback(all_threads=True)
                self._end(why)
            seen = now
