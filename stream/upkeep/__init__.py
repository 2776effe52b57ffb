"""What keeps a worker healthy and shows its state: watchdog, circuit breaker, metrics, logs."""

from stream.upkeep.breaker import CircuitBreaker, FeedBroken
from stream.upkeep.logs import logging_config
from stream.upkeep.metrics import Metrics
from stream.upkeep.run_record import RUNS, left_behind, waiting_workers
from stream.upkeep.watchdog import Watchdog

__all__ = [
    "RUNS",
    "CircuitBreaker",
    "FeedBroken",
    "Metrics",
    "Watchdog",
    "left_behind",
    "logging_config",
    "waiting_workers",
]
