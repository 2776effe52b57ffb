"""Answers that all who ask at about the same time share: ClickHouse is asked once for them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 256
"""Answers that are kept; the oldest ones go first."""


class Shared(Generic[T]):
    """Keeps each answer for ``seconds``. Whoever asks meanwhile gets it, or waits for it if it is on its way.

    An error is raised to all who wait for that answer, and is not kept.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, tuple[float, Future[T]]] = OrderedDict()

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer to ``key``, by ``ask`` if nobody has asked of late. Raises what ``ask`` raises."""
        with self._lock:
            until, answer = self._answers.get(key, (0.0, None))
            mine = answer is None or (answer.done() and time.monotonic() > until)
            if mine:
                answer = Future()
                self._keep(key, float("inf"), answer)
        assert answer is not None
        if mine:
            try:
                answer.set_result(ask())
                self._date(key, time.monotonic() + self._seconds, answer)
            except BaseException as error:
                answer.set_exception(error)
                self._date(key, 0.0, answer)
        return answer.result()

    def forget(self) -> None:
        """What is asked for from now on is asked anew: something has just changed."""
        with self._lock:
            self._answers.clear()

    def _date(self, key: Hashable, until: float, answer: Future[T]) -> None:
        with self._lock:
            if self._answers.get(key, (0.0, None))[1] is answer:  # else it was forgotten on its way
                self._keep(key, until, answer)

    def _keep(self, key: Hashable, until: float, answer: Future[T]) -> None:
        self._answers[key] = until, answer
        self._answers.move_to_end(key)
        while len(self._answers) > MOST:
            self._answers.popitem(last=False)
