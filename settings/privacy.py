"""The key of the pseudonyms: the environment variable ``FINSENT_PSEUDONYM_KEY``, or a file."""

from __future__ import annotations

from typing import Any

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.secret_files import with_secret_of_file


class PrivacySettings(BaseSettings):
    """The secret key with which authors' names become pseudonyms."""

    model_config = SettingsConfigDict(env_prefix="FINSENT_")

    pseudonym_key: SecretStr = Field(
        default=...,
        min_length=32,
        description="The secret key of authors' pseudonyms, at least 32 characters; `finsent up` makes one",
    )
    pseudonym_key_file: FilePath | None = Field(default=None, description="A file with that key, instead")

    @model_validator(mode="before")
    @classmethod
    def _of_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        return with_secret_of_file(values, "pseudonym_key")
