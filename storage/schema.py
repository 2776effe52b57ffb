"""The schema that all migrations make together, as one page of SQL: ``docs/schema.sql``."""

from __future__ import annotations

import re

from clickhouse_driver import Client

from storage.migrate import files, statements

HEAD = """\
-- What all migrations make together: one declaration for each table, then for each view, in the order of their names.
-- The numbers above a declaration are the migrations that made or changed it; their comments say why it is so.
-- To change the schema, add a migration. Made by 'python -m deploy.reference'; do not edit.
"""
OBJECT = re.compile(r"^\s*(?:CREATE|ALTER)\b.*?\b(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.DOTALL)


def schema_page(client: Client) -> str:
    """The declarations that ClickHouse shows of a migrated database, without the database's name.

    What depends on the server is left out: who defined a view, and settings that have their default.
    """
    database = client.execute("SELECT currentDatabase()")[0][0]
    tables = client.execute(
        "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY engine = 'View', name"
    )
    by_object = _migrations_by_object()
    parts = [HEAD]
    for (name,) in tables:
        declaration = client.execute(f"SHOW CREATE TABLE `{name}`")[0][0]
        declaration = declaration.replace(f"{database}.", "")
        declaration = re.sub(r"DEFINER = \S+ SQL SECURITY", "DEFINER = CURRENT_USER SQL SECURITY", declaration)
        declaration = declaration.replace("\nSETTINGS index_granularity = 8192", "")
        numbers = by_object.get(name)
        parts.append((f"-- {', '.join(numbers)}\n" if numbers else "") + declaration + ";\n")
    return "\n".join(parts)


def _migrations_by_object() -> dict[str, list[str]]:
    """The names (without .sql) of the migrations that make or change each table and view."""
    found: dict[str, list[str]] = {}
    for file, sql in files():
        for statement in statements(sql):
            bare = re.sub(r"--.*", "", statement)
            if (match := OBJECT.match(bare)) and file.removesuffix(".sql") not in found.setdefault(match[1], []):
                found[match[1]].append(file.removesuffix(".sql"))
    return found
