"""The identity of the topics: a topic that was deleted and made again has another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from settings import KafkaSettings
from stream.kafka.clients import admin
from stream.kafka.topics import topic_ids


class TopicIdentity:
    """The ids of ``topics``, over one lasting connection: they are asked for before every insert. For one thread."""

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str]) -> None:
        self._kafka, self._topics = kafka, topics
        self._admin: KafkaAdminClient | None = None
        self.assigned: Mapping[str, str] = {}
        """The ids when the partitions were assigned last: those of all records on their way."""

    def __call__(self) -> Mapping[str, str]:
        """The ids now, by topic. Raises ``KafkaError`` when no broker answers or a topic is gone."""
        try:
            if self._admin is None:
                self._admin = admin(self._kafka)
            return topic_ids(self._admin, self._topics)
        except KafkaError:
            self.close()
            raise

    def assign(self) -> None:
        """Ask for the ids, and keep them as ``assigned``. Raises as a call does."""
        self.assigned = self()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._admin is not None:
            client, self._admin = self._admin, None
            client.close()
