"""A low priority for threads whose work may be late, so that live scoring is not slowed down."""

from __future__ import annotations

import os
import threading
from contextlib import suppress


def low_priority() -> None:
    """Lower the calling thread's priority. On Linux each thread has its own, and threads that it starts inherit it."""
    if hasattr(os, "PRIO_PROCESS") and threading.current_thread() is not threading.main_thread():
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
