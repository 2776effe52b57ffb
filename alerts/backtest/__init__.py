"""The rules over stored history with simulated time: what would have fired when, how late, and how often wrongly."""

from alerts.backtest.calibrate import calibrate
from alerts.backtest.chart import plot
from alerts.backtest.events import BadEvents, Event, load_events
from alerts.backtest.judge import AFTER, ANSWER, BEFORE, EARLY, is_answer, judge, poisson_interval
from alerts.backtest.replay import History, documents_of, event_lifecycle, read_history, replay

__all__ = [
    "AFTER",
    "ANSWER",
    "BEFORE",
    "EARLY",
    "BadEvents",
    "Event",
    "History",
    "calibrate",
    "documents_of",
    "event_lifecycle",
    "is_answer",
    "judge",
    "load_events",
    "plot",
    "poisson_interval",
    "read_history",
    "replay",
]
