"""The words of an alert: their values are what is stored, sent in messages and written in the file of rules."""

from __future__ import annotations

from enum import StrEnum


class AlertKind(StrEnum):
    """What an alert is about."""

    SENTIMENT_SHIFT = "sentiment_shift"
    """The sentiment about a company, or of the whole market, has moved."""
    TOPIC_SHIFT = "topic_shift"
    """A topic has a larger share of a company's documents than before, or a topic is new."""
    BUZZ = "buzz"
    """Far more documents than usual, without a change of tone."""
    EVENT = "event"
    """Something happened to a company, or is said to: an event that is new for it. The topic is the event's type."""
    FEED_STALE = "feed_stale"
    """A feed that used to bring documents has stopped."""


class Severity(StrEnum):
    """How bad an alert is. Compare by ``rank``: as strings they would be compared by the alphabet."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for a notice, 1 for a warning, 2 for a critical alert."""
        return list(Severity).index(self)


class Direction(StrEnum):
    """Where something moved: a sentiment to negative or positive, an amount up or down. Of an event: whether it is bad,
    good or neither for the company."""

    NEGATIVE = "negative"
    POSITIVE = "positive"
    UP = "up"
    DOWN = "down"
    NEUTRAL = "neutral"

    @property
    def sign(self) -> int:
        """-1 and 1 for a sentiment's or an event's direction, 0 for an amount's and for an event that is neither."""
        return {Direction.NEGATIVE: -1, Direction.POSITIVE: 1}.get(self, 0)

    @classmethod
    def of_polarity(cls, polarity: float) -> Direction:
        """The direction of an event that is bad (below 0), good (above 0) or neither for the company."""
        return cls.NEGATIVE if polarity < 0 else cls.POSITIVE if polarity > 0 else cls.NEUTRAL


class AlertState(StrEnum):
    """What an alert has become with one transition. An escalated alert goes on firing, with a higher severity."""

    PENDING = "pending"
    """The shift is there, but its rule asks that it last for some time before the alert fires."""
    FIRING = "firing"
    ESCALATED_TO_WARNING = "escalated_to_warning"
    ESCALATED_TO_CRITICAL = "escalated_to_critical"
    RESOLVED = "resolved"
    INACTIVE = "inactive"
    """It was pending, and the shift did not last."""

    @property
    def is_escalation(self) -> bool:
        """Whether the severity of an alert that fires has risen."""
        return self in (AlertState.ESCALATED_TO_WARNING, AlertState.ESCALATED_TO_CRITICAL)

    @classmethod
    def escalated_to(cls, severity: Severity) -> AlertState:
        """The state of an alert whose severity has risen to ``severity``. Raises ``ValueError`` for a notice."""
        return cls(f"escalated_to_{severity}")
