"""Evaluates the alert rules over what is stored, and keeps the life of each alert in the table ``alerts``.

All state is in ClickHouse: a worker that takes over, or two that overlap, reach the same alerts with the same ids.
``Lifecycle`` is what both the worker and the backtest run; it knows no database.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client

from alerts import emerging
from alerts import rules as rules_file
from alerts.rules import RANK, Rules, Setting, seconds
from alerts.series import MARKET, NAMES_TOPIC, NO_COMPANY, WINDOW_S, Series, Topics, day_begins
from alerts.shift_test import (
    Rule,
    Shift,
    Tests,
    breadth,
    buzz,
    describe,
    describe_buzz,
    is_over,
    is_quiet,
    severity,
    test,
)
from settings import AlertSettings
from storage.reads import (
    Windows,
    active_feeds,
    alerts_now,
    emerging_documents,
    entities_stored,
    event_time_watermark,
    latest_offsets,
    moving_documents,
    rising_topics,
    sentiment_and_topic_windows,
)
from storage.writes import write_alerts

log = logging.getLogger(__name__)
Transition = dict[str, Any]
Explain = Callable[[str, str | None], Sequence[tuple[str, float]]]
RECENTLY_STORED = timedelta(hours=1)
NEW_TOPIC = "new: "
"""So the topics begin that are in no taxonomy: ``alerts.emerging`` finds them, and ``Lifecycle`` leaves them alone."""
CHUNK = 200_000
"""Tests at once: bounds the memory."""

LONGEST_TAIL_S = 4 * 86400
"""Of event time, the part that is read each time."""

# Around words, which are named without them.
MARKS = ".,;:!?()[]\"'\u2018\u2019\u201c\u201d\u2013\u2014-"
MATTERS = 0.2
"""A word is named that weighs so much of the one that weighs the most."""

_FLOOR = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())


def rule_of(settings: AlertSettings) -> Rule:
    """The rule these settings make."""
    return Rule(
        minimum_documents=settings.minimum_documents,
        minimum_effect=settings.minimum_effect,
        threshold=settings.threshold,
    )


@dataclass(frozen=True)
class Source:
    """One thing that is tested: a kind of alert, its series, and the rule."""

    kind: str
    series: Series
    rule: Rule


def sources(
    windows: Windows, topics: tuple[np.ndarray, ...], rule: Rule, earlier: Sequence[Source] = ()
) -> list[Source]:
    """What the windows give to test: tone, volume, and the shares of topics. ``earlier`` is the same of a time before,
    which is not worked out again."""
    before = {source.kind: source.series for source in earlier}
    tone = Series(windows, before.get("sentiment_shift"))
    made = [Source("sentiment_shift", tone, rule), Source("buzz", tone, rule)]
    shares = before.get("topic_shift")
    assert shares is None or isinstance(shares, Topics)
    return [*made, Source("topic_shift", Topics(tone, topics, shares), topic_rule(rule))]


def topic_rule(rule: Rule) -> Rule:
    """The rule for a topic's share: of 0 to 1, so a smaller effect counts, on spans that hold enough documents. Its
    ``drift`` is in standard deviations of one document."""
    return Rule(
        recent_s=(86400, 7 * 86400),
        baseline_s=rule.baseline_s,
        minimum_documents=max(rule.minimum_documents, 10),
        minimum_effect=rule.minimum_effect / 2,
        threshold=max(rule.threshold, 3.6),
        drift=0.15,
        likeness=0.03,
        buzz_threshold=math.inf,
        market_documents=10**9,
        cooldown_s=rule.cooldown_s,
    )


class Lifecycle:
    """Pending, firing, escalated, resolved: what becomes of shifts over time. Pure: the same series give the same
    transitions. An alert that is escalated goes on firing, with a higher severity.

    ``known`` are the alerts so far, as ``storage.alerts`` gives them; they are updated.
    """

    def __init__(self, watched: Sequence[Source], rules: Rules, tick_s: int, known: Iterable[Transition] = ()) -> None:
        self._sources = {source.kind: source for source in watched}
        self._rules, self._tick = rules, tick_s
        self._alerts: dict[tuple[str, str, str], list[Transition]] = {}
        for row in known:
            if not row["topic"].startswith(NEW_TOPIC):
                self._alerts.setdefault(_subject(row), []).append(row)

    def run(
        self, after: int, until: int, stale: bool = False, late: Collection[str] = ()
    ) -> Iterator[tuple[Transition, Shift | None]]:
        """The transitions of the ticks in ``(after, until]`` (Unix seconds), in order, with the shift that made each.

        While a feed is ``stale`` nothing is resolved for want of documents. About the entities ``late`` something came
        whose tick is over: they are tested at ``until``.
        """
        events: list[tuple[int, int, float, str, Any]] = []
        for kind, source in self._sources.items():
            found, least = self._candidates(kind, source, after, until, late)
            for k in np.flatnonzero(np.abs(found.statistic) >= least):
                market = source.series.is_market(found.entity[k]) and kind == "sentiment_shift"
                order = 2 if market else 4 if kind == "buzz" else 3
                heapq.heappush(
                    events, (int(found.at[k]), order, -abs(float(found.statistic[k])), f"{kind}{k}", (kind, found, k))
                )
        for rows in self._alerts.values():
            for row in rows:
                self._expect(events, row, after, until, stale)
        while events:
            at, order, _, _, what = heapq.heappop(events)
            if order == 0:
                row = what
                if row["state"] == "firing":
                    row.update(state="resolved", resolved_at=_time(at))
                    yield {**row, "at": row["resolved_at"], "recorded_at": datetime.now(UTC)}, None
                continue
            if order == 1:
                yield from self._confirm(events, what, at, until, stale)
                continue
            kind, found, k = what
            yield from self._open(events, kind, found, k, until, stale)

    def _candidates(
        self, kind: str, source: Source, after: int, until: int, late: Iterable[str]
    ) -> tuple[Tests, np.ndarray]:
        """The tests of all that is new, and the least statistic that counts for each of them."""
        series = source.series
        entity, at = series.moments(after, until, self._tick)
        if too := series.indices(late):
            entity, at = np.append(entity, too), np.append(at, np.full(len(too), until))
        which, place = np.unique(entity, return_inverse=True)
        settings = [self._rules.of(_entity_of(str(name))) for name in series.entities[which]]
        least = np.array([self._threshold(source, setting) if setting else math.inf for setting in settings], float)
        if kind == "buzz":
            return buzz(series, entity, at, source.rule), least[place]
        if not self._rules.file.market:
            least[series.is_market(which)] = math.inf
        documents, effect = (
            np.array([self._least(source, setting, name) if setting else math.inf for setting in settings], float)
            for name in ("minimum_documents", "minimum_effect")
        )
        parts = [
            test(series, entity[a : a + CHUNK], at[a : a + CHUNK], source.rule,
                 documents[place[a : a + CHUNK]], effect[place[a : a + CHUNK]])
            for a in range(0, len(at), CHUNK) or (0,)
        ]  # fmt: skip
        return Tests(*(np.concatenate(columns) for columns in zip(*parts, strict=True))), least[place]

    def _threshold(self, source: Source, setting: Setting) -> float:
        if source.kind not in setting.kinds:
            return math.inf
        return source.rule.buzz_threshold if source.kind == "buzz" else self._least(source, setting, "threshold")

    @staticmethod
    def _least(source: Source, setting: Setting, name: str) -> float:
        """What a rule sets; of a topic's share, not less than what tells it from chance at all. A share goes from 0
        to 1 and a tone from -1 to 1, so half of the effect counts."""
        value = float(getattr(setting, name))
        if source.kind == "topic_shift" and name == "minimum_effect":
            value /= 2
        return max(value, getattr(source.rule, name)) if source.kind == "topic_shift" else value

    def _expect(self, events: list[Any], row: Transition, after: int, until: int, stale: bool) -> None:
        """Put the moment on the agenda at which ``row`` is confirmed or over."""
        source = self._sources.get(row["kind"])
        if source is None:
            return
        fired = int(row["fired_at"].timestamp())
        setting = self._rules.of(row["entity"])
        if row["state"] == "pending":
            due = max(after + self._tick, fired + (setting.for_s if setting else 0))
            due = -(-due // self._tick) * self._tick
            if due <= until:
                heapq.heappush(events, (due, 1, 0.0, row["id"], row))
        elif row["state"] == "firing":
            first = max(after, fired) // self._tick * self._tick + self._tick
            for begin in range(first, until + 1, 500 * self._tick):
                ticks = np.arange(begin, min(begin + 500 * self._tick, until + 1), self._tick)
                over = self._over(source, row, ticks)
                if stale:
                    over &= self._spoke(source, row, ticks)
                if over.any():
                    heapq.heappush(events, (int(ticks[over.argmax()]), 0, 0.0, row["id"], row))
                    break

    def _over(self, source: Source, row: Transition, ticks: np.ndarray) -> np.ndarray:
        name = _series_name(row)
        if source.kind == "buzz":
            return is_quiet(source.series, name, ticks, row["before_mean"], source.rule)
        began = int(row["began_at"].timestamp())
        return is_over(source.series, name, ticks, began, row["before_mean"], row["after_mean"], source.rule)

    def _spoke(self, source: Source, row: Transition, ticks: np.ndarray) -> np.ndarray:
        i = source.series.index(_series_name(row))
        if i is None:
            return np.zeros(len(ticks), bool)
        return source.series.between(i, ticks - source.rule.resolved_span_s, ticks).documents > 0

    def _confirm(
        self, events: list[Any], row: Transition, at: int, until: int, stale: bool
    ) -> Iterator[tuple[Transition, Shift | None]]:
        source, setting = self._sources[row["kind"]], self._rules.of(row["entity"])
        i = source.series.index(_series_name(row))
        if setting is None:  # no rule is about it any more
            return
        lasting = False
        if i is not None:
            pair = np.array([i]), np.array([at])
            documents, effect = (self._least(source, setting, name) for name in ("minimum_documents", "minimum_effect"))
            found = test(source.series, *pair, source.rule, int(documents), effect)
            lasting = bool(
                abs(found.statistic[0]) >= self._threshold(source, setting)
                and _direction(source.kind, found.effect[0]) == row["direction"]
            )
        if lasting:
            shift = self._describe(source, found, 0)
            row.update(_columns(shift, row["id"], "firing", setting))
            yield dict(row), shift
            self._expect(events, row, at, until, stale)
        else:
            row.update(state="inactive", at=_time(at), recorded_at=datetime.now(UTC))
            yield dict(row), None

    def _open(
        self, events: list[Any], kind: str, found: Tests, k: int, until: int, stale: bool
    ) -> Iterator[tuple[Transition, Shift | None]]:
        source, at = self._sources[kind], int(found.at[k])
        name = str(source.series.entities[found.entity[k]])
        entity, topic = _entity_of(name), _topic_of(name)
        direction = _direction(kind, float(found.effect[k]))
        setting = self._rules.of(entity)
        assert setting is not None
        if kind == "topic_shift" and direction == "down":
            return  # because others rose, or because it is over
        for row in self._alerts.get((kind, entity, topic), ()):
            if row["state"] == "firing" and row["direction"] == direction:
                yield from self._escalate(row, source, found, k, setting)
                return
        if self._covered(kind, entity, topic, direction, found, k, setting):
            return
        if (
            kind == "sentiment_shift"
            and entity == MARKET
            and any(
                row["state"] == "firing" and row["direction"] == direction
                for about in ("", NO_COMPANY)
                for row in self._alerts.get((kind, MARKET, about), ())
            )
        ):
            return
        if name == MARKET and kind == "sentiment_shift":
            span, sign = int(found.recent_s[k]), 1 if found.effect[k] > 0 else -1
            companies, share = breadth(source.series, at, span, sign, source.rule)
            if companies < source.rule.market_companies or share < source.rule.market_breadth:
                return
        elif kind == "sentiment_shift" and entity != MARKET and self._market_explains(found, k, setting, direction):
            return
        shift = self._describe(source, found, k)
        if kind != "buzz" and _was(source, name, shift):
            return
        identity = hashlib.sha256(f"{kind}|{entity}|{topic}|{direction}|{at}".encode()).hexdigest()[:16]
        state = "pending" if setting.for_s and kind != "buzz" else "firing"
        row = _columns(shift, identity, state, setting)
        self._alerts.setdefault(_subject(row), []).append(row)
        yield dict(row), shift
        self._expect(events, row, at, until, stale)

    def _escalate(
        self, row: Transition, source: Source, found: Tests, k: int, setting: Setting
    ) -> Iterator[tuple[Transition, Shift | None]]:
        """What ``row`` says is worse by now. When it is over is still judged by what it said when it fired."""
        if source.kind == "buzz" or RANK[severity(source.series, found, k, source.rule)] <= RANK[row["severity"]]:
            return
        shift = self._describe(source, found, k)
        if _was(source, _series_name(row), shift):
            return
        raised = _columns(shift, row["id"], f"escalated_to_{shift.severity}", setting)
        raised["evidence"]["escalated_from"] = row["severity"]
        row["severity"] = shift.severity
        yield raised | {"fired_at": row["fired_at"]}, shift

    def _describe(self, source: Source, found: Tests, k: int) -> Shift:
        if source.kind == "buzz":
            return describe_buzz(source.series, found, k, source.rule)
        shift = describe(source.series, found, k, source.rule)
        return replace(
            shift,
            entity=_entity_of(shift.entity),
            topic=_topic_of(shift.entity),
            kind=source.kind,
            direction=_direction(source.kind, shift.after_mean - shift.before_mean),
        )

    def _covered(
        self, kind: str, entity: str, topic: str, direction: str, found: Tests, k: int, setting: Setting
    ) -> bool:
        """Whether an alert that is known, and not the firing one of this direction, speaks of this shift already, or of
        one too shortly before or after."""
        at, rule = int(found.at[k]), self._sources[kind].rule
        if kind == "buzz" and any(
            row["state"] == "firing" or abs(at - row["fired_at"].timestamp()) < 2 * rule.buzz_span_s
            for row in self._alerts.get(("sentiment_shift", entity, ""), ())
        ):
            return True
        after = found.before[k] + found.effect[k]
        for row in self._alerts.get((kind, entity, topic), ()):
            fired = row["fired_at"].timestamp()
            if row["state"] == "pending" and row["direction"] == direction:
                return True
            if row["state"] in ("pending", "inactive"):
                continue
            # Going back to how it was before an alert is no new shift, though the baseline holds its documents.
            back = abs(after - row["before_mean"]) < max(setting.minimum_effect, abs(found.effect[k]) / 2)
            if kind != "buzz" and row["direction"] != direction and back and 0 <= at - fired < rule.baseline_s:
                return True
            ended = row["resolved_at"].timestamp() if row["resolved_at"] else fired
            if fired - setting.cooldown_s < at < ended + setting.cooldown_s:
                return True
        return False

    def _market_explains(self, found: Tests, k: int, setting: Setting, direction: str) -> bool:
        """Whether what is left of a shift without the whole market's is none: then the market's alert says it all."""
        for row in self._alerts.get(("sentiment_shift", MARKET, ""), ()):
            if row["state"] == "firing" and row["direction"] == direction:
                effect = float(found.effect[k])
                left = effect - (row["after_mean"] - row["before_mean"])
                share = left / effect
                if abs(left) < setting.minimum_effect or abs(found.statistic[k]) * share < setting.threshold:
                    return True
        return False


def _entity_of(name: str) -> str:
    return name.partition(NAMES_TOPIC)[0]


def _topic_of(name: str) -> str:
    return name.partition(NAMES_TOPIC)[2]


def about(entity: str, topic: str) -> tuple[str | None, str]:
    """Entity and topic as ``storage.moving_documents`` asks for them."""
    if entity == MARKET:
        return (None, "") if topic == NO_COMPANY else ("", topic)
    return entity, topic


def _was(source: Source, name: str, shift: Shift) -> bool:
    """Whether a shift is over already: a long span may still show what the latest documents do not any more."""
    means = shift.before_mean, shift.after_mean
    return bool(is_over(source.series, name, shift.at, shift.began_at, *means, source.rule))


def _series_name(row: Transition) -> str:
    return f"{row['entity']}{NAMES_TOPIC}{row['topic']}" if row["topic"] else str(row["entity"])


def _subject(row: Transition) -> tuple[str, str, str]:
    return row["kind"], row["entity"], row["topic"]


def _direction(kind: str, effect: float) -> str:
    if kind == "sentiment_shift":
        return "negative" if effect < 0 else "positive"
    return "down" if effect < 0 else "up"


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _columns(shift: Shift, identity: str, state: str, setting: Setting) -> Transition:
    at = _time(shift.at)
    since = _time(min(shift.began_at - WINDOW_S, shift.at - shift.recent_s))
    low, high = -1.0 if shift.kind == "sentiment_shift" else 0.0, math.inf if shift.kind == "buzz" else 1.0
    intervals = {
        f"{name}_interval": [round(float(np.clip(mean + sign * 1.96 * error, low, high)), 4) for sign in (-1, 1)]
        for name, mean, error in (
            ("before", shift.before_mean, shift.before_error),
            ("after", shift.after_mean, shift.after_error),
        )
    }
    view, entity = "counted_mentions", "entity, "
    only = "" if shift.entity == MARKET else f"entity = {_quoted(shift.entity)} AND "
    has = f"has(`topics.name`, {_quoted(shift.topic)}) AND " if shift.topic else ""
    if shift.topic == NO_COMPANY:
        view, entity, only, has = "documents", "", "empty(mentions.entity) AND unscored = '' AND ", ""
    return {
        "id": identity,
        "kind": shift.kind,
        "entity": shift.entity,
        "topic": shift.topic,
        "direction": shift.direction,
        "severity": shift.severity,
        "state": state,
        "fired_at": at,
        "at": at,
        "recorded_at": datetime.now(UTC),
        "resolved_at": None,
        "before_mean": shift.before_mean,
        "after_mean": shift.after_mean,
        "before_documents": shift.before_documents,
        "after_documents": shift.after_documents,
        "began_at": _time(shift.began_at),
        "model_version": "",
        "evidence": {
            "statistic": round(shift.statistic, 2),
            "span_s": shift.recent_s,
            **intervals,
            "price_of_waiting": {
                "documents": shift.since_documents,
                "hours": round((shift.at - shift.began_at) / 3600, 2),
            },
            "rule": setting.name,
            "threshold": setting.threshold,
            "documents": [],
            "query": (
                f"SELECT published_at, source, {entity}sentiment, title, text FROM {view} WHERE {only}{has}"
                f"published_at > '{since:%Y-%m-%d %H:%M:%S}' AND published_at <= '{at:%Y-%m-%d %H:%M:%S}' "
                "ORDER BY sentiment"
            ),
        },
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Past(NamedTuple):
    """The windows in ``(since, until]`` (Unix seconds), read at ``read_at`` (of the monotonic clock)."""

    read_at: float
    since: int
    until: int
    sources: list[Source]


class Evaluator:
    """For one thread. ``publish`` is given the transitions before they are written, so that none is left out;
    ``notify`` afterwards, with the rules, for the receivers."""

    def __init__(
        self,
        connect: Callable[[], Client],
        settings: AlertSettings,
        publish: Callable[[list[Transition]], None] = lambda transitions: None,
        explain: Explain | None = None,
        desks: dict[str, str] | None = None,
        notify: Callable[[Client, list[Transition], Rules], None] = lambda client, transitions, rules: None,
    ) -> None:
        self._connect, self._settings, self._rule = connect, settings, rule_of(settings)
        self.publish, self._explain, self.notify = publish, explain, notify
        self._desks = desks
        self._client: Client | None = None
        self._rules_read = 0.0
        self.rules = Rules(base=self._rule, desks=desks)
        if settings.rules:
            self.rules = rules_file.load(settings.rules, self._rule, desks)
            self._rules_read = settings.rules.stat().st_mtime
        self._past: Past | None = None
        self._seen: Mapping[tuple[str, str, int], int] | None = None
        self.evaluated_until = 0
        self._looked = -math.inf

    def advance(self) -> list[Transition]:
        """Evaluate every tick since the last call, up to now or to the documents' watermark.

        Raises what the storage raises; the next call then begins where this one did.
        """
        self._reload()
        if self._client is None:
            self._client = self._connect()
        try:
            if self._settings.clock == "wall":
                reached: float = time.time()
            else:
                mark = event_time_watermark(self._client, datetime.now(UTC) - RECENTLY_STORED)
                # Of the last instant more may come.
                reached = mark.timestamp() - 0.001 if mark else 0
            last = int(reached) // self._settings.tick_s * self._settings.tick_s
            if last <= self.evaluated_until or last <= 0:
                return []
            first = self.evaluated_until or (last - self._settings.catch_up_s if self._settings.clock == "wall" else 0)
            return self.evaluate(first, last)
        except BaseException:
            self._client.disconnect()
            self._client = None
            raise

    def evaluate(self, after: int, until: int) -> list[Transition]:
        """Evaluate the ticks in ``(after, until]`` (Unix seconds) over one reading of the windows."""
        client = self._client = self._client or self._connect()
        transitions: list[Transition] = []
        seen = latest_offsets(client)  # first, so that what comes meanwhile is new the next time
        late = [] if self._seen is None else entities_stored(client, self._seen, _time(after))
        watched = self._watched(client, after, until)
        known = alerts_now(client, since=_time(max(after - self._memory_s(), 0)), limit=1_000_000, unfinished=True)
        if self._settings.clock == "wall":
            transitions += self._stale(client, known)
        if begin := watched[0].series.begin:
            begin = max(after, begin // self._settings.tick_s * self._settings.tick_s)
            life = Lifecycle(watched, self.rules, self._settings.tick_s, known)
            quiet = any(row["state"] == "firing" for row in known if row["kind"] == "feed_stale")
            for row, shift in life.run(begin, until, stale=quiet, late=late):
                if shift is not None and row["state"] != "pending":
                    self._explain_shift(client, row, shift)
                transitions.append(row)
        transitions += self._emerging(client, known, until)
        if transitions:
            self.publish(transitions)
            write_alerts(client, transitions)
        # Also without transitions: deliveries that were not made are tried again.
        self.notify(client, transitions, self.rules)
        self.evaluated_until, self._seen = until, seen
        return transitions

    def _memory_s(self) -> int:
        """How long an alert that is over still bears on new ones."""
        pauses = [
            seconds(rule.cooldown) for rule in (*self.rules.file.rules, self.rules.file.defaults) if rule.cooldown
        ]
        return self._rule.baseline_s + max([self._rule.cooldown_s, *pauses])

    def _reload(self) -> None:
        """Read the rules' file again when it has changed; a bad one is told, and the rules stay as they are."""
        path = self._settings.rules
        if path is None:
            return
        try:
            changed = path.stat().st_mtime
            if changed != self._rules_read:
                self._rules_read = changed
                self.rules = rules_file.load(path, self._rule, self._desks)
                log.warning("alert rules read again", extra={"rules": [rule.name for rule in self.rules.file.rules]})
        except (OSError, rules_file.BadRules) as error:
            log.error("the alert rules stay as they were: %s", error)

    def _watched(self, client: Client, after: int, until: int) -> list[Source]:
        """What is tested: the past is read and laid out now and then, and only the last days each time."""
        rule, past = self._rule, self._past
        need = max(_FLOOR, after - rule.baseline_s - 2 * max(*rule.recent_s, rule.resolved_span_s))
        if (
            past is None
            or time.monotonic() - past.read_at > self._settings.reread_s
            or past.since > need
            or not past.until <= after <= past.until + LONGEST_TAIL_S
        ):
            split = max(day_begins(after - 43200), need)
            laid = sources(*sentiment_and_topic_windows(client, _time(need), _time(split)), rule)
            past = self._past = Past(time.monotonic(), need, split, laid)
        return sources(*sentiment_and_topic_windows(client, _time(past.until), _time(until)), rule, past.sources)

    def _stale(self, client: Client, known: list[Transition]) -> list[Transition]:
        """Alarms for feeds that used to bring documents and have stopped, and their ends."""
        made = []
        now, limit = datetime.now(UTC), timedelta(seconds=self.rules.stale_after_s)
        for topic, latest, documents in active_feeds(client, now - timedelta(days=7)):
            entity = f"feed:{topic}"
            open_ = next((r for r in known if r["kind"] == "feed_stale" and r["entity"] == entity
                          and r["state"] == "firing"), None)  # fmt: skip
            if now - latest > limit and open_ is None:
                hours = round((now - latest).total_seconds() / 3600, 1)
                shift = Shift(
                    entity, int(now.timestamp()), "down", "critical", 0.0, documents / 7.0, 0.0, documents, 0,
                    int(limit.total_seconds()), int(latest.timestamp()), kind="feed_stale",
                )  # fmt: skip
                name = hashlib.sha256(f"feed_stale|{entity}|{latest.timestamp():.3f}".encode()).hexdigest()[:16]
                setting = self.rules.of(entity) or Rules(base=self._rule).of(entity)
                assert setting is not None
                row = _columns(shift, name, "firing", setting)
                row["evidence"] = {
                    "rule": setting.name,
                    "last_stored_at": latest,
                    "hours_silent": hours,
                    "documents": [],
                    "query": f"SELECT max(ingested_at) FROM documents WHERE topic = {_quoted(topic)}",
                }
                known.append(row)
                made.append(dict(row))
            elif now - latest <= limit and open_ is not None:
                open_.update(state="resolved", resolved_at=now)
                made.append({**open_, "at": now, "recorded_at": now})
        return made

    def _emerging(self, client: Client, known: list[Transition], until: int) -> list[Transition]:
        """Look for emerging topics when it is time to; notices of those that burst, once each, and their ends."""
        settings = self._settings
        if not settings.emerging_s or time.monotonic() - self._looked < settings.emerging_s:
            return []
        self._looked = time.monotonic()
        found, documents = emerging.look(client, _time(until))
        told = {row["id"]: row for row in known if row["topic"].startswith(NEW_TOPIC)}
        setting = self.rules.of(MARKET)
        made, lasting = [], set()
        for topic in found:
            identity = hashlib.sha256(f"emerging|{topic.id}".encode()).hexdigest()[:16]
            if topic.burst >= emerging.BURST / 2:
                lasting.add(identity)
            if (
                topic.burst < emerging.BURST
                or topic.recent < emerging.BURST_DOCUMENTS
                or identity in told
                or setting is None
                or "topic_shift" not in setting.kinds
            ):
                continue
            whole = max(documents, topic.recent)
            span = int(emerging.RECENT.total_seconds())
            began = int(max(topic.first_at, topic.at - emerging.RECENT).timestamp())
            shift = Shift(
                MARKET, until, "up", "notice", topic.burst, topic.usual / whole, topic.recent / whole,
                topic.documents - topic.recent, topic.recent, span, began, since_documents=topic.recent,
                kind="topic_shift", topic=f"{NEW_TOPIC}{topic.name}",
            )  # fmt: skip
            row = _columns(shift, identity, "firing", setting)
            row["evidence"] |= {
                "entities": topic.entities,
                "query": f"SELECT * FROM emerging_documents WHERE emerging_id = {_quoted(topic.id)} ORDER BY place",
                "documents": [{**one, "surface": "", "words": []} for one in emerging_documents(client, topic.id)],
            }
            for name in ("before_interval", "after_interval"):
                del row["evidence"][name]
            if settings.console_url:
                row["evidence"]["link"] = f"{settings.console_url.rstrip('/')}/alerts/{identity}"
            made.append(row)
        for identity, row in told.items():
            if row["state"] == "firing" and identity not in lasting:
                made.append({**row, "state": "resolved", "resolved_at": _time(until), "at": _time(until),
                             "recorded_at": datetime.now(UTC)})  # fmt: skip
        return made

    def _explain_shift(self, client: Client, row: Transition, shift: Shift) -> None:
        since = _time(min(shift.began_at - WINDOW_S, shift.at - shift.recent_s))
        sign = {"negative": -1, "positive": 1}.get(shift.direction, 0)
        entity, topic = about(shift.entity, shift.topic)
        moved = moving_documents(client, entity, since, row["at"], shift.before_mean, topic, sign)
        for document in moved:
            text = f"{document['title']}\n{document['text']}".strip()[:2000]
            document["words"] = self._words(text, document["surface"], sign)
        row["model_version"] = moved[0]["model_version"] if moved else ""
        if self._settings.console_url:
            row["evidence"]["link"] = f"{self._settings.console_url.rstrip('/')}/alerts/{row['id']}"
        row["evidence"]["documents"] = moved
        baseline = since - timedelta(seconds=self._rule.baseline_s)
        row["evidence"]["topics"] = rising_topics(client, entity, baseline, since, row["at"])

    def _words(self, text: str, entity: str, sign: int, most: int = 5) -> list[str]:
        """The words that decided a document's score the most, in the direction of the shift."""
        if self._explain is None or sign == 0:
            return []
        words = sorted(self._explain(text, entity), key=lambda word: -sign * word[1])[:most]
        named = [word for word, weight in words if sign * weight > MATTERS * sign * words[0][1] > 0]
        return [word.strip(MARKS) or word for word in named]
