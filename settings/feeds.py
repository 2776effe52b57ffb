"""How public sources are read: environment variables with the prefix ``FEEDS_``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.environment import data_directory


class FeedSettings(BaseSettings):
    """Which sources are read, and how often, is in the file of feeds."""

    model_config = SettingsConfigDict(env_prefix="FEEDS_")

    contact: str = Field(
        default="",
        description="An e-mail address or page of yours, for the user agent that sources see; in place of `contact` "
        "in the file of feeds",
    )
    state: Path | None = Field(
        default=None, description="The file of what was sent; default: `feeds-state.json` in the data directory"
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="The port of `/metrics` of `finsent feeds run`; 0: none"
    )

    @property
    def state_file(self) -> Path:
        """Where the state is."""
        return self.state or data_directory() / "feeds-state.json"
