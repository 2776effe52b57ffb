"""Lets live scoring on the same machine go before training and explaining."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def yield_processor(nice: int) -> None:
    """Give this process, and those that it will start, the niceness ``nice`` (0 to 19) at least.

    Linux divides the processor between sessions first and looks at niceness only within one, so there the session's
    own niceness is set, too (see autogroup in sched(7)). This is done only by the first process of a session: in a
    terminal's session it would slow down everything that the terminal runs.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # a system without it, or one that keeps /proc from its programs
            AUTOGROUP.write_text(str(nice))
