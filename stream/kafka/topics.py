"""The topics of the service: how they are made, their identities, and their first and last offsets.

All functions take ``bootstrap`` as ``host:port[,host:port]`` and raise ``kafka.errors.KafkaError`` when no
broker answers within ``CONNECT_MS``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import nullcontext

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

TOPICS = ("news", "comments", "labels", "scored", "alerts", "dead-letters", "model-events")
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""What the topics accept. It is more than ``messages.MAX_RECORD_BYTES``, so that a record that is too large arrives,
and can be kept as a dead letter."""

CONNECT_MS = 10_000


def ensure_topics(bootstrap: str, partitions: int = 4, topics: Iterable[str] = TOPICS) -> list[str]:
    """Create those of ``topics`` that do not exist, and return their names; the others are left alone.

    The replication factor is the broker's default (asked for as -1: Kafka 2.4 and later).
    """
    with _admin(bootstrap) as admin:
        existing = set(admin.list_topics())
        created = []
        for topic in topics:
            if topic in existing:
                continue
            options = {
                "num_partitions": partitions,
                "replication_factor": -1,
                "configs": {"max.message.bytes": str(MAX_MESSAGE_BYTES)},
            }
            try:
                admin.create_topics({topic: options}, wait_for_metadata=True)
                created.append(topic)
            except TopicAlreadyExistsError:
                pass  # another worker was faster
        return created


def topic_ids(bootstrap: str | KafkaAdminClient, topics: Iterable[str]) -> dict[str, str]:
    """The UUID of each topic (KIP-516, Kafka 2.8 and later). A topic that is deleted and made again gets another one.

    ``bootstrap`` may also be a client that is open already, for those who ask often.
    Raises ``UnknownTopicOrPartitionError`` for a topic that does not exist, and ``RuntimeError`` for a broker
    too old to give identities: without them, offsets of a new topic would be taken for those of the old one.
    """
    described = _describe(bootstrap, topics)
    without = [topic for topic, info in described.items() if not info.get("topic_id")]
    if without:
        raise RuntimeError(f"the broker gives no topic id for {', '.join(without)}: Kafka 2.8 or later is needed")
    return {topic: str(info["topic_id"]) for topic, info in described.items()}


def watermarks(bootstrap: str, topics: Iterable[str], timeout: float = 10.0) -> dict[tuple[str, int], tuple[int, int]]:
    """(low, high) of every (topic, partition): the first offset that the broker holds, and that of the next record.

    The high one comes from a fetch at the end of the partition, as ListOffsets may give the start of the broker's last
    batch instead. Raises ``UnknownTopicOrPartitionError`` for a topic that does not exist and
    ``KafkaTimeoutError`` if some partition did not answer within ``timeout`` seconds.
    """
    described = _describe(bootstrap, topics)
    partitions = [
        TopicPartition(topic, part["partition_index"])
        for topic, info in described.items()
        for part in info["partitions"]
    ]
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=CONNECT_MS,
        group_id=None,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        auto_offset_reset="latest",
        fetch_max_wait_ms=20,
    )
    try:
        lows = consumer.beginning_offsets(partitions)
        consumer.assign(partitions)
        for partition, end in consumer.end_offsets(partitions).items():
            consumer.seek(partition, end)
        deadline = time.monotonic() + timeout
        while waiting := [p for p in partitions if consumer.highwater(p) is None]:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"no high watermark from {bootstrap} in {timeout:g} s for {waiting}")
            consumer.poll(timeout_ms=50)
            # A partition that has answered would only be fetched again.
            consumer.pause(*(p for p in partitions if consumer.highwater(p) is not None))
        return {(p.topic, p.partition): (lows[p], consumer.highwater(p)) for p in partitions}
    finally:
        consumer.close(autocommit=False)


def _admin(bootstrap: str) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=CONNECT_MS)


def _describe(bootstrap: str | KafkaAdminClient, topics: Iterable[str]) -> dict[str, dict]:
    with _admin(bootstrap) if isinstance(bootstrap, str) else nullcontext(bootstrap) as admin:
        described = {info["name"]: info for info in admin.describe_topics(list(topics))}
    for topic, info in described.items():
        error = for_code(info["error_code"])
        if error is UnknownTopicOrPartitionError:
            raise error(f"there is no topic {topic!r}")
        if info["error_code"]:
            raise error(f"topic {topic!r}")
    return described
