"""Where ClickHouse is: environment variables with the prefix ``CLICKHOUSE_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClickHouseSettings(BaseSettings):
    """The address of ClickHouse's native protocol, and time-outs."""

    model_config = SettingsConfigDict(env_prefix="CLICKHOUSE_")

    url: str = Field(
        default="clickhouse://default@127.0.0.1:9000/default",
        description="The native protocol's address, as clickhouse://user:password@host:port/database",
    )
    http_url: str = Field(
        default="", description="The HTTP port's address, for people and their tools; the service does not use it"
    )
    connect_timeout_s: float = Field(default=5, gt=0, description="Seconds to wait for a connection")
    send_receive_timeout_s: float = Field(default=60, gt=0, description="Seconds to wait for an answer")
    fsync: bool = Field(
        default=True,
        description="Whether the server writes each insert of records to its disk before it acknowledges it "
        "(MergeTree's fsync_after_insert); without, a power failure of its host may take back the last minutes, which "
        "workers then notice and read again from Kafka; an insert takes 1 to 3 times as long with it",
    )
