"""The identity of the topics, and what the broker holds of them: a topic that was deleted and made again has another
identity."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from settings import KafkaSettings
from storage import EpochEnd, Life, Partition
from stream.kafka.clients import admin
from stream.kafka.epochs import cut_off, latest_epochs
from stream.kafka.topics import bounds, topic_ids

T = TypeVar("T")


class TopicIdentity:
    """The ids of ``topics``, over one lasting connection: they are asked for before every insert. For one thread."""

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str]) -> None:
        self._kafka, self._topics = kafka, topics
        self._admin: KafkaAdminClient | None = None
        self.assigned: Mapping[str, str] = {}
        """The ids when the partitions were assigned last: those of all records on their way."""
        self.lives: Mapping[Partition, Life] = {}
        """The partitions whose log was cut off, when the partitions were assigned last."""

    def __call__(self) -> Mapping[str, str]:
        """The ids now, by topic. Raises ``KafkaError`` when no broker answers or a topic is gone."""
        return self._ask(lambda client: topic_ids(client, self._topics))

    def bounds(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """See ``stream.kafka.topics.bounds``. Raises ``KafkaError``, as the next two do."""
        return self._ask(lambda client: bounds(client, partitions))

    def epochs(self, partitions: Collection[Partition]) -> dict[Partition, EpochEnd]:
        """See ``stream.kafka.epochs.latest_epochs``."""
        return self._ask(lambda client: latest_epochs(client, partitions))

    def cut_off(self, known: Mapping[Partition, EpochEnd]) -> dict[Partition, int]:
        """See ``stream.kafka.epochs.cut_off``."""
        return self._ask(lambda client: cut_off(client, known))

    def assign(self) -> None:
        """Ask for the ids, and keep them as ``assigned``. Raises as a call does."""
        self.assigned = self()

    def of(self, topic: str, partition: int) -> str:
        """The ``topic_id`` of the rows of a partition. From any thread."""
        life = self.lives.get((topic, partition))
        return life.topic_id if life else self.assigned[topic]

    def _ask(self, question: Callable[[KafkaAdminClient], T]) -> T:
        if self._admin is None:
            self._admin = admin(self._kafka)
        try:
            return question(self._admin)
        except KafkaError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._admin is not None:
            client, self._admin = self._admin, None
            client.close()
