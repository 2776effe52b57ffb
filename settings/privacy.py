"""The pseudonym key and the watch list: environment variables with the prefix ``FINSENT_``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PrivacySettings(BaseSettings):
    """The secret that pseudonyms are made with, the watch list, and where finsent keeps its files."""

    model_config = SettingsConfigDict(env_prefix="FINSENT_")

    pseudonym_key: SecretStr = Field(default=..., min_length=32)
    watchlist: Path | None = None
