"""Ends a worker that is stuck, after a dump of all stacks, so that its supervisor starts another.

It is a thread of the operating system, as a blocked event loop runs no timer. Behind it stands faulthandler's own
watchdog, for a call that never gives back the interpreter's lock.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

LAST_WORDS_S = 5.0
"""Time for the dump and the log. Then the process ends, even if whoever reads stderr takes nothing."""


class Watchdog(threading.Thread):
    """Asks ``stuck`` several times within ``after_s`` seconds why the process cannot go on, and calls ``end`` with the
    reason unless it is ''. Calls ``resumed`` when the process itself stood still (as on a suspended machine), so that
    this time is not counted."""

    clock = staticmethod(time.monotonic)

    def __init__(
        self, stuck: Callable[[], str], resumed: Callable[[], None], end: Callable[[str], None], after_s: float
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._stuck, self._resumed, self._end, self._after_s = stuck, resumed, end, after_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Watch no longer, for a process that goes on after what was watched."""
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
            elif why := self._why():
                last = threading.Timer(LAST_WORDS_S, os._exit, (75,))
                last.daemon = True
                last.start()
                faulthandler.dump_traceback(all_threads=True)
                self._end(why)
            seen = now

    def _why(self) -> str:
        """Why the process cannot go on. A fault in that question must not end this thread: faulthandler's watchdog,
        which only this thread puts off, would then end a process that is well."""
        try:
            return self._stuck()
        except Exception:
            log.exception("the watchdog cannot tell whether the worker is stuck")
            return ""
