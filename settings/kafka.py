"""Where Kafka is: environment variables with the prefix ``KAFKA_``."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """Where the broker is and how the consumer group behaves."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", hide_input_in_errors=True)

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="The brokers to start from, as host:port, separated by commas"
    )
    group_id: str = Field(default="finsent", description="The consumer group of the workers")
    session_timeout_s: float = Field(
        default=6, gt=0, description="Seconds without a heartbeat after which a worker's partitions go to others"
    )
    heartbeat_interval_s: float = Field(default=1, gt=0, description="Seconds between two heartbeats of a worker")
    fetch_wait_s: float = Field(
        default=0.1, gt=0, description="Seconds that the broker may hold a fetch for which it has no records"
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

    @property
    def servers(self) -> list[str]:
        """The brokers to start from, each as host:port."""
        return [server.strip() for server in self.bootstrap_servers.split(",")]

    @property
    def schema_registries(self) -> list[str]:
        """The addresses in ``schema_registry_url``."""
        return [url.strip().rstrip("/") for url in self.schema_registry_url.split(",") if url.strip()]

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
