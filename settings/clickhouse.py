"""Where ClickHouse is: environment variables with the prefix ``CLICKHOUSE_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClickHouseSettings(BaseSettings):
    """The native protocol's URL, ``clickhouse://user:password@host:port/database``, and its time-outs."""

    model_config = SettingsConfigDict(env_prefix="CLICKHOUSE_")

    url: str = "clickhouse://default@127.0.0.1:9000/default"
    http_url: str = Field(default="", description="for people and their tools; the service does not use it")
    connect_timeout_s: float = Field(default=5, gt=0)
    send_receive_timeout_s: float = Field(default=60, gt=0)
