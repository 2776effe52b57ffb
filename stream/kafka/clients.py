"""The only place that makes Kafka clients: addresses, TLS and how to sign in come from ``KafkaSettings`` for all.

The functions raise ``kafka.errors.KafkaError`` when no broker answers, and its subclass ``KafkaRefused`` when one does
not let us in, or is not to be trusted. The clients for an event loop connect later, and raise
``aiokafka.errors.KafkaError``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from settings import KafkaSettings, secret_of
from stream.kafka.diagnosis import diagnosed
from stream.kafka.oauth import Provider, async_provider, token_source
from stream.kafka.tls import RenewedContext

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

T = TypeVar("T")

CONNECT_MS = 10_000
"""How long a client may take to find a broker."""


def admin(kafka: KafkaSettings) -> KafkaAdminClient:
    """For topics and their descriptions."""
    return _connected(KafkaAdminClient, kafka)


def consumer(kafka: KafkaSettings, **options: Any) -> KafkaConsumer:
    """For partitions that are assigned by hand: it belongs to no group, commits nothing and makes no topic."""
    return _connected(
        KafkaConsumer,
        kafka,
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
    return _connected(KafkaProducer, kafka, acks="all", enable_idempotence=idempotent, **options)


def async_producer(kafka: KafkaSettings, **options: Any) -> AIOKafkaProducer:
    """For the running event loop. Its records are acknowledged by all replicas in sync."""
    from aiokafka import AIOKafkaProducer  # here, because it takes a fifth of a second and only workers need it

    return AIOKafkaProducer(**_common(kafka, async_provider), acks="all", **options)


def async_consumer(kafka: KafkaSettings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """For the running event loop."""
    from aiokafka import AIOKafkaConsumer

    return AIOKafkaConsumer(*topics, **_common(kafka, async_provider), **options)


def _connected(kind: Callable[..., T], kafka: KafkaSettings, **options: Any) -> T:
    try:
        common = _common(kafka, Provider)
        if kafka.sasl_mechanism.startswith("SCRAM") and "sasl_plain_username" in common:
            # Of the two libraries only aiokafka does it itself (RFC 5802, section 5.1).
            common["sasl_plain_username"] = kafka.sasl_username.replace("=", "=3D").replace(",", "=2C")
        return kind(**common, bootstrap_timeout_ms=CONNECT_MS, **options)
    except KafkaError as error:
        raise diagnosed(kafka, error) from error


def _common(kafka: KafkaSettings, provider: Callable[..., Any]) -> dict[str, Any]:
    """What every client needs; both libraries use the same names. ``provider`` is the library's way to ask for tokens.

    Raises ``BadCertificate`` or ``OSError`` for files that cannot be used.
    """
    found: dict[str, Any] = {"bootstrap_servers": kafka.servers, "security_protocol": kafka.security_protocol}
    if kafka.encrypts:
        found["ssl_context"] = RenewedContext(kafka)
    if kafka.signs_in:
        found["sasl_mechanism"] = kafka.sasl_mechanism
        if kafka.sasl_mechanism == "OAUTHBEARER":
            found["sasl_oauth_token_provider"] = provider(token_source(kafka))
        else:
            found["sasl_plain_username"] = kafka.sasl_username
            found["sasl_plain_password"] = secret_of(kafka.sasl_password, kafka.sasl_password_file)
    return found
