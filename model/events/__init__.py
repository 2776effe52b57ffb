"""Reads what happened to a company: events in a text, each with its type, role, state, severity and relevance."""

from model.events.features import features, found_in
from model.events.reader import EventReader, EventWord, load_event_reader
from model.events.severity import polarity, severity
from model.events.weights import BadEventWeights, EventWeights

__all__ = [
    # reading
    "EventReader",
    "EventWord",
    "load_event_reader",
    "polarity",
    "severity",
    # fitting
    "BadEventWeights",
    "EventWeights",
    "features",
    "found_in",
]
