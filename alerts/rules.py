"""The file of alert rules: what is watched how closely, and who is sent its alerts.

    defaults: {threshold: 3.5, minimum_documents: 5, cooldown: 24h}
    receivers:
      - {name: risk-chat, type: slack, url: "https://chat.example/hook", secret_env: RISK_CHAT_SECRET}
    rules:
      - {name: banks, desks: [financials], threshold: 3, for: 30m, receivers: [risk-chat],
         quiet_hours: {from: "22:00", to: "06:30", zone: Europe/Berlin}}
      - {name: the rest}

The first rule that fits an entity is its rule. ``finsent alerts check rules.yaml`` checks a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import yaml

from alerts.detection import Parameters
from alerts.durations import Duration, seconds
from alerts.receivers import TRANSPORTS, Receiver
from documents import AlertKind, Severity
from documents.events import EventState, EventTypes, load_event_types
from errors import FinsentError

Count = Annotated[int, msgspec.Meta(ge=2)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
EventLevel = Annotated[int, msgspec.Meta(ge=1, le=5)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


LEAST_EVENT = 3
"""Events below this severity make no alert unless a rule asks for them: they are routine."""


class BadRules(FinsentError, ValueError):
    """The rules' file cannot be used; the text says in which line and rule, and why."""


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """From ``from`` to ``to`` in the time zone ``zone``, only alerts of the severity ``unless`` or worse are sent."""

    from_: Clock
    to: Clock
    zone: str = "UTC"
    unless: Severity = Severity.CRITICAL

    def cover(self, at: datetime, severity: Severity) -> bool:
        """Whether an alert of ``severity`` is held back at ``at``."""
        now = at.astimezone(ZoneInfo(self.zone)).time()
        first, last = (time.fromisoformat(clock) for clock in (self.from_, self.to))
        inside = first <= now < last if first <= last else now >= first or now < last
        return inside and severity.rank < self.unless.rank


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """What a rule may set. What it leaves out comes from ``defaults``, and else from ``Parameters``."""

    threshold: Positive | None = None
    minimum_documents: Count | None = None
    minimum_effect: Annotated[float, msgspec.Meta(gt=0, le=2)] | None = None
    for_: Duration | None = None
    cooldown: Duration | None = None
    severity: Severity | None = None
    kinds: list[AlertKind] | None = None
    event_types: list[str] | None = None
    """Only events of these types, and of the types of ``event_groups``, make alerts; all where neither is given."""
    event_groups: list[str] | None = None
    event_states: list[EventState] | None = None
    """Only reports of these states are believed."""
    event_severity: EventLevel | None = None
    """The least severity of an event that makes an alert."""
    good_event_severity: EventLevel | None = None
    """The same for types that are good news; ``event_severity`` where it is left out."""
    receivers: list[str] | None = None
    quiet_hours: QuietHours | None = None


class AlertRule(Limits, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}, kw_only=True):
    """One rule about some ``entities`` and ``desks``, or about all where neither is given."""

    name: Name
    entities: list[str] = []
    desks: list[str] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: Annotated[list[AlertRule], msgspec.Meta(min_length=1)]
    defaults: Limits = Limits()
    receivers: list[Receiver] = []
    stale_after: Duration = "6h"
    market: bool = True


class Setting(msgspec.Struct, frozen=True):
    """What holds for one entity: its rule, completed by the defaults. Times in seconds."""

    name: str
    threshold: float
    minimum_documents: int
    minimum_effect: float
    for_s: int
    cooldown_s: int
    severity: Severity
    """Receivers are sent alerts of this severity and worse."""
    kinds: frozenset[AlertKind]
    event_types: frozenset[str]
    event_groups: frozenset[str]
    event_states: frozenset[EventState]
    event_severity: int
    good_event_severity: int
    receivers: tuple[str, ...]
    quiet_hours: QuietHours | None

    def wants(self, type_: str, group: str) -> bool:
        """Whether events of this type make alerts."""
        chosen = self.event_types or self.event_groups
        return AlertKind.EVENT in self.kinds and (not chosen or type_ in self.event_types or group in self.event_groups)

    def least_event(self, polarity: int) -> int:
        """The least severity with which events of a type of this polarity make alerts."""
        return self.good_event_severity if polarity > 0 else self.event_severity


class Rules:
    """The rules of one file. ``desks`` maps tickers to the desks of the watch list."""

    def __init__(
        self, file: _File | None = None, base: Parameters | None = None, desks: Mapping[str, str] | None = None
    ):
        self.file, self.base = file or _File([AlertRule(name="default")]), base or Parameters()
        self._desks = dict(desks or {})
        self.receivers = {receiver.name: receiver for receiver in self.file.receivers}
        self.stale_after_s = seconds(self.file.stale_after)
        self._known: dict[str, Setting | None] = {}

    def of(self, entity: str) -> Setting | None:
        """The setting of ``entity`` (``*`` is the market); None where no rule is about it."""
        if entity not in self._known:
            self._known[entity] = self._find(entity)
        return self._known[entity]

    def _find(self, entity: str) -> Setting | None:
        for rule in self.file.rules:
            everyone = not rule.entities and not rule.desks
            if everyone or entity in rule.entities or self._desks.get(entity) in rule.desks:
                return self._setting(rule)
        return None

    def _setting(self, rule: AlertRule) -> Setting:
        def chosen(name: str, otherwise: Any) -> Any:
            return next(
                (value for one in (rule, self.file.defaults) if (value := getattr(one, name)) is not None), otherwise
            )

        base = self.base
        lasting, pause = chosen("for_", None), chosen("cooldown", None)
        return Setting(
            name=rule.name,
            threshold=chosen("threshold", base.threshold),
            minimum_documents=chosen("minimum_documents", base.minimum_documents),
            minimum_effect=chosen("minimum_effect", base.minimum_effect),
            for_s=seconds(lasting) if lasting else base.for_s,
            cooldown_s=seconds(pause) if pause else base.cooldown_s,
            severity=chosen("severity", Severity.NOTICE),
            kinds=frozenset(chosen("kinds", AlertKind)),
            event_types=frozenset(chosen("event_types", ())),
            event_groups=frozenset(chosen("event_groups", ())),
            event_states=frozenset(chosen("event_states", EventState)),
            event_severity=chosen("event_severity", LEAST_EVENT),
            good_event_severity=chosen("good_event_severity", chosen("event_severity", LEAST_EVENT)),
            receivers=tuple(chosen("receivers", ())),
            quiet_hours=chosen("quiet_hours", None),
        )


def read_rules(
    text: str, where: str = "rules", base: Parameters | None = None, desks: Mapping[str, str] | None = None
) -> Rules:
    """The rules in the YAML ``text``. Raises ``BadRules`` with line and rule."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise BadRules(f"{where}: the file is empty; it needs 'rules:' with at least one rule")
        tree: yaml.Node = root
        file = msgspec.convert(yaml.safe_load(text), _File)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadRules(f"{where}{line}: no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise BadRules(f"{where}: no YAML: {error}") from error
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise BadRules(f"{where}{_place(tree, path.rstrip('`'))}: {message}") from error
    _check(file, where, tree, desks)
    return Rules(file, base, desks)


def load_rules(path: Path, base: Parameters | None = None, desks: Mapping[str, str] | None = None) -> Rules:
    """The rules in the file ``path``. Raises ``BadRules``."""
    try:
        return read_rules(path.read_text(encoding="utf-8"), str(path), base, desks)
    except (OSError, UnicodeDecodeError) as error:
        raise BadRules(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _check(file: _File, where: str, tree: yaml.Node, desks: Mapping[str, str] | None) -> None:
    names: set[str] = set()
    receivers = {receiver.name for receiver in file.receivers}
    for i, receiver in enumerate(file.receivers):
        if receiver.type not in TRANSPORTS:
            place = where + _place(tree, f".receivers[{i}].type")
            raise BadRules(f"{place}: Invalid enum value {receiver.type!r}")
        place = where + _place(tree, f".receivers[{i}]")
        if problem := TRANSPORTS[receiver.type].problem(receiver):
            raise BadRules(f"{place}: {problem}")
    known_desks = set(desks.values()) if desks else None
    types = load_event_types()
    _check_events(file.defaults, types, where + _place(tree, ".defaults"))
    for i, rule in enumerate(file.rules):
        place = where + _place(tree, f".rules[{i}]")
        if rule.name in names:
            raise BadRules(f"{place}: the name {rule.name!r} stands twice")
        names.add(rule.name)
        if unknown := set(rule.receivers or ()) - receivers:
            raise BadRules(f"{place}: no receiver is called {sorted(unknown)[0]!r}")
        if desks is not None and known_desks is not None:
            if unknown := set(rule.desks) - known_desks:
                raise BadRules(f"{place}: the watch list has no desk {sorted(unknown)[0]!r}")
            if unknown := set(rule.entities) - desks.keys() - {"*"}:
                raise BadRules(f"{place}: the watch list has no company {sorted(unknown)[0]!r}")
        _check_events(rule, types, place)
        if rule.quiet_hours:
            _zone(rule.quiet_hours.zone, place)
    if unknown := set(file.defaults.receivers or ()) - receivers:
        raise BadRules(f"{where}{_place(tree, '.defaults')}: no receiver is called {sorted(unknown)[0]!r}")
    if file.defaults.quiet_hours:
        _zone(file.defaults.quiet_hours.zone, where + _place(tree, ".defaults"))


def _check_events(limits: Limits, types: EventTypes, place: str) -> None:
    groups = {one.group for one in types.by_name.values()}
    if unknown := set(limits.event_types or ()) - types.by_name.keys():
        raise BadRules(f"{place}: there is no type of event {sorted(unknown)[0]!r}")
    if unknown := set(limits.event_groups or ()) - groups:
        raise BadRules(
            f"{place}: there is no group of events {sorted(unknown)[0]!r}; there are {', '.join(sorted(groups))}"
        )


def _zone(name: str, place: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise BadRules(f"{place}: {name!r} is no time zone; one is 'Europe/Berlin'") from error


def _place(tree: yaml.Node, path: str) -> str:
    """', line 7 (rule 'banks', threshold)' for msgspec's path ``.rules[0].threshold``."""
    node, line, names = tree, tree.start_mark.line, []
    for name, number in re.findall(r"\.([\w]+)|\[(\d+)\]", path):
        if name and isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == name), None)
            if pair is None:
                names.append(name)
                break
            node, line = pair[1], pair[0].start_mark.line
            names.append(name)
        elif number and isinstance(node, yaml.SequenceNode) and int(number) < len(node.value):
            node = node.value[int(number)]
            line = node.start_mark.line
            called = (
                next((v.value for k, v in node.value if k.value == "name"), None)
                if isinstance(node, yaml.MappingNode)
                else None
            )
            group = names.pop() if names else "item"
            names.append(f"{group.removesuffix('s')} {called!r}" if called else f"{group}[{number}]")
    return f", line {line + 1}" + (f" ({', '.join(names)})" if names else "")
