"""Which shifts make no alert of their own: another alert speaks of them, or the whole market's shift explains them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alerts.detection import MARKET, NO_COMPANY, breadth, entity_and_topic
from alerts.rules import Setting
from alerts.sources import Candidate
from alerts.transition import Alert
from documents import AlertKind, AlertState


class KnownAlerts:
    """All alerts that bear on new ones, by their subject."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        self._by_subject: dict[tuple[AlertKind, str, str], list[Alert]] = {}
        for alert in alerts:
            self.add(alert)

    def add(self, alert: Alert) -> None:
        """Remember one more."""
        self._by_subject.setdefault(alert.subject, []).append(alert)

    def about(self, kind: AlertKind, entity: str, topic: str = "") -> list[Alert]:
        """Those of one subject, the oldest first."""
        return self._by_subject.get((kind, entity, topic), [])

    def __iter__(self) -> Iterator[Alert]:
        for alerts in self._by_subject.values():
            yield from alerts


def is_suppressed(candidate: Candidate, known: KnownAlerts, setting: Setting) -> bool:
    """Whether a candidate makes no alert. No alert of its subject and direction is firing."""
    if _is_covered(candidate, known, setting):
        return True
    if candidate.kind is not AlertKind.SENTIMENT_SHIFT:
        return False
    entity, _ = entity_and_topic(candidate.name)
    if entity != MARKET:
        return _is_explained_by_market(candidate, known, setting)
    return _market_alert_fires(candidate, known) or (candidate.name == MARKET and not _is_broad(candidate))


def _is_covered(candidate: Candidate, known: KnownAlerts, setting: Setting) -> bool:
    """Whether another alert speaks of the same shift, or of one shortly before or after."""
    at, parameters, kind = candidate.at, candidate.source.parameters, candidate.kind
    entity, topic = entity_and_topic(candidate.name)
    if kind is AlertKind.BUZZ and any(
        alert.fires or abs(at - alert.opened.fired_at.timestamp()) < 2 * parameters.buzz_span_s
        for alert in known.about(AlertKind.SENTIMENT_SHIFT, entity)
    ):
        return True
    after = candidate.before + candidate.effect
    for alert in known.about(kind, entity, topic):
        opened = alert.opened
        fired = opened.fired_at.timestamp()
        if alert.state is AlertState.PENDING and opened.direction == candidate.direction:
            return True
        if alert.state in (AlertState.PENDING, AlertState.INACTIVE):
            continue
        # Going back to the mean before an alert is no new shift, even if the baseline includes that alert's documents.
        back = abs(after - opened.before_mean) < max(setting.minimum_effect, abs(candidate.effect) / 2)
        opposite = kind is not AlertKind.BUZZ and opened.direction != candidate.direction
        if opposite and back and 0 <= at - fired < parameters.baseline_s:
            return True
        ended = alert.resolved_at.timestamp() if alert.resolved_at else fired
        if fired - setting.cooldown_s < at < ended + setting.cooldown_s:
            return True
    return False


def _market_alert_fires(candidate: Candidate, known: KnownAlerts) -> bool:
    """Whether the market, or the news that names no company, has a firing alert of the same direction."""
    return any(
        alert.fires and alert.opened.direction == candidate.direction
        for topic in ("", NO_COMPANY)
        for alert in known.about(AlertKind.SENTIMENT_SHIFT, MARKET, topic)
    )


def _is_broad(candidate: Candidate) -> bool:
    """Whether enough companies moved in the direction of a market-wide shift."""
    parameters = candidate.source.parameters
    span, sign = int(candidate.results.recent_s[candidate.k]), 1 if candidate.effect > 0 else -1
    companies, share = breadth(candidate.source.series, candidate.at, span, sign, parameters)
    return companies >= parameters.market_companies and share >= parameters.market_breadth


def _is_explained_by_market(candidate: Candidate, known: KnownAlerts, setting: Setting) -> bool:
    """Whether too little of a company's shift is left after the market's is subtracted."""
    for alert in known.about(AlertKind.SENTIMENT_SHIFT, MARKET):
        if alert.fires and alert.opened.direction == candidate.direction:
            left = candidate.effect - (alert.opened.after_mean - alert.opened.before_mean)
            share = left / candidate.effect
            if abs(left) < setting.minimum_effect or abs(candidate.statistic) * share < setting.threshold:
                return True
    return False
