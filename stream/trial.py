"""Tries records one by one in a process of its own, to find those that end a process or keep it busy for too long."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from documents import Document, Linker, Pseudonymiser, load_watchlist
from documents.messages import scored
from settings import KafkaSettings, PrivacySettings, StreamSettings
from stream.champion.models import Models
from stream.kafka.received import Received
from stream.registry import decoding
from stream.steps import Link, Read, Score

log = logging.getLogger(__name__)

MOST_DEADLY = 20
"""At most this many deadly records are found at a time, because each costs the start of a process while the partitions
wait."""

START_S = 300.0
"""The time in which even a slow machine starts the process and loads the model."""

KILL_WITH_PARENT = (1, signal.SIGKILL)
"""The arguments of ``prctl``: PR_SET_PDEATHSIG, and the signal."""


class NoTrial(RuntimeError):
    """The process that tries records did not start: no record is to blame for that."""


class Trial:
    """``seconds`` is the time that one record may take, ``topic_ids`` gives the UUID of each topic."""

    def __init__(self, seconds: float, topic_ids: Mapping[str, str]) -> None:
        self._seconds, self._topic_ids = seconds, dict(topic_ids)

    def deadly(self, records: Iterable[Received]) -> dict[tuple[str, int, int], str]:
        """The reason for each (topic, partition, offset) of ``records`` that ended the process, or took too long.

        Each record goes through the same steps as in a worker, except that nothing is sent or stored. An error that a
        step raises does not count, because the worker handles it. Raises ``NoTrial``.
        """
        found = {}
        tester: _Tester | None = None
        try:
            for record in records:
                tester = tester or _Tester(self._topic_ids)
                if why := tester.try_one(record, self._seconds):
                    found[record.topic, record.partition, record.offset] = why
                    tester.close()
                    tester = None
                    if len(found) == MOST_DEADLY:
                        break
        finally:
            if tester is not None:
                tester.close()
        return found


class _Tester:
    """The process. It is a new one and no fork of the worker, whose threads a fork would not have."""

    def __init__(self, topic_ids: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_try_all, args=(theirs, topic_ids), name="trial", daemon=True)
        self._process.start()
        theirs.close()
        if why := self._answer(START_S):
            self.close()
            raise NoTrial(f"the process that tries records {why} before its first record")

    def try_one(self, record: Received, seconds: float) -> str:
        """How the process ended at ``record``, or '' if it did not."""
        self._connection.send(record)
        return self._answer(seconds)

    def _answer(self, seconds: float) -> str:
        try:
            if self._connection.poll(seconds):
                self._connection.recv()
                return ""
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode or 0
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return f"ended with {name}"
        return f"was not done within {seconds:g} s"

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()


def _try_all(connection: Connection, topic_ids: Mapping[str, str]) -> None:
    """What the process does: it answers each record that it is given, when it has gone through the steps."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(*KILL_WITH_PARENT)
        with suppress(OSError):
            # If a record takes all of the memory, the kernel is to end this process and not the worker.
            Path("/proc/self/oom_score_adj").write_text("1000")
    key = PrivacySettings().pseudonym_key.get_secret_value()
    decode = decoding(KafkaSettings())
    most_characters = StreamSettings().record_characters
    read = Read(
        Linker(load_watchlist()),
        Pseudonymiser(key),
        lambda topic, _: topic_ids[topic],
        decode=decode,
        most_characters=most_characters,
    )
    models = Models()
    score, link = Score(models.champion(), models.event_reader()), Link(64)
    read.warm_up()
    score.check()
    connection.send(None)
    with suppress(EOFError):
        while True:
            record = connection.recv()
            with suppress(Exception):
                rows = read.run([record])
                score.run(rows)
                link.run(rows)
                for row in rows:
                    if isinstance(row, Document):
                        scored(row)
            connection.send(None)
