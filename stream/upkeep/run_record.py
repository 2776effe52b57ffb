"""What is left of a worker that ends: a file that says why, which the next start brings to ClickHouse.

The file is written when the worker starts, and taken away when somebody stops it. So a worker that was killed has left
one, too, and so has one that ended because ClickHouse was away. As long as the worker lives, it holds a lock on it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from clickhouse_driver import Client

from storage import UNAVAILABLE
from storage.writes import WorkerEnd, write_worker_ends

log = logging.getLogger(__name__)

RUNS = "workers"
"""The folder in the data directory."""

WRITE_S = 2.0
"""An end waits this long for ClickHouse. Then the file is left for the next start."""

NO_WORD = "the process ended without a word: it was killed, or crashed below Python"


class RunRecord:
    """The file of the worker ``worker`` in ``folder``. Where the folder cannot be written, there is none, and an end is
    told to ClickHouse alone."""

    def __init__(self, folder: Path, worker: str, connect: Callable[[], Client]) -> None:
        self.worker, self.subject, self._waiting_for = worker, "", ""
        self._path, self._connect = folder / f"{worker}.json", connect
        self._started_at = datetime.now(UTC)
        self._file: IO[str] | None = None
        self._writing, self._over = threading.Lock(), False

    def begin(self) -> None:
        """The worker starts."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w+", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._write(WorkerEnd(self.worker, self._started_at, self._started_at, -1, NO_WORD, ""))
        except OSError as error:
            log.warning("the end of this worker will not be known if it is killed: %s", error)

    def reading(self, subject: str, waiting_for: str = "") -> None:
        """Note that the worker lives, where it reads (``subject``), and what it waits for, if it waits."""
        self.subject, self._waiting_for = subject, waiting_for
        with suppress(OSError):
            self._write(WorkerEnd(self.worker, self._started_at, datetime.now(UTC), -1, NO_WORD, subject))

    def stopped(self) -> None:
        """Somebody has stopped the worker: there is nothing to tell, unless it was ending by itself already."""
        if not self._over:
            self._path.unlink(missing_ok=True)

    def ended(self, exit_code: int, reason: str, subject: str = "") -> None:
        """The worker ends by itself. Takes ``WRITE_S`` seconds at most, as it may be called when nothing else moves."""
        end = WorkerEnd(self.worker, self._started_at, datetime.now(UTC), exit_code, reason, subject or self.subject)
        with suppress(OSError):
            self._write(end, last=True)  # while one thread ends the worker, the others still go on
        telling = threading.Thread(target=self._tell, args=(end,), daemon=True)
        telling.start()
        telling.join(WRITE_S)
        if self._file is not None:
            self._file.close()

    def _tell(self, end: WorkerEnd) -> None:
        try:
            with self._connect() as client:
                write_worker_ends(client, [end])
        except Exception as error:  # whatever is wrong: the file is left for the next start
            log.debug("the end of this worker is not in ClickHouse yet: %s", error)
        else:
            self._path.unlink(missing_ok=True)

    def _write(self, end: WorkerEnd, last: bool = False) -> None:
        """Write the file; after ``last`` no more."""
        with self._writing:
            if self._file is None or self._over:
                return
            self._over = last
            self._file.seek(0)
            json.dump({**end._asdict(), "waiting_for": self._waiting_for}, self._file, default=str)
            self._file.truncate()
            self._file.flush()


def left_behind(folder: Path) -> Iterator[tuple[Path, WorkerEnd]]:
    """The files of workers that live no more, with what they say."""
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError), path.open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a worker that lives has it
            said = json.load(file)
            said.pop("waiting_for", None)
            for name in ("started_at", "ended_at"):
                said[name] = datetime.fromisoformat(said[name])
            yield path, WorkerEnd(**said)


def waiting_workers(folder: Path) -> dict[str, str]:
    """Why the living workers of this machine wait, by name; those that do not wait are left out."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError), path.open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # it lives
                said = json.load(file)
                if said.get("waiting_for"):
                    found[str(said["worker"])] = str(said["waiting_for"])
    return found


def bring_in(folder: Path, client: Client) -> None:
    """Store what workers on this machine have left behind."""
    found = list(left_behind(folder))
    if found:
        try:
            write_worker_ends(client, [end for _, end in found])
        except UNAVAILABLE as error:
            log.warning("ends of workers could not be stored: %s", error)
            return
    for path, end in found:
        log.warning("a worker before this one has ended", extra={"end": {k: str(v) for k, v in end._asdict().items()}})
        with suppress(OSError):
            os.unlink(path)
