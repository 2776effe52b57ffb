"""How much one story of a source counts as a witness of an event, from ``source_weights.yaml`` or a file of one's
own. A source that the file does not name, and that is alone too often, counts half."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from alerts.events.source_record import SourceRecord
from documents import Kind
from errors import FinsentError
from settings import read_replaceable

Weight = Annotated[float, msgspec.Meta(ge=0, le=1)]


IF_ALONE = 0.5
"""The weight of a source that is alone too often is multiplied by this."""


class BadSourceWeights(FinsentError, ValueError):
    """The file of source weights cannot be used; the text says why."""


class _Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: Weight
    names: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    news: Weight
    comments: Weight
    sources: list[_Named] = []


class SourceWeights:
    """The weights of one file. Raises ``BadSourceWeights`` for a name that stands twice."""

    def __init__(self, file: _File) -> None:
        self._others: dict[Kind, float] = {"news": file.news, "comment": file.comments}
        self._named: dict[str, float] = {}
        for group in file.sources:
            for name in group.names:
                if name.lower() in self._named:
                    raise BadSourceWeights(f"the source {name!r} stands twice")
                self._named[name.lower()] = group.weight

        self._record = SourceRecord()

    def learn(self, record: SourceRecord) -> None:
        """Judge the sources that the file does not name by what is known of them."""
        self._record = record

    def of(self, source: str, kind: Kind, at: datetime) -> float:
        """The weight of one story of ``source``, published ``at``: 0 to 1."""
        name = source.lower()
        while name:
            if name in self._named:
                return self._named[name]
            # feeds.bbci.co.uk is known as bbci.co.uk; a name that is no domain has no part behind a dot.
            name = name.partition(".")[2] if " " not in name else ""
        alone = self._record.is_alone_too_often(source.lower(), at.date())
        return self._others[kind] * (IF_ALONE if alone else 1.0)


def load_source_weights(path: Path | None = None) -> SourceWeights:
    """The weights in the YAML file ``path``, by default those that ship with finsent. Raises ``BadSourceWeights``."""

    def make(text: bytes) -> SourceWeights:
        return SourceWeights(msgspec.yaml.decode(text, type=_File))

    return read_replaceable(path, "alerts.events", "source_weights.yaml", "ALERT_SOURCES", make, BadSourceWeights)
