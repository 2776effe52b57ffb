"""Sends single labels, given in the console, to the topic ``labels``: they are stored like labels from anywhere."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

from kafka import KafkaProducer
from kafka.errors import KafkaError

from errors import FinsentError
from settings import KafkaSettings
from stream.kafka.clients import producer

TIMEOUT_S = 10.0


class LabelNotSent(FinsentError, ConnectionError):
    """Kafka did not take the label; the text says why."""


class LabelSender:
    """One producer for the whole process, made for the first label."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def send(self, document_id: str, label: str, annotator: str) -> None:
        """Send one label and wait until the broker has it. Raises ``LabelNotSent``."""
        message = {"document_id": document_id, "label": label, "annotator": annotator,
                   "labelled_at": datetime.now(UTC).isoformat()}  # fmt: skip
        try:
            with self._lock:
                if self._producer is None:
                    self._producer = producer(self._kafka, max_block_ms=int(TIMEOUT_S * 1000))
            value = json.dumps(message, ensure_ascii=False).encode()
            self._producer.send(self._kafka.topic_labels, value, key=document_id.encode()).get(timeout=TIMEOUT_S)
        except KafkaError as error:
            raise LabelNotSent(f"Kafka did not take the label: {error}") from error
