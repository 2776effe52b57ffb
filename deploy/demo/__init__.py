"""The demo: a recorded week, replayed from end to end, and its accounts."""

from deploy.demo.pictures import browser
from deploy.demo.run import Arrivals, run

__all__ = ["Arrivals", "browser", "run"]
