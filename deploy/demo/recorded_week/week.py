"""The files of the week, and what must be found in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SEED = 20200615
MONDAY = datetime(2020, 6, 15, tzinfo=UTC)
TONES = ("positive", "negative", "neutral")

TURNED = {
    "WDI.DE": frozenset({"fraud and accounting", "debt and liquidity", "management", "litigation", "regulation"}),
    "LLY": frozenset({"product"}),
    # The stories of the stake in T-Mobile also name its owner, and the company with which it merged.
    **dict.fromkeys(("TMUS", "DTE.DE", "S"), frozenset({"ownership", "share offering", "mergers and acquisitions"})),
}
"""The topics to which the talk about a company turns with its event; before it, the talk is that of quiet days."""


@dataclass
class Week:
    """The files, and what is in them."""

    news: Path
    comments: Path
    labels: Path
    produced: int = 0
    malformed: Counter[str] = field(default_factory=Counter)
    syndicated_copies: int = 0
    sent_twice: int = 0
    companies: int = 0
    labelled: int = 0
    shifts: frozenset[tuple[str, str]] = frozenset({("WDI.DE", "negative"), ("LLY", "positive")})
    """(entity, direction) of every alert that must be raised; any other is wrong."""

    topics: Mapping[str, frozenset[str]] = field(default_factory=lambda: TURNED)
    """The topics of each entity about which a topic alert may be raised; any other is wrong."""

    @property
    def malformed_count(self) -> int:
        """The number of lines that are no message."""
        return self.malformed.total()


def published_at(record: Mapping[str, Any]) -> str:
    """The time of publication, in RFC 3339: to sort records by."""
    return str(record["published_at"])
