"""Alerts about events: what happened to a company, told by enough independent stories.

- ``source_weights``: how much a story of a source counts. ``source_record``: which sources are alone too often.
- ``belief``: what is believed at a moment.
- ``lifecycle``: firing, escalated, resolved. ``watch``: the same over what is new in the storage.
"""

from alerts.events.belief import YEAR
from alerts.events.lifecycle import EventLifecycle
from alerts.events.source_record import SETTLED, SPAN, SourceRecord
from alerts.events.source_weights import BadSourceWeights, SourceWeights, load_source_weights
from alerts.events.watch import EventWatch

__all__ = [
    "SETTLED",
    "SPAN",
    "YEAR",
    "BadSourceWeights",
    "EventLifecycle",
    "EventWatch",
    "SourceRecord",
    "SourceWeights",
    "load_source_weights",
]
