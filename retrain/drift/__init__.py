"""Whether the documents that arrive, or what the model makes of them, are still like those that it was judged on."""

from retrain.drift.change import Change, change
from retrain.drift.look import REFERENCES, announce_alarms, last_moment, lasting_alarms
from retrain.drift.measures import (
    KNOWN,
    MEASURES,
    MEASURES_OF_A_KIND,
    joined,
    measures,
)

__all__ = [
    "KNOWN",
    "MEASURES",
    "MEASURES_OF_A_KIND",
    "REFERENCES",
    "Change",
    "announce_alarms",
    "change",
    "joined",
    "last_moment",
    "lasting_alarms",
    "measures",
]
