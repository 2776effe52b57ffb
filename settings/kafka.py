"""Where Kafka is: environment variables with the prefix ``KAFKA_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """Where the broker is and how the group behaves."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = "127.0.0.1:9092"
    group_id: str = "finsent"
    session_timeout_s: float = Field(default=6, gt=0, description="a dead worker's partitions move after this")
    heartbeat_interval_s: float = Field(default=1, gt=0)
    fetch_wait_s: float = Field(default=0.1, gt=0, description="how long the broker may hold a fetch without records")
    partitions: int = Field(default=4, ge=1, description="partitions of topics that finsent has to make")
