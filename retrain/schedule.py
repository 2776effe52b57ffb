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

import model
from retrain import drift
from retrain.drift import lasting
from retrain.judge.shadow import decide
from retrain.run import Announce, Busy, CannotTrain, exclusive, last_run, retrain
from settings import RetrainSettings
from storage import UNAVAILABLE
from storage.reads import count_labels, first_label_at, training_runs

log = logging.getLogger(__name__)
WATCH_S = 10.0


class Next(NamedTuple):
    """``at`` is the cron line's next time (past, if it was missed), ``new`` the labels since the last run, ``wanted``
    how many of them start one; ``left`` are those since the last run that came to a verdict: what a run that failed has
    not dealt with is tried again at the cron line's next time."""

    at: datetime
    new: int
    wanted: int
    last: datetime | None
    left: int
    alarms: int


def upcoming(client: Client, settings: RetrainSettings, now: datetime | None = None) -> Next:
    """What the next run waits for. Raises ``ValueError`` for a bad cron line."""
    last = last_run(client)
    judged = next((run for run in training_runs(client, 200) if run["state"] in ("passed", "rejected")), None)
    trigger = CronTrigger.from_crontab(settings.cron, timezone=UTC)
    # Before the first run the first label counts: a time that was missed since then is caught up with, too.
    since = last["started_at"] if last else first_label_at(client) or now or datetime.now(UTC)
    at = trigger.get_next_fire_time(None, since)
    new = count_labels(client, last["labels_until"] if last else None)
    left = count_labels(client, judged["labels_until"] if judged else None)
    alarms = len(lasting(client))
    wanted = min(settings.new_labels, settings.on_drift) if alarms and settings.on_drift else settings.new_labels
    return Next(at, new, wanted, last["started_at"] if last else None, left, alarms)


class Scheduler:
    """Runs what is due until ``stop``; ``connect`` makes a client a turn."""

    def __init__(
        self, connect: Callable[[], Client], registry: str | Path, settings: RetrainSettings, announce: Announce
    ) -> None:
        self._connect, self._registry, self._settings, self._announce = connect, registry, settings, announce
        self._looked: datetime | None = None
        # One thread: a run that is due while another is on waits for it, and then mostly is not due any more.
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1), "watch": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def serve(self, stop: threading.Event) -> None:
        """Until ``stop`` is set; a run under way is ended with the process. Raises as ``connect`` does at first."""
        first = upcoming(self._connect(), self._settings)
        log.info("next run", extra={"due": first.at.isoformat(), "new": first.left, "or_at_new": first.wanted})
        cron = CronTrigger.from_crontab(self._settings.cron, timezone=UTC)
        self._scheduler.add_job(self._turn, cron, ["cron"], next_run_time=first.at)
        every = IntervalTrigger(seconds=self._settings.check_s)
        self._scheduler.add_job(self._turn, every, ["labels"], next_run_time=datetime.now(UTC))
        watch = IntervalTrigger(seconds=min(self._settings.check_s, WATCH_S))
        # On a thread of their own: they must not wait for a run.
        self._scheduler.add_job(self._watch_shadow, watch, executor="watch")
        looking = IntervalTrigger(seconds=min(self._settings.drift_s, WATCH_S))
        self._scheduler.add_job(self._look_for_drift, looking, executor="watch")
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

    def _watch_shadow(self) -> None:
        try:
            if (shadow := model.shadow(self._registry)) is None or not shadow.documents:
                return
            if event := decide(self._connect(), self._registry, self._settings):
                log.info("judged in the shadow", extra={"event": event[0], "version": event[1], "detail": event[3]})
                self._announce(*event)
        except UNAVAILABLE as error:
            log.warning("the version in the shadow could not be judged; the next turn tries again: %s", error)
        except Exception:
            log.exception("the version in the shadow could not be judged; the next turn tries again")

    def _look_for_drift(self) -> None:
        """Once at each of the moments at which every scheduler looks."""
        at = drift.moment(datetime.now(UTC), self._settings)
        if at == self._looked:
            return
        try:
            with exclusive(self._settings.place() / "drift"):
                for sentence in drift.tell(self._connect(), self._settings, at, self._announce):
                    log.warning("drift", extra={"detail": sentence})
            self._looked = at
        except Busy:
            return
        except UNAVAILABLE as error:
            log.warning("no look for drift; the next turn tries again: %s", error)
        except Exception:
            self._looked = at
            log.exception("the look for drift failed; the next one is in %d s", self._settings.drift_s)

    def _due(self, client: Client, cause: str) -> bool:
        found = upcoming(client, self._settings)
        if cause == "cron":
            return found.left > 0 and found.at <= datetime.now(UTC)
        return found.new >= found.wanted

    def _run(self, client: Client, cause: str) -> None:
        found = upcoming(client, self._settings)
        if cause == "labels" and found.new < self._settings.new_labels:  # an alarm made fewer enough
            cause = "drift"
        log.info("a run is due", extra={"cause": cause})
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
