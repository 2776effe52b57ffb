"""Reads records again that are missing from the tables although later ones are there, and stores them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from clickhouse_driver import Client

from documents import KINDS, LABEL_TOPIC, Linker, Pseudonymiser, Row, load_watchlist
from settings import KafkaSettings, PrivacySettings, StreamSettings
from storage import write_documents, write_labels
from storage.reads import recent_documents
from stream.champion.models import Models
from stream.kafka.received import Received
from stream.kafka.rereading import reread
from stream.registry import decoding
from stream.steps import Link, Read, Score

BATCH = 500


class Gap(NamedTuple):
    """The offsets ``first`` to ``last`` of one partition are missing."""

    topic: str
    topic_id: str
    partition: int
    first: int
    last: int


class Repairing:
    """Takes records the same way as a worker does, but sends none on: that was done when they were read first, before
    they were stored and lost."""

    def __init__(self, client: Client, kafka: KafkaSettings) -> None:
        settings, models = StreamSettings(), Models()
        self._client, self._kafka = client, kafka
        self._topic_id = ""
        self._read = Read(
            Linker(load_watchlist()),
            Pseudonymiser(PrivacySettings().pseudonym_key.get_secret_value()),
            lambda topic, partition: self._topic_id,
            {},
            decoding(kafka),
            settings.record_characters,
            settings.known_annotators,
        )
        self._score = Score(models.champion(), models.event_reader())
        self._link = Link(settings.novelty_documents)
        self._link.learn(recent_documents(client, {}, self._link.capacity))

    def fill(self, gap: Gap) -> int:
        """How many records of ``gap`` Kafka still had; they are stored now. Raises ``KafkaError``, ``TimeoutError``,
        ``StorageUnavailable`` and what the steps raise; what was stored until then stays."""
        found = 0
        for first in range(gap.first, gap.last + 1, BATCH):
            end = min(first + BATCH, gap.last + 1)
            records = reread(self._kafka, gap.topic, gap.partition, first, end)
            self._store(gap, records)
            found += len(records)
        return found

    def _store(self, gap: Gap, records: Sequence[Received]) -> None:
        self._topic_id = gap.topic_id
        rows: list[Row] = self._read.run(records)
        self._score.run(rows)
        self._link.run(rows)
        brings = self._kafka.feeds.get(gap.topic, "")
        if brings == LABEL_TOPIC:
            write_labels(self._client, rows)  # type: ignore[arg-type]
        else:
            kinds = {topic: KINDS[what] for topic, what in self._kafka.feeds.items() if what in KINDS}
            write_documents(self._client, rows, kinds=kinds)  # type: ignore[arg-type]


def gaps_of(partitions: Iterable[dict[str, Any]]) -> list[Gap]:
    """The gaps that the audit's report has of ``partitions``, of topics that are still there."""
    return [
        Gap(row["topic"], row["topic_id"], row["partition"], first, last)
        for row in partitions
        if row["current"]
        for first, last in row["missing_ranges"]
    ]
