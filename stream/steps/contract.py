"""What every step promises; tests/stream/test_steps.py holds each of them to it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from documents import Row


class Step(Protocol):
    """One step of the pipeline, over a batch of rows of any kinds, in the order of their offsets in each partition.

    - It fills in fields of the rows that it is for, and leaves the other rows alone. It adds, drops and reorders none.
      Only ``Publish`` and ``Store`` replace rows, by bad records: those that cannot be sent, or stored.
    - An empty batch is a batch.
    - Run again over the same rows, it leaves them as they were after the first time.
    - If it cannot finish its work on all rows, it raises. ``Isolation`` then finds the rows at fault. If no row is at
      fault, neither the batch nor anything after it is acknowledged, and the worker ends.
    - It runs for one batch at a time: in a thread of its own, or on the event loop if it is a coroutine.

    The first step, ``Read``, makes the rows and therefore takes ``Received`` records instead.
    """

    def run(self, rows: list[Row], /) -> Awaitable[None] | None:
        """Do the step for ``rows``."""
        ...
