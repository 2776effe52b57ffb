"""How a worker batches records, and when it gives up: environment variables with the prefix ``STREAM_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StreamSettings(BaseSettings):
    """How records are batched, and when a worker gives up."""

    model_config = SettingsConfigDict(env_prefix="STREAM_")

    batch_records: int = Field(default=512, ge=1, description="scored at once, at most; fewer where that takes long")
    batch_seconds: float = Field(default=0.05, gt=0, description="how long a record on its own waits for others")
    store_patience_s: float = Field(
        default=900, gt=0, description="with ClickHouse away for longer, the worker ends instead of waiting"
    )
    stuck_after_s: float = Field(
        default=300, gt=0, description="no progress for so long although there is lag: dump stacks and end"
    )
    stop_within_s: float = Field(
        default=12, gt=0, description="a stop takes no longer; below the supervisor's time until it kills"
    )
    breaker_run: int = Field(default=500, ge=1, description="bad records in a row that stop the worker")
    breaker_share: float = Field(default=0.5, gt=0, le=1, description="share of bad records that stops it")
    breaker_window: int = Field(default=2000, ge=1, description="the records over which the share is taken")
    novelty_documents: int = Field(
        default=20_000, ge=1, description="documents that a new one is compared with, at most (and 24 hours of them)"
    )
    novelty_refresh_s: float = Field(default=2, gt=0, description="how often a worker reads what others have stored")
    alerts: bool = Field(default=True, description="evaluate the alert rules in this worker when it leads")
    alert_interval_s: float = Field(default=2, gt=0)
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=6066, ge=1, le=65535)
