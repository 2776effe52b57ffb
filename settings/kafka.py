from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import ExitCode, FinsentError
from settings.lists import listed

WRITTEN = ("scored", "alerts", "dead-letters", "model-events")
"""What finsent writes to topics of its own."""


class KafkaSettings(BaseSettings):
    """Where the broker is, how to sign in there, and how the consumer group behaves.

    These are for all Kafka clients of finsent, whichever library they come from.
    """

    # What was given may be a secret, so it is not repeated in an error.
    model_config = SettingsConfigDict(env_prefix="KAFKA_", hide_input_in_errors=True)

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="The brokers to start from, as host:port, separated by commas"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="What the brokers speak: PLAINTEXT, SSL (TLS), and with signing in, SASL_PLAINTEXT or SASL_SSL",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        default="PLAIN", description="How to sign in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
    )
    sasl_username: str = Field(default="", description="The user's name, for PLAIN and SCRAM")
    sasl_password: SecretStr | None = Field(default=None, description="The user's password, for PLAIN and SCRAM")
    sasl_password_file: FilePath | None = Field(default=None, description="A file with the password, instead")
    oauth_token_url: str = Field(
        default="", description="For OAUTHBEARER: where tokens are given for client credentials (OAuth 2)"
    )
    oauth_client_id: str = Field(default="", description="For OAUTHBEARER: the client's id")
    oauth_client_secret: SecretStr | None = Field(default=None, description="For OAUTHBEARER: the client's secret")
    oauth_client_secret_file: FilePath | None = Field(default=None, description="A file with that secret, instead")
    oauth_scope: str = Field(default="", description="For OAUTHBEARER: the scope to ask for, if any")
    oauth_ca: FilePath | None = Field(
        default=None, description="Certificates (PEM) of who signed the token server's; default: those of the system"
    )
    ssl_ca: FilePath | None = Field(
        default=None,
        description="Certificates (PEM) of who signed the brokers'; default: those that the system trusts",
    )
    ssl_certificate: FilePath | None = Field(
        default=None, description="Our own certificate (PEM), for brokers that ask for one"
    )
    ssl_key: FilePath | None = Field(
        default=None, description="Its private key (PEM); default: the file of the certificate"
    )
    ssl_key_password: SecretStr | None = Field(default=None, description="The password of that key, if it has one")
    ssl_key_password_file: FilePath | None = Field(default=None, description="A file with that password, instead")
    ssl_check_hostname: bool = Field(
        default=True, description="Whether a broker's certificate must name the host that it was reached at"
    )
    group_id: str = Field(default="finsent", description="The consumer group of the workers")
    group_instance_id: str = Field(
        default="",
        description="A name that this worker has after a restart, too, and no other one has (static membership): its "
        "partitions then wait for it, for the session time-out, in place of going to others",
    )
    client_rack: str = Field(
        default="",
        description="The rack or zone that we run in: brokers with a rack-aware replica selector let us read from "
        "replicas there",
    )
    session_timeout_s: float = Field(
        default=10, gt=0, description="Seconds without a heartbeat after which a worker's partitions go to others"
    )
    heartbeat_interval_s: float = Field(default=1, gt=0, description="Seconds between two heartbeats of a worker")
    fetch_wait_s: float = Field(
        default=0.1, gt=0, description="Seconds that the broker may hold a fetch for which it has no records"
    )
    metadata_max_age_s: float = Field(
        default=30,
        gt=0,
        description="Seconds after which the partitions that were added to a topic are noticed at last",
    )
    topic_news: str = Field(default="news", min_length=1, description="The name of the topic that brings news")
    topic_comments: str = Field(default="comments", min_length=1, description="The name of the topic of comments")
    topic_labels: str = Field(default="labels", min_length=1, description="The name of the topic of labels")
    topic_prefix: str = Field(
        default="",
        description="What the names of the topics that finsent writes begin with, before scored, alerts, dead-letters "
        "and model-events",
    )
    create_topics: bool = Field(
        default=True, description="Whether topics that are missing are made; if not, that they are missing is an error"
    )
    scored_retention_days: int = Field(
        default=0,
        ge=0,
        description="Days for which the broker keeps the records of the topic scored, if finsent makes it; 0: as the "
        "broker does by default",
    )
    dead_letters_retention_days: int = Field(
        default=30,
        ge=0,
        description="The same for the topic dead-letters, in which bad records are as they came, with whatever "
        "personal data is in them",
    )
    partitions: int = Field(default=4, ge=1, description="Partitions of a topic that finsent has to create")
    schema_registry_url: str = Field(
        default="",
        description="The schema registry, for values in its wire format: its addresses (Confluent's API), separated by "
        "commas; unset: all values are plain JSON",
    )
    schema_registry_user: str = Field(default="", description="The user, or API key, at the schema registry")
    schema_registry_password: SecretStr | None = Field(
        default=None, description="The user's password, or API secret, at the schema registry"
    )
    schema_registry_ca: Path | None = Field(
        default=None, description="The file of CA certificates for the schema registry; unset: the system's"
    )

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        if self.signs_in and self.sasl_mechanism == "OAUTHBEARER":
            self._need("oauth_token_url", "oauth_client_id", "oauth_client_secret")
        elif self.signs_in:
            self._need("sasl_username", "sasl_password")
        if len(self.feeds) < 3 or self.feeds.keys() & {self.topic(one) for one in WRITTEN}:
            raise ValueError("two topics have the same name: see KAFKA_TOPIC_NEWS, _COMMENTS, _LABELS and _PREFIX")
        if self.ssl_key and not self.ssl_certificate:
            raise ValueError("KAFKA_SSL_KEY is set and KAFKA_SSL_CERTIFICATE is not")
        return self

    @model_validator(mode="after")
    def _registry_is_named_well(self) -> Self:
        for url in self.schema_registries:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"KAFKA_SCHEMA_REGISTRY_URL: {parts.scheme or 'no'} scheme; it is http:// or https://")
            if parts.username or parts.password:
                raise ValueError(
                    "KAFKA_SCHEMA_REGISTRY_URL is written to logs: the user goes into KAFKA_SCHEMA_REGISTRY_USER, and "
                    "the password into KAFKA_SCHEMA_REGISTRY_PASSWORD"
                )
        return self

    def _need(self, *names: str) -> None:
        for name in names:
            if not (getattr(self, name) or getattr(self, f"{name}_file", None)):
                raise ValueError(
                    f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} with KAFKA_SASL_MECHANISM={self.sasl_mechanism} "
                    f"needs KAFKA_{name.upper()}"
                )

    @property
    def feeds(self) -> dict[str, str]:
        """The topics that a worker reads, by their real names, with what each brings: news, comments or labels."""
        return {self.topic_news: "news", self.topic_comments: "comments", self.topic_labels: "labels"}

    def topic(self, what: str) -> str:
        """The real name of the topic of ``what``, such as comments or scored; any other name is a real one itself."""
        if what in WRITTEN:
            return f"{self.topic_prefix}{what}"
        return next((name for name, brings in self.feeds.items() if brings == what), what)

    @property
    def servers(self) -> list[str]:
        """The brokers to start from, each as host:port."""
        return [server.strip() for server in self.bootstrap_servers.split(",")]

    @property
    def schema_registries(self) -> list[str]:
        """The addresses in ``schema_registry_url``."""
        return [url.rstrip("/") for url in listed(self.schema_registry_url)]

    @property
    def signs_in(self) -> bool:
        """Whether the broker is told who we are by SASL."""
        return self.security_protocol.startswith("SASL")

    @property
    def encrypts(self) -> bool:
        """Whether connections are TLS."""
        return self.security_protocol.endswith("SSL")


class BadSecret(FinsentError):
    """A file of a password or a key cannot be read."""

    exit_code = ExitCode.CONFIG


def secret_of(given: SecretStr | None, file: Path | None) -> str:
    """A secret that was given itself or as a file, whose last line's end does not belong to it; '' without either."""
    if given is not None:
        return given.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n") if file is not None else ""
    except OSError as error:
        raise BadSecret(f"{file} cannot be read: {error.strerror}") from error
    except ValueError:  # its text has bytes of the secret
        raise BadSecret(f"{file} is no text in UTF-8, so it holds no password or key") from None
