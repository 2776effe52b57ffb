"""Where Kafka is: environment variables with the prefix ``KAFKA_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """Where the broker is and how the consumer group behaves."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

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

    @property
    def servers(self) -> list[str]:
        """The brokers to start from, each as host:port."""
        return [server.strip() for server in self.bootstrap_servers.split(",")]
