"""Sets records aside at which workers died, when a worker takes their partitions over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from storage import deaths, write_owner
from stream.kafka.received import Received
from stream.trial import NoTrial
from stream.upkeep.patient_client import PatientClient

log = logging.getLogger(__name__)

TopicPartition = tuple[str, int]

DEATHS = 2
"""After so many owners in a row that died at the same place, the records there are tried."""

MOST_DOUBLINGS = 3


class Takeover:
    """Knows the deadly records of the assigned partitions. ``take`` and ``give_back`` are for the thread of the store.

    Many deaths have nothing to do with a record: machines are switched off. So being under way is not enough to set a
    record aside. The record must also end a process that does nothing else: ``trial`` finds that out. ``waiting`` reads
    the records from the next offsets on, at most so many of each partition: first as many as a batch has (``batch``),
    and twice as many after every further death, as the record may have been in a later batch.
    """

    def __init__(
        self,
        worker: str,
        client: PatientClient,
        topic_ids: Callable[[], Mapping[str, str]],
        waiting: Callable[[Mapping[TopicPartition, int], int], Sequence[Received]],
        trial: Callable[[Sequence[Received]], Mapping[tuple[str, int, int], str]],
        batch: int,
    ) -> None:
        self._worker, self._client, self._topic_ids = worker, client, topic_ids
        self._waiting, self._trial, self._batch = waiting, trial, batch
        self._held: dict[tuple[str, str, int], int] = {}
        self.deadly: dict[tuple[str, int, int], str] = {}
        """Why a record is to be set aside, by topic, partition and offset."""

    def take(self, positions: Mapping[TopicPartition, int]) -> None:
        """Take over the partitions, whose next offsets are ``positions``; the others are given back. Nothing is under
        way. Raises ``GaveUp``."""
        ids = self._topic_ids()
        now = {(topic, ids[topic], number): offset for (topic, number), offset in positions.items()}
        gone = {partition: offset for partition, offset in self._held.items() if partition not in now}
        found = self._client.call(lambda client: deaths(client, self._worker, now)) if now else {}
        self._write(gone, True)
        self._write(now, False)
        self._held = now
        self.deadly.clear()
        suspects = {(topic, number): count for (topic, _, number), count in found.items() if count >= DEATHS}
        if suspects:
            self._try(suspects, positions)

    def give_back(self) -> None:
        """Note that nothing is under way any more. Raises ``GaveUp``."""
        self._write(self._held, True)
        self._held = {}

    def _write(self, positions: Mapping[tuple[str, str, int], int], given_back: bool) -> None:
        if positions:
            self._client.call(lambda client: write_owner(client, self._worker, positions, given_back))

    def _try(self, suspects: Mapping[TopicPartition, int], positions: Mapping[TopicPartition, int]) -> None:
        most = self._batch * 2 ** min(max(suspects.values()) - DEATHS, MOST_DOUBLINGS)
        records = self._client.call(lambda _: self._waiting({one: positions[one] for one in suspects}, most))
        if not records:
            return
        names = {f"{topic}/{number}": count for (topic, number), count in suspects.items()}
        log.warning("workers died at the same place: %d records are tried", len(records), extra={"deaths": names})
        try:
            found = self._trial(records)
        except NoTrial as error:
            log.error("%s; the records are read untried", error)
            return
        for (topic, number, offset), why in found.items():
            count = suspects[topic, number]
            self.deadly[topic, number, offset] = (
                f"{count} workers died at this place, and the process that tried this record alone {why}"
            )
            log.error("a record is set aside", extra={"record": f"{topic}/{number}/{offset}", "reason": why})
