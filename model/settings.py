"""How the scorer is configured: environment variables with the prefix ``MODEL_``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelSettings(BaseSettings):
    """Where versions lie and how many threads one scorer may use."""

    model_config = SettingsConfigDict(env_prefix="MODEL_", protected_namespaces=())

    registry: Path = Field(default=Path.home() / ".local" / "share" / "finsent" / "models")
    threads: int = Field(default=1, ge=1, description="intra-op threads; two processes of one beat one of two")
