"""What keeps a worker healthy and shows its state: watchdog, circuit breaker, metrics, logs."""

from stream.upkeep.breaker import CircuitBreaker, FeedBroken
from stream.upkeep.logs import logging_config
from stream.upkeep.metrics import Metrics
from stream.upkeep.watchdog import Watchdog

__all__ = ["CircuitBreaker", "FeedBroken", "Metrics", "Watchdog", "logging_config"]
