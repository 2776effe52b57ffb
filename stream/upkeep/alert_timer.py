"""Evaluates the alert rules again and again, in the one worker that leads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from alerts import Evaluator
from stream.threads import WorkerThread
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)


class AlertTimer:
    """``may_run`` says whether this worker leads and ClickHouse is there."""

    def __init__(self, evaluator: Evaluator, may_run: Callable[[], bool], metrics: Metrics) -> None:
        self._evaluator, self._may_run, self._metrics = evaluator, may_run, metrics
        self._thread = WorkerThread("alert")
        self._evaluating = False

    async def turn(self) -> None:
        """Evaluate the rules once. A failure is logged, and the next turn tries again."""
        if self._evaluating or not self._may_run():
            return
        self._evaluating = True
        started = time.monotonic()
        try:
            made = await self._thread.run(self._evaluator.advance)
        except Exception:
            log.exception("alerts could not be evaluated; the next turn tries again")
            self._metrics.alert_failures.inc()
        else:
            for transition in made:
                self._metrics.transitions.labels(transition.state).inc()
                names = ("id", "entity", "direction", "severity", "state", "at")
                shown = {name: getattr(transition, name) for name in names}
                log.warning("alert", extra={"alert": shown})
            self._metrics.alert_seconds.observe(time.monotonic() - started)
            self._metrics.evaluated.set(self._evaluator.evaluated_until)
        finally:
            self._evaluating = False
