"""A part of a version: one encoder and the languages it reads."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from model.calibration import Scale

FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One encoder of a version. Its graph is in the file ``<name>.onnx``, its tokenizer in ``<name>.json``.

    It reads texts in ``languages`` (ISO 639-1), of which it takes the first ``most_tokens`` tokens. ``alone``
    calibrates texts without an entity, ``pair`` texts with one. If ``pairs`` is false, the encoder was not trained on
    entities and gets the text alone. ``stand_in`` is the word that replaced entities' names in training; if it is
    empty, the names were left as they are. With ``figures``, the text says in words how its figures compare
    and bad quantities move (``documents.spelled_figures``, ``documents/bad_quantities.py``). ``experimental`` are those
    of its languages for which no test set, or none that it does well on, says how good it is.
    """

    name: FileName
    languages: Annotated[list[str], Meta(min_length=1)]
    base: str
    most_tokens: Annotated[int, Meta(ge=8)] = 256
    pairs: bool = True
    stand_in: Annotated[str, Meta(max_length=32)] = ""
    figures: bool = False
    experimental: list[str] = []
    alone: Scale = Scale()
    pair: Scale = Scale()


def file_digest(path: Path) -> str:
    """The sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
