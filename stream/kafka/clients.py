"""The only place that makes Kafka clients: addresses and whatever else all of them need come from ``KafkaSettings``.

The clients raise ``kafka.errors.KafkaError`` (those for an event loop ``aiokafka.errors.KafkaError``) when no broker
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from settings import KafkaSettings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

CONNECT_MS = 10_000
"""How long a client may take to find a broker."""


def admin(kafka: KafkaSettings) -> KafkaAdminClient:
    """For topics and their descriptions."""
    return KafkaAdminClient(**_common(kafka), bootstrap_timeout_ms=CONNECT_MS)


def consumer(kafka: KafkaSettings, **options: Any) -> KafkaConsumer:
    """For partitions that are assigned by hand: it belongs to no group, commits nothing and makes no topic."""
    return KafkaConsumer(
        **_common(kafka),
        bootstrap_timeout_ms=CONNECT_MS,
        group_id=None,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        **options,
    )


def producer(kafka: KafkaSettings, idempotent: bool = False, **options: Any) -> KafkaProducer:
    """Its records are acknowledged by all replicas in sync.

    By default it is not idempotent, because the embedded broker has no producer ids. A record that was sent twice shows
    as two positions.
    """
    return KafkaProducer(
        **_common(kafka), bootstrap_timeout_ms=CONNECT_MS, acks="all", enable_idempotence=idempotent, **options
    )


def async_producer(kafka: KafkaSettings, **options: Any) -> AIOKafkaProducer:
    """For the running event loop. Its records are acknowledged by all replicas in sync."""
    from aiokafka import AIOKafkaProducer  # here, because it takes a fifth of a second and only workers need it

    return AIOKafkaProducer(**_common(kafka), acks="all", **options)


def async_consumer(kafka: KafkaSettings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """For the running event loop."""
    from aiokafka import AIOKafkaConsumer

    return AIOKafkaConsumer(*topics, **_common(kafka), **options)


def _common(kafka: KafkaSettings) -> dict[str, Any]:
    """What every client needs; both libraries use the same names."""
    return {"bootstrap_servers": kafka.servers}
