"""The detectors: pure functions over numpy arrays, one algorithm a file. They know no database.

- ``series``, ``topic_series``: what is tested. ``parameters``: by what. ``results``: what comes out.
- ``shift_test``: has a mean moved? With ``comparison``, ``second_witness`` and ``topic_share``.
- ``buzz``: are there far more documents than usual?
- ``change_point``: when did a shift begin? ``breadth``: how many companies moved? ``recovery``: is a shift over?
"""

from alerts.detection.breadth import breadth
from alerts.detection.buzz import buzz_test, describe_buzz, is_quiet
from alerts.detection.parameters import Parameters, topic_parameters
from alerts.detection.recovery import has_recovered
from alerts.detection.results import Results, Shift
from alerts.detection.series import (
    MARKET,
    NAMES_TOPIC,
    NEWS_OF_NO_COMPANY,
    NO_COMPANY,
    WINDOW_S,
    Look,
    Series,
    entity_and_topic,
    series_name,
)
from alerts.detection.shift_test import describe_shift, run_shift_test, severity_of
from alerts.detection.topic_series import TopicSeries

__all__ = [
    "MARKET",
    "NAMES_TOPIC",
    "NEWS_OF_NO_COMPANY",
    "NO_COMPANY",
    "WINDOW_S",
    "Look",
    "Parameters",
    "Results",
    "Series",
    "Shift",
    "TopicSeries",
    "breadth",
    "buzz_test",
    "describe_buzz",
    "describe_shift",
    "entity_and_topic",
    "has_recovered",
    "is_quiet",
    "run_shift_test",
    "series_name",
    "severity_of",
    "topic_parameters",
]
