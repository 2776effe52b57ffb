"""A broker is there, but it does not let us in, or we do not trust it: the failures that only a person can remove."""

from __future__ import annotations

from kafka.errors import KafkaError

from errors import FinsentError


class KafkaRefused(FinsentError, KafkaError):
    """The text says who refused whom, and what to do."""

    def __str__(self) -> str:  # without the name of the class, which kafka-python puts before it
        return " ".join(map(str, self.args))


class BadCertificate(KafkaRefused):
    """A file of certificates or of a key cannot be used."""

    remedy = "see KAFKA_SSL_CA, KAFKA_SSL_CERTIFICATE, KAFKA_SSL_KEY and KAFKA_SSL_KEY_PASSWORD"


class NoToken(KafkaRefused):
    """The token server gave no token."""

    remedy = "check KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_SCOPE"
