"""A connection to ClickHouse that waits while ClickHouse, or the broker that a call also asks, is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import ClassVar, TypeVar

from clickhouse_driver import Client
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from errors import ExitCode, FinsentError
from storage import StorageUnavailable, refusal
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0


class TopicReplaced(FinsentError, RuntimeError):
    """A topic was deleted and made again while its records were on their way."""

    exit_code: ClassVar[ExitCode] = ExitCode.TEMPFAIL


class GaveUp(FinsentError, RuntimeError):
    """The store did not come back in time, or the worker is stopping: the batch is not stored."""

    exit_code: ClassVar[ExitCode] = ExitCode.TEMPFAIL


class PatientClient:
    """One connection, made again when it is lost. For one thread; ``waiting`` and ``stop`` are for any."""

    def __init__(self, connect: Callable[[], Client], patience_s: float, metrics: Metrics) -> None:
        self._connect, self._patience_s, self._metrics = connect, patience_s, metrics
        self._client: Client | None = None
        self._stopping = threading.Event()
        self.waiting = False
        """Whether a call waits for ClickHouse or the broker to come back."""
        self.waiting_for = ""
        """Why it waits."""

    def stop(self) -> None:
        """From now on a call that would have to wait raises ``GaveUp``."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping.is_set()

    def call(self, action: Callable[[Client], T]) -> T:
        """The result of ``action``, which is tried until neither ClickHouse nor the broker is away. While ClickHouse
        answers but takes no rows (``storage.refusal``), this waits without a limit, since another worker would fare no
        better.

        A failed attempt may have had its effect all the same, so ``action`` must check for that. Raises
        ``TopicReplaced`` if it asks for a topic that is gone, and ``GaveUp`` after ``patience_s`` seconds or when the
        worker is stopping.
        """
        started, pause = time.monotonic(), FIRST_PAUSE_S
        away_since: float | None = started
        while True:
            try:
                if self._client is None:
                    self._client = self._connect()
                result = action(self._client)
            except UnknownTopicOrPartitionError as error:
                raise TopicReplaced(f"a topic is gone: {error}") from error
            except (StorageUnavailable, KafkaError) as error:
                refused = refusal(error)
                self.waiting_for = f"ClickHouse takes no rows: {refused}" if refused else str(error).partition("\n")[0]
                self.waiting = True
                self.close()
                self._metrics.insert_failures.inc()
                now = time.monotonic()
                waited = now - started
                if refused:
                    # What mends a ClickHouse that takes no rows may be a restart, which has the whole patience.
                    away_since = None
                elif away_since is None:
                    away_since = now
                elif now - away_since > self._patience_s:
                    raise GaveUp(f"after {waited:.0f} s (STREAM_STORE_PATIENCE_S): {error}") from error
                log.warning("waiting for the store: %s", error, extra={"waited_s": round(waited, 1)})
                if self._stopping.wait(pause):
                    raise GaveUp("the worker is stopping") from error
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self.waiting, self.waiting_for = False, ""
                return result

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._client is not None:
            self._client.disconnect()
            self._client = None
