"""How the console is configured: environment variables with the prefix ``CONSOLE_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ConsoleSettings(BaseSettings):
    """Where the console listens. Only on loopback: nobody signs in."""

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    port: int = Field(default=8800, ge=0, le=65535)
