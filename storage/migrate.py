"""Brings the schema up to date: numbered SQL files, forwards only, each recorded with its checksum."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from errors import FinsentError

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations
(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree ORDER BY name
"""
TABLE_ALREADY_EXISTS = 57
VIEW = re.compile(r"^CREATE (OR REPLACE )?VIEW \w+(?= AS$)", re.MULTILINE)
DEFINER = "DEFINER = CURRENT_USER SQL SECURITY DEFINER"
UNSECURED = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine = 'View' AND (create_table_query NOT LIKE '%SQL SECURITY DEFINER%'
    OR create_table_query LIKE '%DEFINER = default SQL SECURITY%' AND currentUser() != 'default')
"""
"""Views that were made before views had a definer, and those of the user ``default``, which was the service's in the
embedded ClickHouse of earlier releases and may read nothing any more."""


class MigrationChanged(FinsentError, RuntimeError):
    """A migration that was applied is not the one in the code any more."""


def files() -> list[tuple[str, str]]:
    """(name, SQL text) of every migration, in order."""
    folder = resources.files(__package__) / "migrations"
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in found]


def statements(sql: str) -> list[str]:
    """The statements of one file; a semicolon at the end of a line ends one."""
    parts = re.split(r";\s*$", sql, flags=re.MULTILINE)
    return [part for part in parts if re.sub(r"--.*", "", part).strip()]


def migrate(client: Client) -> list[str]:
    """Apply the migrations that are missing and return their names. Raises ``MigrationChanged``.

    Two processes may do this at once: a table that the other one has just made counts as made. Views run with the
    rights of the user that migrates, so people who may read a view need no rights on the tables below it.
    """
    client.execute(LEDGER)
    applied = dict(client.execute("SELECT name, checksum FROM schema_migrations FINAL"))
    done = []
    for name, sql in files():
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        if name in applied:
            if applied[name] != checksum:
                raise MigrationChanged(f"{name} was applied with another text; add a new migration instead")
            continue
        for statement in statements(sql):
            try:
                client.execute(VIEW.sub(rf"\g<0> {DEFINER}", statement))
            except ServerException as error:
                if error.code != TABLE_ALREADY_EXISTS:
                    raise
        client.execute("INSERT INTO schema_migrations (name, checksum) VALUES", [(name, checksum)])
        done.append(name)
    for (name,) in client.execute(UNSECURED):
        client.execute(f"ALTER TABLE {name} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER")
    return done


def set_durability(client: Client, fsync: bool) -> None:
    """Let the server write each insert of records to its disk before it acknowledges it, or not."""
    wanted = f"fsync_after_insert = {int(fsync)}"
    for table in ("record_log", "label_log"):
        declared = client.execute(f"SHOW CREATE TABLE {table}")[0][0]
        if wanted not in declared and (fsync or "fsync_after_insert" in declared):
            client.execute(f"ALTER TABLE {table} MODIFY SETTING {wanted}, fsync_part_directory = {int(fsync)}")
