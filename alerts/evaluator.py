"""Evaluates the alert rules over what is stored: reads, runs the lifecycle, and publishes and writes the transitions.

All state is in ClickHouse. A worker that takes over, or two that overlap, reach the same alerts with the same ids.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from alerts.detection import Parameters
from alerts.durations import seconds
from alerts.emerging import find_emerging_topics
from alerts.emerging_notices import emerging_notices
from alerts.events import EventWatch, load_source_weights
from alerts.evidence import Explain, ExplainEvent, add_event_words, add_evidence, add_link
from alerts.incidents import CLOSE, Incidents
from alerts.lifecycle import Lifecycle
from alerts.rules import BadRules, Rules
from alerts.rules_file import load_rules
from alerts.sources import Source
from alerts.stale_feeds import LOOKBACK, stale_feed_alerts
from alerts.transition import Alert, Transition, event_time
from alerts.watched import WatchedSources
from documents import AlertKind, AlertState, EntityType
from documents.events import load_event_types
from settings import AlertSettings
from storage import UNAVAILABLE
from storage.reads import active_feeds, alerts_now, entities_stored, event_time_watermark, exposures, latest_offsets
from storage.writes import settle_hours, write_alerts

log = logging.getLogger(__name__)

NOTIFY_S = 30.0
"""The longest time between two looks at what is due to receivers, such as a digest, or a message that failed before."""

SETTLE_S = 120.0
"""Seconds between two updates of ``settled_counts`` and ``settled_repeats``: what counts in each past hour, worked out
once for the rules and the views, which read it."""

RECENTLY_STORED = timedelta(hours=1)
"""Only partitions into which something was stored within this time count for the watermark."""


def parameters_of(settings: AlertSettings) -> Parameters:
    """The default parameters, as changed by the settings."""
    return Parameters(
        minimum_documents=settings.minimum_documents,
        minimum_effect=settings.minimum_effect,
        threshold=settings.threshold,
    )


class Evaluator:
    """Use it from one thread.

    ``publish`` is called with the transitions before they are written, so that none is left out when a worker dies in
    between; ``notify`` afterwards, for the receivers. ``explain`` gives the deciding words of a text's sentiment, and
    ``explain_event`` those of an event in it. ``desks`` and ``other_types`` are as in ``Rules``.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        settings: AlertSettings,
        publish: Callable[[list[Transition]], None] = lambda transitions: None,
        explain: Explain | None = None,
        desks: dict[str, str] | None = None,
        notify: Callable[[Client, Rules], None] = lambda client, rules: None,
        explain_event: ExplainEvent | None = None,
        other_types: dict[str, EntityType] | None = None,
    ) -> None:
        self._connect, self._settings, self._parameters = connect, settings, parameters_of(settings)
        self.publish, self.notify = publish, notify
        self._explain, self._explain_event = explain, explain_event
        self._desks, self._other_types = desks, other_types
        self._client: Client | None = None
        self._rules_read = 0.0
        self.rules = Rules(base=self._parameters, desks=desks, other_types=other_types)
        if settings.rules:
            self.rules = load_rules(settings.rules, self._parameters, desks, other_types)
            self._rules_read = settings.rules.stat().st_mtime
        self._watched = WatchedSources(self._parameters, settings.reread_s, other_types or (), settings.tick_s)
        self._events = EventWatch(load_event_types(), load_source_weights(settings.sources), settings.tick_s)
        self._seen: Mapping[tuple[str, str, int], int] | None = None
        self.evaluated_until = 0
        self._emerging_at = self._notified = self._settled = -math.inf

    def advance(self) -> list[Transition]:
        """Evaluate new reports of events, and every tick since the last call, up to now or (``ALERT_CLOCK``) to the
        documents' watermark.

        Raises what the storage raises; the next call then begins where this one did.
        """
        self._reload()
        if self._client is None:
            self._client = self._connect()
        try:
            self._hold(self._client)
            self._settle(self._client)
            if self._settings.clock == "wall":
                reached: float = time.time()
            else:
                mark = event_time_watermark(self._client, datetime.now(UTC) - RECENTLY_STORED)
                # More documents of the very last instant may still come.
                reached = mark.timestamp() - 0.001 if mark else 0
            last = int(reached) // self._settings.tick_s * self._settings.tick_s
            if last <= 0:
                return []
            first = self.evaluated_until or (last - self._settings.catch_up_s if self._settings.clock == "wall" else 0)
            if last > self.evaluated_until:
                return self.evaluate(first, last, reached)
            if made := self._happened(self._client, first, reached):
                since = min(transition.at for transition in made) - 2 * CLOSE
                self._tell(self._client, made, _known(self._client, since))
            elif time.monotonic() - self._notified > NOTIFY_S:
                self._notify(self._client)
            return made
        except BaseException:
            self._client.disconnect()
            self._client = None
            raise

    def evaluate(self, after: int, until: int, reached: float = 0.0) -> list[Transition]:
        """Evaluate the ticks in ``(after, until]`` (Unix seconds) over one reading of the windows, and the events up to
        ``reached``, or else up to ``until``."""
        client = self._client = self._client or self._connect()
        self._hold(client)
        transitions = self._happened(client, after, max(until, reached))
        # Read first, so that documents that come meanwhile are new to the next evaluation.
        seen = latest_offsets(client)
        late = [] if self._seen is None else entities_stored(client, self._seen, event_time(after))
        since = event_time(max(after - self._memory_s(), 0))
        known = _known(client, since)
        watched = self._watched.read(client, after, until, known)
        before = list(known)
        if self._settings.clock == "wall":
            now = datetime.now(UTC)
            transitions += stale_feed_alerts(active_feeds(client, now - LOOKBACK), known, self.rules, now)
        transitions += self._shifts(client, watched, known, after, until, late)
        transitions += self._emerging(client, known, until)
        # Also without transitions, since deliveries that failed are tried again.
        self._tell(client, transitions, before)
        self.evaluated_until, self._seen = until, seen
        return transitions

    def _hold(self, client: Client) -> None:
        """Let the rules know what the desks hold, if a rule depends on it."""
        if self.rules.ask_what_is_held:
            self.rules.hold(exposures(client))

    def _settle(self, client: Client) -> None:
        """Bring what is settled of past hours up to date. Not in a replay (``ALERT_CLOCK=stream``), whose documents do
        not follow this clock."""
        if self._settings.clock != "wall" or time.monotonic() - self._settled < SETTLE_S:
            return
        self._settled = time.monotonic()
        try:
            settle_hours(client, datetime.now(UTC))
        except UNAVAILABLE as error:
            log.warning("what counts in the last hours is not settled, so the indices take longer: %s", error)

    def _tell(self, client: Client, transitions: list[Transition], known: list[Alert]) -> None:
        """Publish and write the transitions, which join the incidents of the alerts so far."""
        if transitions:
            Incidents(known).assign(transitions)
            self.publish(transitions)
            write_alerts(client, [transition.columns() for transition in transitions])
        self._notify(client)

    def _notify(self, client: Client) -> None:
        self._notified = time.monotonic()
        self.notify(client, self.rules)

    def _happened(self, client: Client, first: float, until: float) -> list[Transition]:
        """The transitions of events since the last call, or since ``first``."""
        memory = timedelta(seconds=self._memory_s())
        made = self._events.turn(client, self.rules, event_time(first), event_time(until), memory)
        for transition in made:
            if transition.state is not AlertState.RESOLVED:
                add_event_words(transition, self._explain_event)
            add_link(transition, self._settings.console_url)
        return made

    def _shifts(
        self, client: Client, watched: list[Source], known: list[Alert], after: int, until: int, late: list[str]
    ) -> list[Transition]:
        """The transitions of shifts and of buzz, with their evidence."""
        begin, tick_s = watched[0].series.begin, self._settings.tick_s
        if not begin:
            return []
        transitions = []
        stale = any(alert.fires for alert in known if alert.opened.kind is AlertKind.FEED_STALE)
        lifecycle = Lifecycle(watched, self.rules, tick_s, known)
        for transition, shift in lifecycle.run(max(after, begin // tick_s * tick_s), until, stale=stale, late=late):
            if shift is not None and transition.state is not AlertState.PENDING:
                add_evidence(
                    client,
                    transition,
                    shift,
                    self._parameters.baseline_s,
                    self._explain,
                    self._settings.console_url,
                )
            transitions.append(transition)
        return transitions

    def _emerging(self, client: Client, known: list[Alert], until: int) -> list[Transition]:
        """The notices of emerging topics, which are looked for every ``emerging_s`` seconds."""
        settings = self._settings
        if not settings.emerging_s or time.monotonic() - self._emerging_at < settings.emerging_s:
            return []
        self._emerging_at = time.monotonic()
        topics, documents = find_emerging_topics(client, event_time(until))
        return emerging_notices(client, topics, documents, known, self.rules, until, settings.console_url)

    def _memory_s(self) -> int:
        """For how many seconds an alert that is over may still suppress new ones."""
        file = self.rules.file
        pauses = [seconds(rule.cooldown) for rule in (*file.rules, file.defaults) if rule.cooldown]
        return self._parameters.baseline_s + max([self._parameters.cooldown_s, *pauses])

    def _reload(self) -> None:
        """Read the rules' file again when it has changed; if it is bad, log that and keep the rules."""
        path = self._settings.rules
        if path is None:
            return
        try:
            changed = path.stat().st_mtime
            if changed != self._rules_read:
                self._rules_read = changed
                self.rules = load_rules(path, self._parameters, self._desks, self._other_types)
                log.warning("alert rules read again", extra={"rules": [rule.name for rule in self.rules.file.rules]})
        except (OSError, BadRules) as error:
            log.error("the alert rules stay as they were: %s", error)


def _known(client: Client, since: datetime) -> list[Alert]:
    rows = alerts_now(client, since=since, limit=1_000_000, unfinished=True)
    return [Alert.stored(row) for row in rows]
