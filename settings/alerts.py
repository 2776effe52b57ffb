"""How alerts are evaluated: environment variables with the prefix ``ALERT_``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AlertSettings(BaseSettings):
    """Settings with the prefix ``ALERT_``. Spans are of the documents' own time."""

    model_config = SettingsConfigDict(env_prefix="ALERT_")

    clock: Literal["wall", "stream"] = Field(
        default="wall",
        description="The evaluator's clock: `wall` is real time; `stream` is the time of the documents, for a replay",
    )
    rules: Path | None = Field(
        default=None, description="The YAML file of alert rules; it is read again when it changes"
    )
    sources: Path | None = Field(
        default=None,
        description="The YAML file that says how much a story of each source counts as a witness of an event; unset: "
        "the one that comes with finsent",
    )
    tick_s: int = Field(default=900, ge=60, description="Seconds between two evaluations")
    minimum_documents: int = Field(default=5, ge=2, description="The fewest stories that can make a shift")
    minimum_effect: float = Field(
        default=0.3, gt=0, le=2, description="The smallest change of mean sentiment that fires; sentiment is -1 to 1"
    )
    threshold: float = Field(default=3.5, gt=0, description="The change that fires, in standard errors")
    catch_up_s: int = Field(
        default=86400, ge=0, description="Seconds that a restarted evaluator goes back, to evaluate what it missed"
    )
    console_url: str = Field(
        default="", description="The console's address for people; an alert links to its page there"
    )
    emerging_s: int = Field(
        default=300, ge=0, description="Seconds between two searches for emerging topics; 0 switches them off"
    )
    reread_s: int = Field(
        default=6 * 3600,
        ge=0,
        description="Seconds after which the hours of the whole baseline that have changed are read from ClickHouse "
        "again",
    )
