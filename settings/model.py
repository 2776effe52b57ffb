"""How the scorer is configured: environment variables with the prefix ``MODEL_``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, FilePath, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.environment import HOME
from settings.kafka import secret_of


class ModelSettings(BaseSettings):
    """Where the versions of the model are, and what one scorer may use."""

    # What was given may be a secret, so it is not repeated in an error.
    model_config = SettingsConfigDict(env_prefix="MODEL_", protected_namespaces=(), hide_input_in_errors=True)

    registry: str | Path = Field(
        default=HOME / "models",
        description="The registry of versions: a folder, or a URL that fsspec knows, such as s3://bucket/models (with "
        "s3fs installed)",
    )
    cache: Path = Field(
        default=Path.home() / ".cache" / "finsent" / "models",
        description="The folder into which versions are fetched from a registry that is a URL",
    )
    built_in: Path | None = Field(
        default=None,
        description="A folder with a registry that has the model that ships, built already, as the images have one: an "
        "empty registry is given a copy, and nothing is built. The folder `topics` beside it has its fitted topics",
    )
    signing_key: SecretStr | None = Field(
        default=None,
        description="A private key (Ed25519, PEM), with which versions are signed when they are promoted or put in "
        "the shadow",
    )
    signing_key_file: FilePath | None = Field(default=None, description="A file with that key, instead")
    trusted_keys: str = Field(
        default="",
        description="Public keys (PEM), one after the other: then only versions are loaded that one of them has signed",
    )
    trusted_keys_file: FilePath | None = Field(default=None, description="A file with those keys, instead")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="`cpu`, `cuda`, or `auto`: CUDA where it can be used"
    )
    engine: Literal["auto", "onnxruntime", "native"] = Field(
        default="auto",
        description="The engine on a CPU: `onnxruntime`, `native` (finsent's own, for AVX2, AVX-VNNI, AVX-512 "
        "VNNI and Arm's dot product), or `auto`: `native` wherever it runs",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Threads of one scorer; unset: what a short measurement finds best"
    )
    batch_tokens: int | None = Field(
        default=None, ge=16, description="Tokens in a batch; unset: what a short measurement finds best"
    )
    events: bool = Field(
        default=True, description="Whether documents are read for events: what happened to the companies in them"
    )
    repeats: int = Field(
        default=4096, ge=0, description="Scores kept for texts that come again, 2 kB each; 0: none are kept"
    )

    @property
    def signing_secret(self) -> str:
        """The private key to sign versions with, '' if there is none."""
        return secret_of(self.signing_key, self.signing_key_file)

    @property
    def trusted(self) -> str | None:
        """The public keys that are trusted, one after the other; None if signatures are not looked at."""
        if self.trusted_keys_file is not None and not self.trusted_keys:
            return secret_of(None, self.trusted_keys_file)
        return self.trusted_keys or None
