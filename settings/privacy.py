"""The key of the pseudonyms: the environment variable ``FINSENT_PSEUDONYM_KEY``."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PrivacySettings(BaseSettings):
    """The secret key with which authors' names become pseudonyms."""

    model_config = SettingsConfigDict(env_prefix="FINSENT_")

    pseudonym_key: SecretStr = Field(
        default=...,
        min_length=32,
        description="The secret key of authors' pseudonyms, at least 32 characters; `finsent up` makes one",
    )
