"""The parameters of all detectors, with the values that ship. Spans are in seconds of the documents' own time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from settings import AlertSettings

_DEFAULTS = AlertSettings.model_construct()
"""The defaults of the settings, whatever the environment says."""


@dataclass(frozen=True)
class Parameters:
    """What counts as a shift, as a buzz, and as their end. A file of rules changes the first four and the cooldown."""

    threshold: float = _DEFAULTS.threshold
    """The statistic at which a shift fires, in standard errors. ``finsent alerts calibrate`` measures which threshold
    gives a wanted rate of false alarms."""
    minimum_documents: int = _DEFAULTS.minimum_documents
    """A span with fewer documents is not tested."""
    minimum_effect: float = _DEFAULTS.minimum_effect
    """A smaller change of the mean is no shift, however certain it is."""
    for_s: int = 0
    """How long a shift must last before it fires (``for`` in Alertmanager)."""
    cooldown_s: int = 24 * 3600
    """No second alert of the same kind and subject within this time before an alert fires or after it ends."""

    recent_s: tuple[int, ...] = (3600, 3 * 3600, 12 * 3600, 48 * 3600, 7 * 86400)
    """The recent spans, each of which is compared with the time before it."""
    baseline_s: int = 30 * 86400
    """How much of the time before a recent span it is compared with."""
    drift: float = 0.08
    """Standard deviation of a company's true tone from day to day, which is no shift."""
    likeness: float = 0.03
    """Correlation of the documents within one span: they often speak of the same event."""

    market_drift: float = 0.03
    """The least standard deviation of the whole market's true tone from day to day."""
    market_effect: float = 0.1
    """``minimum_effect`` for the whole market."""
    market_documents: int = 40
    """``minimum_documents`` for the whole market."""
    market_companies: int = 20
    """A market-wide shift needs at least so many companies with documents."""
    market_breadth: float = 0.6
    """At least this share of those companies must have moved in the direction of a market-wide shift."""

    no_company_span_s: int = 86400
    """The recent span of the news that names no company."""
    no_company_weight: float = 1.45
    """The statistic of news that names no company is multiplied by this: it is one series and not hundreds, so fewer
    tests can err."""

    resolved_below: float = 0.5
    """A shift is over when the recent change of the mean is below this share of the change that fired."""
    resolved_span_s: int = 24 * 3600
    """The recent span in which the end of a shift is looked for."""
    silent_s: int = 3 * 86400
    """A shift is also over when its subject has had no document for so long."""

    buzz_ratio: float = 4.0
    """A buzz has at least so many times the usual documents."""
    buzz_threshold: float = 5.0
    """The statistic at which a buzz fires, in standard deviations of the usual count; if infinite, volume is not
    tested."""
    buzz_documents: int = 10
    """A buzz has at least so many documents."""
    buzz_span_s: int = 86400
    """The span whose documents are counted."""

    tone_least: float = 1.75
    """The tone alone must be worse by so many standard errors before the volume counts as a second witness."""
    volume_most: float = 2.5
    """The volume, as a second witness, counts for at most so many standard deviations."""

    buzz_effect: float = 0.2
    """``minimum_effect`` within a buzz."""
    negative_in_buzz: float = 2.4
    """Within a buzz, the standard errors of a worse tone are multiplied by this: a surge of documents and a worse tone
    together are a crisis, and hardly ever chance."""
    positive_in_buzz: float = 1.6
    """Within a buzz, the standard errors of a better tone are multiplied by this."""
    looks: float = 0.2
    """Within a buzz, the statistic is divided by 1 + ``looks`` x ln(windows with documents so far), since each of them
    was one more test of the same surge."""


def topic_parameters(company: Parameters) -> Parameters:
    """The parameters for a topic's share of a company's documents, given those for the company's tone.

    A share goes from 0 to 1 and a tone from -1 to 1, so half of the effect counts, on longer spans with more
    documents. ``drift`` is in standard deviations of one document here. Volume and the market are not tested.
    """
    return Parameters(
        recent_s=(86400, 7 * 86400),
        baseline_s=company.baseline_s,
        minimum_documents=max(company.minimum_documents, 10),
        minimum_effect=company.minimum_effect / 2,
        threshold=max(company.threshold, 3.6),
        drift=0.15,
        likeness=0.03,
        buzz_threshold=math.inf,
        market_documents=10**9,
        cooldown_s=company.cooldown_s,
    )
