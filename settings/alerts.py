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
        default="wall", description="wall: as time passes; stream: as the documents' dates do, for a replay"
    )
    rules: Path | None = Field(default=None, description="the YAML file of rules; read again when it changes")
    tick_s: int = Field(default=900, ge=60)
    minimum_documents: int = Field(default=5, ge=2)
    minimum_effect: float = Field(default=0.3, gt=0, le=2)
    threshold: float = Field(default=3.5, gt=0, description="in standard errors")
    catch_up_s: int = Field(default=86400, ge=0, description="how far back a restarted evaluator starts")
    console_url: str = Field(default="", description="where people open finsent: alerts link to <url>/alerts/<id>")
    emerging_s: int = Field(default=300, ge=0, description="how often emerging topics are looked for; 0: never")
    reread_s: int = Field(default=6 * 3600, ge=0, description="how often all of the baseline is read again")
