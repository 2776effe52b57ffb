"""What was done with bad records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from clickhouse_driver import Client


def record_dead_letter_actions(client: Client, action: str, positions: Iterable[tuple[str, str, int, int]]) -> None:
    """Record that bad records were ``replayed`` or ``dropped``.

    ``positions`` are (topic, topic id, partition, offset).
    """
    rows = [(*position, action, datetime.now().astimezone()) for position in positions]
    if rows:
        client.execute("INSERT INTO dead_letter_actions (topic, topic_id, partition, offset, action, at) VALUES", rows)
