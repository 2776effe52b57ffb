"""How many records wait in Kafka, by the broker's own ends and by what is stored."""

from __future__ import annotations

from clickhouse_driver import Client

from settings import KafkaSettings
from storage import positions
from stream.kafka.rereading import waiting
from stream.kafka.topics import topic_ids, watermarks


def backlog(kafka: KafkaSettings, client: Client) -> dict[str, int]:
    """For each topic, the number of offsets that Kafka has and the tables do not have yet. A partition with nothing
    left to read counts as 0, for example if only a transaction's markers follow the last stored record. Raises what the
    clients raise.
    """
    topics = list(kafka.feeds)
    stored = positions(client, topic_ids(kafka, topics))
    ends = watermarks(kafka, topics)
    following = {where: max(low, stored.get(where, -1) + 1) for where, (low, _) in ends.items()}
    behind = {where: offset for where, offset in following.items() if offset < ends[where][1]}
    try:
        readable = {(one.topic, one.partition) for one in waiting(kafka, behind, 1)} if behind else set()
    except Exception:  # of whatever kind: a batch that cannot be decoded does wait
        readable = set(behind)
    waits = dict.fromkeys(topics, 0)
    for topic, number in behind:
        if (topic, number) in readable:
            waits[topic] += ends[topic, number][1] - behind[topic, number]
    return waits
