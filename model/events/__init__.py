"""Reads what happened to a company: events in a text, each with its type, role, state, severity and relevance."""

from model.events.features import features, found_in
from model.events.head import LANGUAGE as LANGUAGE_OF_HEAD
from model.events.head import STAND_IN, Embeds, EventHead
from model.events.reader import EventReader, EventWord, load_event_reader
from model.events.severity import polarity, severity
from model.events.weights import BadEventWeights, EventWeights

__all__ = [
    # reading
    "Embeds",
    "EventReader",
    "EventWord",
    "load_event_reader",
    "polarity",
    "severity",
    # fitting
    "BadEventWeights",
    "EventHead",
    "EventWeights",
    "LANGUAGE_OF_HEAD",
    "STAND_IN",
    "features",
    "found_in",
]
