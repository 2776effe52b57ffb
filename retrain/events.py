"""What happens to versions of the model, for the table ``model_events`` and for those who follow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class VersionEvent(NamedTuple):
    """``event`` is one of published, rejected, shadowed, promoted, drift and drift_ended; ``previous`` is the version
    that ``version`` was compared with or replaces, '' if there is none."""

    event: str
    version: str
    previous: str
    detail: str


Announce = Callable[[str, str, str, str], None]
"""Called with the fields of each ``VersionEvent``."""
