"""The alert rules: what is watched how closely, and who is sent its alerts. ``alerts.rules_file`` reads their file:

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

import operator
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from alerts.detection import MARKET, Parameters
from alerts.durations import Duration, seconds
from alerts.receivers import Receiver
from documents import AlertKind, Direction, EntityType, Severity
from documents.events import EventState
from errors import FinsentError

Count = Annotated[int, msgspec.Meta(ge=2)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
EventLevel = Annotated[int, msgspec.Meta(ge=1, le=5)]
DigestClock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d( \S+)?$")]
Amount = Annotated[str, msgspec.Meta(pattern=r"^[<>]=? ?\d[\d_]*(\.\d+)?$")]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Tone = Literal["negative", "positive"]


LEAST_EVENT = 3
"""Events below this severity make no alert unless a rule asks for them: they are routine."""


_EVERY = "every "


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
    """What a rule may set. A value that it leaves out comes from ``defaults`` in the file, or else from
    ``Parameters``."""

    threshold: Positive | None = None
    minimum_documents: Count | None = None
    minimum_effect: Annotated[float, msgspec.Meta(gt=0, le=2)] | None = None
    for_: Duration | None = None
    cooldown: Duration | None = None
    severity: Severity | None = None
    kinds: list[AlertKind] | None = None
    tones: list[Tone] | None = None
    """Only sentiment that turns to one of these, and no events of types that are good or bad news otherwise. Where the
    fall is not told, the recovery after it is a turn like any other."""
    topics: list[str] | None = None
    """Only a rising share of these topics makes alerts of the kind ``topic_shift``; where it is left out, that of each
    topic does, and topics that emerge."""
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
    digest: DigestClock | None = None
    """When receivers are sent the digest, such as ``07:00 Europe/Zurich``: one message a day with the alerts that they
    were not sent singly."""


class AlertRule(Limits, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}, kw_only=True):
    """One rule about some ``entities`` and ``desks``, or about all where neither is given.

    It is about companies, unless ``entity_types`` names others. An entity that it names may be of any type.

    With ``exposure`` or ``held_by`` it applies only to those of them that the desks hold, and only while they hold
    them.
    """

    name: Name
    entities: list[str] = []
    desks: list[str] = []
    entity_types: list[EntityType] = []
    exposure: Amount | None = None
    """Only companies of which the desks together hold this much, long or short: ``">= 1000000"``."""
    held_by: list[str] = []
    """Only companies that one of these desks holds; ``exposure`` is then what these hold."""

    @property
    def is_for_everyone(self) -> bool:
        """Whether it is about no company in particular."""
        return not self.entities and not self.desks

    @property
    def types(self) -> frozenset[EntityType]:
        """The types of entities that it is about, but for those that it names."""
        return frozenset(self.entity_types or ("company",))

    @property
    def is_partial(self) -> bool:
        """Whether it depends on what the desks hold."""
        return bool(self.exposure or self.held_by)

    def reaches(self, held: Mapping[str, float]) -> bool:
        """Whether the rule applies to a company, given what each desk holds of it."""
        amounts = [
            abs(amount) for desk, amount in held.items() if amount and (not self.held_by or desk in self.held_by)
        ]
        if self.held_by and not amounts:
            return False
        return self.exposure is None or _compare(self.exposure, sum(amounts))


_COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def _compare(condition: str, amount: float) -> bool:
    sign = condition[: 2 if condition[1] == "=" else 1]
    return _COMPARED[sign](amount, float(condition[len(sign) :].replace("_", "")))


class RulesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    rules: Annotated[list[AlertRule], msgspec.Meta(min_length=1)]
    defaults: Limits = Limits()
    receivers: list[Receiver] = []
    stale_after: Duration = "6h"
    market: bool = True


class Setting(msgspec.Struct, frozen=True):
    """The settings that apply to one entity: its rule, completed by the defaults. Times are in seconds."""

    name: str
    threshold: float
    minimum_documents: int
    minimum_effect: float
    for_s: int
    cooldown_s: int
    severity: Severity
    """Receivers are sent alerts of this severity and worse."""
    kinds: frozenset[AlertKind]
    tones: frozenset[str]
    topics: frozenset[str]
    """Empty for all."""
    event_types: frozenset[str]
    event_groups: frozenset[str]
    event_states: frozenset[EventState]
    event_severity: int
    good_event_severity: int
    receivers: tuple[str, ...]
    quiet_hours: QuietHours | None
    digest: str
    """'' for none."""

    def wants(self, type_: str, group: str, polarity: int) -> bool:
        """Whether events of this type make alerts. A type that is neither good nor bad news has no tone."""
        chosen = self.event_types or self.event_groups
        return (
            AlertKind.EVENT in self.kinds
            and (not polarity or Direction.of_polarity(polarity) in self.tones)
            and (not chosen or type_ in self.event_types or group in self.event_groups)
        )

    def wants_shift(self, kind: AlertKind, direction: Direction, topic: str) -> bool:
        """Whether a shift of this kind makes alerts; ``topic`` is that of a ``topic_shift``."""
        if kind is AlertKind.TOPIC_SHIFT and self.topics and topic not in self.topics:
            return False
        return kind in self.kinds and (kind is not AlertKind.SENTIMENT_SHIFT or direction in self.tones)

    def least_event(self, polarity: int) -> int:
        """The least severity with which events of a type of this polarity make alerts."""
        return self.good_event_severity if polarity > 0 else self.event_severity


class Rules:
    """The rules of one file. ``desks`` maps tickers to the desks of the watch list, and ``other_types`` those that are
    no companies to what they are."""

    def __init__(
        self,
        file: RulesFile | None = None,
        base: Parameters | None = None,
        desks: Mapping[str, str] | None = None,
        other_types: Mapping[str, EntityType] | None = None,
    ):
        self.file, self.base = file or RulesFile([AlertRule(name="default")]), base or Parameters()
        self._desks = dict(desks or {})
        self.other_types = dict(other_types or {})
        self._held: Mapping[str, Mapping[str, float]] = {}
        self.receivers = {receiver.name: receiver for receiver in self.file.receivers}
        self.stale_after_s = seconds(self.file.stale_after)
        self._known: dict[str, Setting | None] = {}

    @property
    def ask_what_is_held(self) -> bool:
        """Whether a rule depends on what the desks hold: then ``hold`` is to be called before each evaluation."""
        return any(rule.is_partial for rule in self.file.rules)

    def hold(self, held: Mapping[str, Mapping[str, float]]) -> None:
        """Take over what each desk holds of each company, by ticker and desk."""
        if held != self._held:
            self._held = held
            self._known.clear()

    def of(self, entity: str) -> Setting | None:
        """The setting of ``entity`` (``*`` is the market); None where no rule is about it."""
        if entity not in self._known:
            self._known[entity] = self._find(entity)
        return self._known[entity]

    def with_base(self, base: Parameters) -> Rules:
        """The same rules over other parameters."""
        rules = Rules(self.file, base, self._desks, self.other_types)
        rules.hold(self._held)
        return rules

    def entity_type(self, entity: str) -> EntityType:
        """What the watch list has ``entity`` for: a company where it does not know it, as for the market."""
        return self.other_types.get(entity, "company")

    def reach(self, rule: AlertRule) -> frozenset[str]:
        """The entities that a rule names, or whose desks it names. A desk of which no entity is known, and each type
        of which the rule is about all, stand for themselves."""
        if rule.is_for_everyone:
            return frozenset(f"{_EVERY}{one}" for one in rule.types)
        unknown = {f"desk {desk}" for desk in rule.desks} - {f"desk {desk}" for desk in self._desks.values()}
        own = {one for one, desk in self._desks.items() if desk in rule.desks and self.entity_type(one) in rule.types}
        return frozenset(rule.entities) | own | unknown

    def left_by(self, rule: AlertRule, entities: frozenset[str]) -> frozenset[str]:
        """What of ``entities`` (of ``reach``) a rule leaves to the rules behind it."""
        left = entities - self.reach(rule)
        if not rule.is_for_everyone:
            return left
        return frozenset(one for one in left if one.startswith(_EVERY) or self.entity_type(one) not in rule.types)

    def _find(self, entity: str) -> Setting | None:
        for rule in self.file.rules:
            about = entity in rule.entities or (
                (rule.is_for_everyone or self._desks.get(entity) in rule.desks)
                and self.entity_type(entity) in rule.types
            )
            if about and (not rule.is_partial or self._is_held(rule, entity)):
                return self.setting(rule)
        return None

    def _is_held(self, rule: AlertRule, entity: str) -> bool:
        """Whether a rule that depends on what is held is about ``entity``. The market and feeds are held by nobody."""
        return entity != MARKET and not entity.startswith("feed:") and rule.reaches(self._held.get(entity, {}))

    def setting(self, rule: AlertRule) -> Setting:
        """The settings of a rule, completed by the defaults."""

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
            tones=frozenset(chosen("tones", get_args(Tone))),
            topics=frozenset(chosen("topics", ())),
            event_types=frozenset(chosen("event_types", ())),
            event_groups=frozenset(chosen("event_groups", ())),
            event_states=frozenset(chosen("event_states", EventState)),
            event_severity=chosen("event_severity", LEAST_EVENT),
            good_event_severity=chosen("good_event_severity", chosen("event_severity", LEAST_EVENT)),
            receivers=tuple(chosen("receivers", ())),
            quiet_hours=chosen("quiet_hours", None),
            digest=chosen("digest", ""),
        )
