"""What people opened on the console: the table ``opened_log``, which keeps it for 90 days."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_driver import Client


def write_opened(client: Client, user: str, document_id: str, entity: str) -> None:
    """Append that ``user`` opened a document, or a company's page (then ``document_id`` is '')."""
    row = (user, document_id, entity, datetime.now(UTC))
    client.execute("INSERT INTO opened_log (user, document_id, entity, at) VALUES", [row])
