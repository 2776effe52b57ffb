"""How many records wait in Kafka, by the broker's own ends and by what is stored."""

from __future__ import annotations

from clickhouse_driver import Client

from settings import KafkaSettings
from storage import positions
from stream.kafka.topics import topic_ids, watermarks


def backlog(kafka: KafkaSettings, client: Client) -> dict[str, int]:
    """For each topic, the number of offsets that Kafka has and the tables do not have yet. Raises what the clients
    raise."""
    topics = list(kafka.feeds)
    stored = positions(client, topic_ids(kafka, topics))
    waiting = dict.fromkeys(topics, 0)
    for (topic, partition), (low, high) in watermarks(kafka, topics).items():
        waiting[topic] += max(0, high - max(low, stored.get((topic, partition), -1) + 1))
    return waiting
