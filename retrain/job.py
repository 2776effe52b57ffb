"""Rows on their way to the training process, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from retrain.data.datasets import Example


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(asdict(e), ensure_ascii=False) + "\n" for e in examples), encoding="utf-8")


def read_examples(path: Path) -> list[Example]:
    """What ``write_examples`` wrote."""
    return [Example(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
