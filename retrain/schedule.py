"""When a run is due: at the times of a cron line if there are new labels, and as soon as there are many new labels.

The state is the table ``retrain_runs``, so a scheduler that was down catches up with one run. If there are two
schedulers, one of them runs: it takes the run's lock first, and asks again under the lock whether the run is due.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from clickhouse_driver import Client

from model.registry import current_shadow
from retrain.drift import announce_alarms, last_moment, lasting_alarms
from retrain.events import Announce
from retrain.job import Progress
from retrain.judge import decide_shadow
from retrain.lock import Busy, exclusive
from retrain.run import last_run, retrain
from retrain.training_process import CannotTrain
from settings import RetrainSettings
from storage import UNAVAILABLE
from storage.reads import count_labels, first_label_at, training_runs

log = logging.getLogger(__name__)
WATCH_S = 10.0
"""The version in the shadow, and the moments for drift, are looked at this often or more often."""

Cause = Literal["cron", "labels", "drift"]


class Next(NamedTuple):
    """What the next run waits for.

    ``at`` is the cron line's next time; it is past if the time was missed. ``new`` are the labels since the last run
    (only those of known annotators, if any are named), and ``wanted`` is how many of them start a run at once. ``left``
    are the labels since the last run that came to a verdict: those of a run that failed are tried again at the cron
    line's next time. ``last`` is when the last run started, None if there was none. ``alarms`` is how many drift alarms
    last.
    """

    at: datetime
    new: int
    wanted: int
    last: datetime | None
    left: int
    alarms: int


def upcoming(client: Client, settings: RetrainSettings, now: datetime | None = None) -> Next:
    """What the next run waits for. Raises ``ValueError`` for a bad cron line."""
    from apscheduler.triggers.cron import CronTrigger

    last = last_run(client)
    judged = next((run for run in training_runs(client, 200) if run["state"] in ("passed", "rejected")), None)
    trigger = CronTrigger.from_crontab(settings.cron, timezone=UTC)
    # Before the first run, times that were missed since the first label are caught up with, too.
    since = last["started_at"] if last else first_label_at(client) or now or datetime.now(UTC)
    at = trigger.get_next_fire_time(None, since)
    known = settings.known_annotators
    new = count_labels(client, last["labels_until"] if last else None, known)
    left = count_labels(client, judged["labels_until"] if judged else None, known)
    alarms = len(lasting_alarms(client))
    wanted = min(settings.new_labels, settings.on_drift) if alarms and settings.on_drift else settings.new_labels
    return Next(at, new, wanted, last["started_at"] if last else None, left, alarms)


class Scheduler:
    """Runs what is due until it is stopped; ``connect`` makes a client for each turn."""

    def __init__(
        self, connect: Callable[[], Client], registry: str | Path, settings: RetrainSettings, announce: Announce
    ) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self._connect, self._registry, self._settings, self._announce = connect, registry, settings, announce
        self._looked: datetime | None = None
        # One thread for runs: a run that is due while another is under way waits for it, and then is mostly not due
        # any more. The looks have a thread of their own, so they do not wait for a run.
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1), "watch": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def serve(self, stop: threading.Event) -> None:
        """Run what is due until ``stop`` is set; a run under way then ends with the process.

        Raises what ``connect`` raises, at the start only, and ``ValueError`` for a bad cron line.
        """
        from apscheduler.triggers.cron import CronTrigger
        from apscheduler.triggers.interval import IntervalTrigger

        settings = self._settings
        first = upcoming(self._connect(), settings)
        log.info("next run", extra={"due": first.at.isoformat(), "new": first.left, "or_at_new": first.wanted})
        cron = CronTrigger.from_crontab(settings.cron, timezone=UTC)
        self._scheduler.add_job(self._turn, cron, ["cron"], next_run_time=first.at)
        every = IntervalTrigger(seconds=settings.check_s)
        self._scheduler.add_job(self._turn, every, ["labels"], next_run_time=datetime.now(UTC))
        watch = IntervalTrigger(seconds=min(settings.check_s, WATCH_S))
        self._scheduler.add_job(self._watch_shadow, watch, executor="watch")
        looking = IntervalTrigger(seconds=min(settings.drift_s, WATCH_S))
        self._scheduler.add_job(self._look_for_drift, looking, executor="watch")
        self._scheduler.start()
        stop.wait()
        self._scheduler.shutdown(wait=False)

    def _turn(self, cause: Cause) -> None:
        try:
            client = self._connect()
            if self._due(client, cause):
                self._run(client, cause)
        except UNAVAILABLE as error:
            log.warning("ClickHouse does not answer; the next turn tries again: %s", error)

    def _watch_shadow(self) -> None:
        try:
            if (shadow := current_shadow(self._registry)) is None or not shadow.documents:
                return
            if event := decide_shadow(self._connect(), self._registry, self._settings):
                details = {"event": event.event, "version": event.version, "detail": event.detail}
                log.info("judged in the shadow", extra=details)
                self._announce(*event)
        except UNAVAILABLE as error:
            log.warning("the version in the shadow could not be judged; the next turn tries again: %s", error)
        except Exception:
            log.exception("the version in the shadow could not be judged; the next turn tries again")

    def _look_for_drift(self) -> None:
        """Look once at each of the moments that all schedulers look at."""
        at = last_moment(datetime.now(UTC), self._settings)
        if at == self._looked:
            return
        try:
            with exclusive(self._settings.place() / "drift"):
                for sentence in announce_alarms(self._connect(), self._settings, at, self._announce):
                    log.warning("drift", extra={"detail": sentence})
            self._looked = at
        except Busy:
            return
        except UNAVAILABLE as error:
            log.warning("no look for drift; the next turn tries again: %s", error)
        except Exception:
            self._looked = at
            log.exception("the look for drift failed; the next one is in %d s", self._settings.drift_s)

    def _due(self, client: Client, cause: Cause) -> bool:
        waiting = upcoming(client, self._settings)
        if cause == "cron":
            return waiting.left > 0 and waiting.at <= datetime.now(UTC)
        return waiting.new >= waiting.wanted

    def _run(self, client: Client, cause: Cause) -> None:
        waiting = upcoming(client, self._settings)
        if cause == "labels" and waiting.new < self._settings.new_labels:
            cause = "drift"  # only because of an alarm are so few labels enough
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
                names = ("run", "challenger", "passed", "reason", "seconds")
                log.info("run ended", extra={name: getattr(outcome, name) for name in names})

    @staticmethod
    def _log_epoch(progress: Progress) -> None:
        if "validation_macro_f1" in progress:
            figures = {"epoch": progress["epoch"], "validation_macro_f1": progress["validation_macro_f1"]}
            log.info("epoch", extra=figures)
