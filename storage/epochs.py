"""The leader epochs of partitions: they tell later whether a log was cut off (by an unclean election of a leader)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

from storage.connection import UNAVAILABLE, StorageUnavailable
from storage.losses import Partition


class EpochEnd(NamedTuple):
    """All records before the offset ``end`` belong to the leader epoch ``epoch`` or to earlier ones."""

    epoch: int
    end: int


NO_EPOCH = EpochEnd(-1, 0)
"""Nothing is known."""


def write_epochs(client: Client, topic_ids: Mapping[str, str], epochs: Mapping[Partition, EpochEnd]) -> None:
    """Store what the broker says now. Raises ``StorageUnavailable``."""
    now = datetime.now(UTC)
    rows = [(topic, topic_ids[topic], number, *known, now) for (topic, number), known in epochs.items()]
    try:
        if rows:
            columns = ", ".join(("topic", "topic_id", "partition", *EpochEnd._fields, "at"))
            client.execute(f"INSERT INTO partition_epochs ({columns}) VALUES", rows)
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the leader epochs cannot be stored: {error}") from error


def known_epochs(client: Client, topic_ids: Mapping[str, str]) -> dict[Partition, EpochEnd]:
    """What the broker last said of the topics with the identities ``topic_ids``. Raises ``StorageUnavailable``."""
    try:
        rows = client.execute(
            "SELECT topic, partition, epoch, end FROM partition_epochs FINAL "
            "WHERE (topic, topic_id) IN %(topics)s AND epoch >= 0",
            {"topics": list(topic_ids.items())},
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the leader epochs cannot be read: {error}") from error
    return {(topic, number): EpochEnd(epoch, end) for topic, number, epoch, end in rows}
