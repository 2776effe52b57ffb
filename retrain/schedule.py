"""When a run is due: at the times of a cron line if there are new labels, and as soon as there are many.

The state is the table ``retrain_runs``, so a scheduler that was away catches up with one run, and of two
schedulers one runs: the run's lock is taken first, and what is due is asked again under it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from clickhouse_driver import Client

from retrain.run import Announce, Busy, CannotTrain, last_run, retrain
from retrain.settings import RetrainSettings
from storage import UNAVAILABLE, count_labels

log = logging.getLogger(__name__)


class Next(NamedTuple):
    """``at`` is the cron line's next time (past, if it was missed), ``new`` the labels since the last run."""

    at: datetime
    new: int
    wanted: int
    last: datetime | None


def upcoming(client: Client, settings: RetrainSettings, now: datetime | None = None) -> Next:
    """What the next run waits for. Raises ``ValueError`` for a bad cron line."""
    last = last_run(client)
    trigger = CronTrigger.from_crontab(settings.cron, timezone=UTC)
    at = trigger.get_next_fire_time(None, last["started_at"] if last else now or datetime.now(UTC))
    new = count_labels(client, last["labels_until"] if last else None)
    return Next(at, new, settings.new_labels, last["started_at"] if last else None)


class Scheduler:
    """Runs what is due until ``stop``; ``connect`` makes a client a turn."""

    def __init__(
        self, connect: Callable[[], Client], registry: str | Path, settings: RetrainSettings, announce: Announce
    ) -> None:
        self._connect, self._registry, self._settings, self._announce = connect, registry, settings, announce
        # One thread: a run that is due while another is on waits for it, and then mostly is not due any more.
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def serve(self, stop: threading.Event) -> None:
        """Until ``stop`` is set; a run under way is ended with the process. Raises as ``connect`` does at first."""
        first = upcoming(self._connect(), self._settings)
        log.info("next run", extra={"at": first.at.isoformat(), "new": first.new, "or_at_new": first.wanted})
        cron = CronTrigger.from_crontab(self._settings.cron, timezone=UTC)
        self._scheduler.add_job(self._turn, cron, ["cron"], next_run_time=first.at)
        every = IntervalTrigger(seconds=self._settings.check_s)
        self._scheduler.add_job(self._turn, every, ["labels"], next_run_time=datetime.now(UTC))
        self._scheduler.start()
        stop.wait()
        self._scheduler.shutdown(wait=False)

    def _turn(self, cause: str) -> None:
        try:
            client = self._connect()
            if self._due(client, cause):
                self._run(client, cause)
        except UNAVAILABLE as error:
            log.warning("ClickHouse does not answer; the next turn tries again: %s", error)

    def _due(self, client: Client, cause: str) -> bool:
        found = upcoming(client, self._settings)
        if cause == "cron":
            return found.new > 0 and (found.last is None or found.at <= datetime.now(UTC))
        return found.new >= found.wanted

    def _run(self, client: Client, cause: str) -> None:
        log.info("run starts", extra={"cause": cause})
        try:
            outcome = retrain(
                client,
                self._registry,
                self._settings,
                cause,
                self._announce,
                self._log_epoch,
                due=lambda: self._due(client, cause),
            )
        except (Busy, CannotTrain) as error:
            log.warning("no run: %s", error)
        except UNAVAILABLE:
            raise
        except Exception:
            log.exception("the run failed")
        else:
            if outcome is not None:
                told = {name: getattr(outcome, name) for name in ("run", "challenger", "passed", "reason", "seconds")}
                log.info("run ended", extra=told)

    @staticmethod
    def _log_epoch(told: dict[str, Any]) -> None:
        if "validation_macro_f1" in told:
            log.info("epoch", extra={name: told[name] for name in ("epoch", "validation_macro_f1")})
