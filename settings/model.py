"""How the scorer is configured: environment variables with the prefix ``MODEL_``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.environment import HOME


class ModelSettings(BaseSettings):
    """Where the versions of the model are, and what one scorer may use."""

    model_config = SettingsConfigDict(env_prefix="MODEL_", protected_namespaces=())

    registry: str | Path = Field(
        default=HOME / "models",
        description="The registry of versions: a folder, or a URL that fsspec knows, such as s3://bucket/models (with "
        "s3fs installed)",
    )
    cache: Path = Field(
        default=Path.home() / ".cache" / "finsent" / "models",
        description="The folder into which versions are fetched from a registry that is a URL",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="`cpu`, `cuda`, or `auto`: CUDA where it can be used"
    )
    engine: Literal["auto", "onnxruntime", "native"] = Field(
        default="auto",
        description="The engine on a CPU: `onnxruntime`, `native` (finsent's own, for AVX-512 VNNI), or `auto`: the "
        "one that a short measurement finds faster",
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
