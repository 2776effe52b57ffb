"""The schema without its history: what all migrations together lead to."""

from __future__ import annotations

from clickhouse_driver import Client

from storage import migrate

SHOWN = """
SELECT replaceAll(create_table_query, currentDatabase() || '.', '')
FROM system.tables WHERE database = currentDatabase() ORDER BY engine = 'View', name
"""


class Schema:
    """Made of a client whose database is empty: the migrations run there, and what ClickHouse then shows is kept."""

    def __init__(self, client: Client) -> None:
        migrate(client)
        self._statements = [statement for (statement,) in client.execute(SHOWN)]
        self._applied = client.execute("SELECT * FROM schema_migrations")

    def make(self, client: Client) -> None:
        """The same tables, views and record of migrations in the empty database of ``client``."""
        for statement in self._statements:
            client.execute(statement)
        client.execute("INSERT INTO schema_migrations VALUES", self._applied)
