"""How the scorer is configured: environment variables with the prefix ``MODEL_``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelSettings(BaseSettings):
    """Where versions lie, and what one scorer may use."""

    model_config = SettingsConfigDict(env_prefix="MODEL_", protected_namespaces=())

    registry: str | Path = Field(
        default=Path.home() / ".local" / "share" / "finsent" / "models",
        description="a folder, or a URL that fsspec knows, such as s3://bucket/models (with s3fs installed)",
    )
    cache: Path = Field(
        default=Path.home() / ".cache" / "finsent" / "models", description="where versions of a URL are fetched to"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: CUDA where it can be used")
    engine: Literal["auto", "onnxruntime", "native"] = Field(
        default="auto",
        description="on a CPU; native is our own, for AVX-512 VNNI; auto: which of the two a short run finds faster",
    )
    threads: int | None = Field(default=None, ge=1, description="intra-op threads; unset: what a short run finds best")
    batch_tokens: int | None = Field(default=None, ge=16, description="tokens a batch; unset: found likewise")
    repeats: int = Field(
        default=4096, ge=0, description="so many scores are kept for texts that come again (2 kB each); 0: none"
    )
