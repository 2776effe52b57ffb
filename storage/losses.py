"""Ranges of offsets that were lost: what Kafka no longer had when a worker came to read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from clickhouse_driver import Client

from storage.connection import UNAVAILABLE, StorageUnavailable

Partition = tuple[str, int]
"""Topic and number."""

LATELY = timedelta(hours=24)
"""For so long, people are shown that something was lost."""


class LossReason(StrEnum):
    """Why the offsets were lost."""

    expired = "expired"
    """The log begins behind them: retention or DeleteRecords was faster than the worker."""

    truncated = "truncated"
    """The log ends before them, although they are stored: the broker lost them, and gives their offsets to others."""

    topic_made_again = "topic_made_again"
    """The topic was deleted before they were read. How many there were is known as far as a worker had seen its end."""


class Loss(NamedTuple):
    """The offsets ``first <= offset < end`` of one partition. ``end`` is ``first`` if it is not known that there were
    any."""

    topic: str
    topic_id: str
    partition: int
    first: int
    end: int
    reason: LossReason

    @property
    def offsets(self) -> int:
        """How many they are. Some may never have had a record."""
        return self.end - self.first

    def __str__(self) -> str:
        where = f"{self.topic}/{self.partition}: "
        if self.reason == LossReason.topic_made_again:
            unread = f"offsets {self.first} to {self.end - 1} were not read" if self.offsets else "all known was read"
            return where + f"the topic {self.topic_id} was deleted and made again; {unread}"
        why = {
            LossReason.expired: "the broker had deleted them before they were read (retention or DeleteRecords)",
            LossReason.truncated: "the broker lost them after they were stored, and gives their offsets to others",
        }[self.reason]
        return where + f"offsets {self.first} to {self.end - 1}: {why}"


class DatedLoss(NamedTuple):
    """A loss, and when it was noticed."""

    loss: Loss
    at: datetime


def write_losses(client: Client, losses: Sequence[Loss]) -> None:
    """Store ``losses``; one that is stored already is replaced. Raises ``StorageUnavailable``."""
    now = datetime.now(UTC)
    try:
        columns = ", ".join((*Loss._fields, "at"))
        client.execute(f"INSERT INTO lost_ranges ({columns}) VALUES", [(*loss, now) for loss in losses])
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"lost ranges cannot be stored: {error}") from error


def lost_ranges(client: Client, since: datetime | None = None) -> list[DatedLoss]:
    """All that was lost, in the order of positions; with ``since``, what was noticed since then. Raises
    ``StorageUnavailable``."""
    try:
        rows = client.execute(
            """
            SELECT topic, topic_id, partition, first, end, reason, at FROM lost_ranges FINAL
            WHERE at >= %(since)s
            ORDER BY topic, topic_id, partition, first
            """,
            {"since": since or datetime(1970, 1, 2, tzinfo=UTC)},
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"lost ranges cannot be read: {error}") from error
    return [
        DatedLoss(Loss(topic, topic_id, number, first, end, LossReason(reason)), at)
        for topic, topic_id, number, first, end, reason, at in rows
    ]


def lost_lately(client: Client, moment: datetime | None = None) -> list[DatedLoss]:
    """What was lost and noticed within ``LATELY``, or so long before ``moment``, where it is known that there were
    offsets. Raises ``StorageUnavailable``."""
    found = lost_ranges(client, (moment or datetime.now(UTC)) - LATELY)
    return [one for one in found if one.loss.offsets and (moment is None or one.at <= moment)]


def write_ends(client: Client, topic_ids: Mapping[str, str], ends: Mapping[Partition, int]) -> None:
    """Store the offset that the next record of each partition will get, as the broker says now. It tells later how much
    of a topic that was deleted had not been read. Raises ``StorageUnavailable``."""
    now = datetime.now(UTC)
    rows = [(topic, topic_ids[topic], number, end, now) for (topic, number), end in ends.items() if topic in topic_ids]
    try:
        client.execute("INSERT INTO partition_ends (topic, topic_id, partition, end, at) VALUES", rows)
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the ends of partitions cannot be stored: {error}") from error


def known_ends(client: Client, topics: Iterable[str]) -> dict[tuple[str, str, int], int]:
    """The last end that is known of each (topic, topic id, partition). Raises ``StorageUnavailable``."""
    try:
        rows = client.execute(
            "SELECT topic, topic_id, partition, end FROM partition_ends FINAL WHERE topic IN %(topics)s",
            {"topics": list(topics)},
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the ends of partitions cannot be read: {error}") from error
    return {(topic, topic_id, number): end for topic, topic_id, number, end in rows}


class Life(NamedTuple):
    """A partition since its log was last cut off, from the offset ``first`` on. The broker then gives offsets a second
    time, so these rows have another ``topic_id``."""

    topic_id: str
    first: int


def lives(client: Client, topic_ids: Mapping[str, str]) -> dict[Partition, Life]:
    """The present lives of those partitions of the topics with the identities ``topic_ids`` that were cut off. Raises
    ``StorageUnavailable``."""
    cuts = {
        (loss.topic, loss.topic_id, loss.partition): loss.first
        for loss, _ in lost_ranges(client)
        if loss.reason == LossReason.truncated
    }
    found: dict[Partition, Life] = {}
    for topic, number in {(topic, number) for topic, _, number in cuts}:
        topic_id = topic_ids.get(topic, "")
        while (first := cuts.get((topic, topic_id, number))) is not None:
            topic_id = next_life(topic_id)
            found[topic, number] = Life(topic_id, first)
    return found


def next_life(topic_id: str) -> str:
    """The ``topic_id`` of the rows after the log was cut off: the topic's id, and how many times that has happened."""
    broker_id, _, cuts = topic_id.partition("+")
    return f"{broker_id}+{int(cuts or 0) + 1}"


def broker_topic_id(topic_id: str) -> str:
    """The id by which the broker knows the topic."""
    return topic_id.partition("+")[0]
