"""The demo: a recorded week, replayed from end to end, and its accounts."""

from deploy.demo.pictures import browser
from deploy.demo.run import run

__all__ = ["browser", "run"]
