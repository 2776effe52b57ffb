"""How bad an alert is: the one place where notice, warning or critical is decided.

- A shift of a sentiment or of a topic's share: by its size and its evidence, see ``LEVELS``.
- A shift of the whole market: the same, on the market's own scale, and at least a warning.
- An event: by its own severity (1 to 5), its type and its state, see ``of_event``.
- A buzz (volume without a change of tone) and a new topic: always a notice.
- A silent feed: always critical, since nothing can be said about what it does not bring.

A rule of the rules' file may keep less severe alerts from its receivers, but does not change a severity.
"""

from __future__ import annotations

from typing import NamedTuple

from documents import Severity
from documents.events import EventState


class Level(NamedTuple):
    """What a shift needs to be of a severity."""

    severity: Severity
    effect: float
    """The least change of the mean."""
    evidence: float
    """The least statistic, as a multiple of the default threshold (``ALERT_THRESHOLD``), whatever a rule's own is."""


LEVELS = (
    Level(Severity.CRITICAL, effect=0.3, evidence=1.75),
    Level(Severity.WARNING, effect=0.2, evidence=1.2),
    Level(Severity.NOTICE, effect=0.0, evidence=0.0),
)
"""The worst first: a shift is of the first severity whose two conditions it meets."""

LEAST_OF_MARKET = Severity.WARNING
"""A shift of the whole market stands for all companies, so it is never a mere notice."""

BUZZ = Severity.NOTICE
EMERGING_TOPIC = Severity.NOTICE
STALE_FEED = Severity.CRITICAL


def of_shift(effect: float, evidence: float, market_scale: float | None = None) -> Severity:
    """The severity of a shift.

    ``effect`` is the change of the mean, ``evidence`` the statistic over the threshold; both without sign.
    ``market_scale`` is given for a shift of the whole market: its effects are so many times a company's.
    """
    scale = 1.0 if market_scale is None else market_scale
    reached = next(level for level in LEVELS if effect >= level.effect * scale and evidence >= level.evidence)
    if market_scale is not None and reached.severity.rank < LEAST_OF_MARKET.rank:
        return LEAST_OF_MARKET
    return reached.severity


def of_event(level: int, pages: bool, state: EventState) -> Severity:
    """The severity of an alert about an event of ``level`` 1 to 5: 5 is critical, 4 a warning, and the others are
    notices.

    The level already says that what is only threatened or rumoured is less bad. In these states, and without ``pages``,
    which says that the type may wake nobody, the alert is at most a warning.
    """
    most = Severity.CRITICAL if pages and state is EventState.HAPPENED else Severity.WARNING
    return list(Severity)[min(most.rank, max(0, level - 3))]
