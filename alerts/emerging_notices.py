"""Notices of topics that are in no taxonomy: one when such a topic bursts, and one when its burst is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clickhouse_driver import Client

from alerts import severity
from alerts.detection import MARKET, Shift
from alerts.emerging import BURST, BURST_DOCUMENTS, RECENT, EmergingTopic
from alerts.evidence import add_link
from alerts.rules import Rules, Setting
from alerts.transition import NEW_TOPIC, Alert, Transition, event_time, identity, sql_string, transition_of
from documents import AlertKind, AlertState, Direction
from storage.reads import emerging_documents

STILL_BURSTS = BURST / 2
"""A notice is over when the burst of its topic is below this."""


def emerging_notices(
    client: Client,
    topics: Sequence[EmergingTopic],
    documents: float,
    known: Iterable[Alert],
    rules: Rules,
    until: int,
    console_url: str,
) -> list[Transition]:
    """The notices of the ``topics`` as they are at ``until`` (Unix seconds), each topic once, and the ends of the
    earlier notices among ``known``.

    ``documents`` is how many documents of all kinds the recent span has.
    """
    earlier = {alert.opened.id: alert for alert in known if alert.opened.topic.startswith(NEW_TOPIC)}
    setting = rules.of(MARKET)
    # A topic that has no name yet is none of those that a rule names.
    wanted = setting is not None and AlertKind.TOPIC_SHIFT in setting.kinds and not setting.topics
    transitions, lasting = [], set()
    for topic in topics:
        id_ = identity("emerging", topic.id)
        if topic.burst >= STILL_BURSTS:
            lasting.add(id_)
        bursts = topic.burst >= BURST and topic.recent >= BURST_DOCUMENTS
        if bursts and id_ not in earlier and wanted:
            assert setting is not None
            transitions.append(_notice(client, topic, documents, id_, setting, until, console_url))
    for id_, alert in earlier.items():
        if alert.fires and id_ not in lasting:
            transitions.append(alert.become(AlertState.RESOLVED, event_time(until)))
    return transitions


def _notice(
    client: Client, topic: EmergingTopic, documents: float, id_: str, setting: Setting, until: int, console_url: str
) -> Transition:
    whole = max(documents, topic.recent)
    shift = Shift(
        entity=MARKET,
        at=until,
        direction=Direction.UP,
        severity=severity.EMERGING_TOPIC,
        statistic=topic.burst,
        before_mean=topic.usual / whole,
        after_mean=topic.recent / whole,
        before_documents=topic.documents - topic.recent,
        after_documents=topic.recent,
        recent_s=int(RECENT.total_seconds()),
        began_at=int(max(topic.first_at, topic.at - RECENT).timestamp()),
        since_documents=topic.recent,
        kind=AlertKind.TOPIC_SHIFT,
        topic=f"{NEW_TOPIC}{topic.name}",
    )
    notice = transition_of(shift, id_, AlertState.FIRING, setting.name, setting.threshold)
    evidence = notice.evidence
    evidence["entities"] = topic.entities
    evidence["query"] = f"SELECT * FROM emerging_documents WHERE emerging_id = {sql_string(topic.id)} ORDER BY place"
    evidence["documents"] = [{**one, "surface": "", "words": []} for one in emerging_documents(client, topic.id)]
    # The means are estimates from a sample, and have no interval.
    del evidence["before_interval"], evidence["after_interval"]
    add_link(notice, console_url)
    return notice
