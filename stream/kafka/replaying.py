"""Sends the bytes of bad records to their topic again, after the cause was mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_driver import Client

from settings import KafkaSettings
from storage.reads import dead_letters_at
from storage.writes import record_dead_letter_actions
from stream.kafka.clients import producer
from stream.kafka.topics import MAX_MESSAGE_BYTES

SEND_TIMEOUT_S = 30


def replay(client: Client, kafka: KafkaSettings, rows: Sequence[dict[str, Any]]) -> int:
    """Send the bad records that ``rows`` name (see ``storage.reads.dead_letters``) to their topics again, and record
    that. Returns how many were sent. Each gets a new position, and becomes a dead letter again if it is still bad.

    Raises ``KafkaError`` if one is not acknowledged; those before it are recorded as replayed.
    """
    sender = producer(kafka, max_request_size=MAX_MESSAGE_BYTES)
    sent = 0
    try:
        for row in rows:
            found = dead_letters_at(client, row["topic"], row["partition"], row["offset"])
            for record in found:
                if record["topic_id"] == row["topic_id"]:
                    sender.send(row["topic"], value=bytes.fromhex(record["raw"])).get(timeout=SEND_TIMEOUT_S)
                    position = (row["topic"], row["topic_id"], row["partition"], row["offset"])
                    record_dead_letter_actions(client, "replayed", [position])
                    sent += 1
    finally:
        sender.close(timeout=5)
    return sent
