"""How a worker batches records, and when it gives up: environment variables with the prefix ``STREAM_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.lists import listed


class StreamSettings(BaseSettings):
    """How records are batched, and when a worker gives up."""

    model_config = SettingsConfigDict(env_prefix="STREAM_")

    batch_records: int = Field(
        default=512, ge=1, description="The most records in a batch; a batch that would take long has fewer"
    )
    batch_seconds: float = Field(default=0.05, gt=0, description="Seconds that a record waits for others to join it")
    store_patience_s: float = Field(
        default=900, gt=0, description="Seconds without ClickHouse after which a worker ends instead of waiting"
    )
    stuck_after_s: float = Field(
        default=300,
        gt=0,
        description="Seconds without progress, although records wait, after which a worker logs its stacks and ends",
    )
    stop_within_s: float = Field(
        default=12, gt=0, description="The most seconds a stop takes; keep it below the supervisor's time before a kill"
    )
    record_characters: int = Field(
        default=200_000,
        ge=1,
        description="The most characters of a title or text, after normalising; a longer one makes a dead letter",
    )
    annotators: str = Field(
        default="",
        description="Who may label through Kafka: names, separated by commas; labels of others become dead letters; "
        "unset: anybody who may write to the topic",
    )
    record_seconds: float = Field(
        default=20,
        gt=0,
        description="Seconds that one record may take when it is tried alone, after two workers died at its place or "
        "were ended there by STREAM_STUCK_AFTER_S; a running worker does not time single records, as it batches them",
    )
    breaker_run: int = Field(default=500, ge=1, description="Bad records in a row that stop the worker")
    breaker_share: float = Field(
        default=0.5, gt=0, le=1, description="The share of bad records among the latest ones that stops the worker"
    )
    breaker_window: int = Field(default=2000, ge=1, description="How many of the latest records the share is taken of")
    novelty_documents: int = Field(
        default=20_000,
        ge=1,
        description="The most documents, of the last 24 hours, with which a new one is compared to find its story",
    )
    novelty_refresh_s: float = Field(
        default=2, gt=0, description="Seconds between two reads of the documents that other workers have stored"
    )
    alerts: bool = Field(default=True, description="Whether this worker evaluates the alert rules when it leads")
    alert_interval_s: float = Field(default=2, gt=0, description="Seconds between two looks at whether a tick is due")
    traces: str = Field(
        default="",
        description="Where traces go, as the address of a collector for OTLP over HTTP (http://collector:4318); unset: "
        "there are none",
    )
    trace_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The share of records that is traced, of those whose producer does not say whether to",
    )
    telemetry: str = Field(
        default="",
        description="Where metrics and logs go beside /metrics and stderr, as the address of a collector for OTLP over "
        "HTTP (http://collector:4318); unset: nowhere",
    )
    web_host: str = Field(default="127.0.0.1", description="The address of the worker's metrics page")
    web_port: int = Field(default=6066, ge=1, le=65535, description="The port of the worker's metrics page")

    @property
    def known_annotators(self) -> list[str]:
        """The names in ``annotators``."""
        return listed(self.annotators)
