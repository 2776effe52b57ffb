"""What the detectors return: the results of many tests as arrays, and one detected shift as an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from documents import AlertKind, Direction, Severity


class Results(NamedTuple):
    """Test results of many (series, moment) pairs, as parallel arrays [pairs]. Each is that of the clearest span.

    For a shift, ``before`` and ``effect`` are the mean before and its change; for a buzz, the usual count and the ratio
    to it. ``statistic`` is 0 where no span has enough documents and effect.
    """

    entity: np.ndarray
    """Index of the series, int64."""
    at: np.ndarray
    """Unix seconds, int64."""
    statistic: np.ndarray
    effect: np.ndarray
    recent_s: np.ndarray
    """The span of the recent documents in seconds."""
    before: np.ndarray
    before_documents: np.ndarray
    before_error: np.ndarray
    """Standard error of ``before``."""
    after_documents: np.ndarray
    after_error: np.ndarray
    """Standard error of the recent mean or count."""


@dataclass(frozen=True)
class Shift:
    """One detected change, as seen at the event time ``at`` (Unix seconds).

    The means are sentiments or shares of documents; those of a buzz are documents a day. ``before_error`` and
    ``after_error`` are their standard errors.
    """

    entity: str
    at: int
    direction: Direction
    severity: Severity
    statistic: float
    before_mean: float
    after_mean: float
    before_documents: int
    after_documents: int
    recent_s: int
    began_at: int
    before_error: float = 0.0
    after_error: float = 0.0
    since_documents: int = 0
    """Documents from ``began_at`` to ``at``: what was missed by waiting for certainty."""
    kind: AlertKind = AlertKind.SENTIMENT_SHIFT
    topic: str = ""
