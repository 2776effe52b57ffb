"""What the watch list that the workers have stored says of its entities."""

from __future__ import annotations

from clickhouse_driver import Client

from documents import EntityType


def other_types(client: Client) -> dict[str, EntityType]:
    """The types of the entities that are no companies, by ticker."""
    return dict(client.execute("SELECT ticker, entity_type FROM entities FINAL WHERE entity_type != 'company'"))
