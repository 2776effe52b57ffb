"""The topics of the service: how they are made, their identities, and their first and last offsets.

All functions raise ``kafka.errors.KafkaError`` when no broker answers within ``clients.CONNECT_MS``.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from contextlib import nullcontext

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from errors import FinsentError
from settings import KafkaSettings
from stream.kafka.clients import admin, consumer

READ = ("news", "comments", "labels")
"""What a worker reads; ``KafkaSettings.topic`` knows the real names of these, and of ``TOPICS``."""

TOPICS = (*READ, "scored", "alerts", "dead-letters", "model-events")
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""What the topics accept. It is more than ``messages.MAX_RECORD_BYTES``, so that a record that is too large arrives,
and can be kept as a dead letter."""

DAY_MS = 24 * 3600 * 1000


class TopicsMissing(FinsentError, RuntimeError):
    """Topics are missing, or hidden from us, and are not to be made."""

    remedy = (
        "make them, allow us to describe them ('finsent doctor --acls' prints how), or set KAFKA_CREATE_TOPICS=true"
    )


def ensure_topics(kafka: KafkaSettings, partitions: int = 4, topics: Iterable[str] = TOPICS) -> list[str]:
    """Create those of ``topics`` that do not exist, and return their real names; the others are left alone.

    The replication factor is the broker's default (asked for as -1: Kafka 2.4 and later). Raises ``TopicsMissing``
    where nothing is to be made (``KAFKA_CREATE_TOPICS``).
    """
    with admin(kafka) as client:
        existing = set(client.list_topics())
        missing = {kafka.topic(topic): topic for topic in topics if kafka.topic(topic) not in existing}
        if missing and not kafka.create_topics:
            raise TopicsMissing(f"Kafka at {kafka.bootstrap_servers} shows us no topic {', '.join(missing)}")
        created = []
        for topic, what in missing.items():
            options = {"num_partitions": partitions, "replication_factor": -1, "configs": _configs(kafka, what)}
            try:
                client.create_topics({topic: options}, wait_for_metadata=True)
                created.append(topic)
            except TopicAlreadyExistsError:
                pass  # another worker was faster
        return created


def _configs(kafka: KafkaSettings, what: str) -> dict[str, str]:
    """The settings of the topic of ``what``."""
    configs = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    days = {"scored": kafka.scored_retention_days, "dead-letters": kafka.dead_letters_retention_days}.get(what, 0)
    if days:
        # A broker deletes whole segments, by their last record: with long ones it would keep the first much longer.
        configs |= {"retention.ms": str(days * DAY_MS), "segment.ms": str(DAY_MS)}
    return configs


def count_brokers(kafka: KafkaSettings) -> int:
    """How many brokers the cluster has. An answer also means that they let us in."""
    with admin(kafka) as client:
        return len(client.describe_cluster()["brokers"])


def topic_ids(kafka: KafkaSettings | KafkaAdminClient, topics: Iterable[str]) -> dict[str, str]:
    """The UUID of each topic (KIP-516, Kafka 2.8 and later). A topic that is deleted and made again gets another one.

    ``kafka`` may also be a client that is open already, for those who ask often.
    Raises ``UnknownTopicOrPartitionError`` for a topic that does not exist, and ``RuntimeError`` for a broker
    too old to give identities: without them, offsets of a new topic would be taken for those of the old one.
    """
    described = _describe(kafka, topics)
    without = [topic for topic, info in described.items() if not info.get("topic_id")]
    if without:
        raise RuntimeError(f"the broker gives no topic id for {', '.join(without)}: Kafka 2.8 or later is needed")
    return {topic: str(info["topic_id"]) for topic, info in described.items()}


def bounds(client: KafkaAdminClient, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
    """(low, high) of each (topic, partition), as ``watermarks``, but over a connection that is open, and quicker. With
    the embedded broker the high one may be too small."""
    wanted = [TopicPartition(*where) for where in partitions]
    lows, highs = (
        client.list_partition_offsets(dict.fromkeys(wanted, spec)) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    )
    return {(p.topic, p.partition): (lows[p].offset, highs[p].offset) for p in wanted}


def log_start(kafka: KafkaSettings, topic: str, partition: int) -> int:
    """The first offset that the broker holds of a partition."""
    with admin(kafka) as client:
        return bounds(client, [(topic, partition)])[topic, partition][0]


def watermarks(
    kafka: KafkaSettings, topics: Iterable[str], timeout: float = 10.0
) -> dict[tuple[str, int], tuple[int, int]]:
    """(low, high) of every (topic, partition): the first offset that the broker holds, and that of the next record.

    The high one comes from a fetch at the end of the partition, as ListOffsets may give the start of the broker's last
    batch instead. Raises ``UnknownTopicOrPartitionError`` for a topic that does not exist and
    ``KafkaTimeoutError`` if some partition did not answer within ``timeout`` seconds.
    """
    described = _describe(kafka, topics)
    partitions = [
        TopicPartition(topic, part["partition_index"])
        for topic, info in described.items()
        for part in info["partitions"]
    ]
    client = consumer(kafka, auto_offset_reset="latest", fetch_max_wait_ms=20)
    try:
        lows = client.beginning_offsets(partitions)
        client.assign(partitions)
        for partition, end in client.end_offsets(partitions).items():
            client.seek(partition, end)
        deadline = time.monotonic() + timeout
        while waiting := [p for p in partitions if client.highwater(p) is None]:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(
                    f"no high watermark from {kafka.bootstrap_servers} in {timeout:g} s for {waiting}"
                )
            client.poll(timeout_ms=50)
            # A partition that has answered would only be fetched again.
            client.pause(*(p for p in partitions if client.highwater(p) is not None))
        return {(p.topic, p.partition): (lows[p], client.highwater(p)) for p in partitions}
    finally:
        client.close(autocommit=False)


def _describe(kafka: KafkaSettings | KafkaAdminClient, topics: Iterable[str]) -> dict[str, dict]:
    with admin(kafka) if isinstance(kafka, KafkaSettings) else nullcontext(kafka) as client:
        described = {info["name"]: info for info in client.describe_topics(list(topics))}
    for topic, info in described.items():
        error = for_code(info["error_code"])
        if error is UnknownTopicOrPartitionError:
            raise error(f"there is no topic {topic!r}")
        if info["error_code"]:
            raise error(f"topic {topic!r}")
    return described
