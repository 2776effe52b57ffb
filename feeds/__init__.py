"""Public sources become records of news and comments: a producer like any other.

``plan`` is the file of feeds, ``fetching`` asks servers, ``sources`` has one file for each kind of source, ``delivery``
sends what is new, and ``runner`` reads all feeds when they are due. What sends to Kafka is handed in (``Outlet``).
"""

from feeds.delivery import Outlet
from feeds.examination import Examined, examine
from feeds.health import FeedHealth, Metrics, Report
from feeds.plan import BadFeeds, Plan, load_plan, presets
from feeds.runner import Runner
from feeds.state import BadState, StateFile

__all__ = [
    "BadFeeds",
    "BadState",
    "Examined",
    "FeedHealth",
    "Metrics",
    "Outlet",
    "Plan",
    "Report",
    "Runner",
    "StateFile",
    "examine",
    "load_plan",
    "presets",
]
