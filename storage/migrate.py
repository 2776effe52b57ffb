"""Brings the schema up to date: numbered SQL files, forwards only, each recorded with its checksum."""

from __future__ import annotations

import hashlib
import re
import time
from importlib import resources

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from errors import FinsentError
from storage.backups import check_not_restoring
from storage.shards import stored_in

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations
(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree ORDER BY name
"""
TABLE_ALREADY_EXISTS = 57
OTHER_PROCESS_S = 10.0
"""If a statement fails because another process runs the same migration, that one has finished it by then."""

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
    """Apply the migrations that are missing and return their names. Raises ``MigrationChanged`` and ``Restoring``.

    Two processes may do this at once: what the other one has done, or does first, counts as done. Views run with the
    rights of the user that migrates, so people who may read a view need no rights on the tables below it.
    """
    check_not_restoring(client)
    client.execute(LEDGER)
    applied = dict(client.execute("SELECT name, checksum FROM schema_migrations FINAL"))
    done = []
    for name, sql in files():
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        if name in applied:
            if applied[name] != checksum:
                raise MigrationChanged(f"{name} was applied with another text; add a new migration instead")
        elif _apply(client, name, sql):
            client.execute("INSERT INTO schema_migrations (name, checksum) VALUES", [(name, checksum)])
            done.append(name)
    for (name,) in client.execute(UNSECURED):
        client.execute(f"ALTER TABLE {name} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER")
    return done


def _apply(client: Client, name: str, sql: str) -> bool:
    """Run the statements of a migration. False if another process has applied it before this one was done."""
    for statement in statements(sql):
        # An older view must not replace the newer one of a process that is ahead.
        if "OR REPLACE" in statement and _is_applied(client, name):
            return False
        try:
            client.execute(VIEW.sub(rf"\g<0> {DEFINER}", statement))
        except ServerException as error:
            if error.code == TABLE_ALREADY_EXISTS:
                continue
            if not _is_applied(client, name, OTHER_PROCESS_S):
                raise
            return False
    return True


def _is_applied(client: Client, name: str, within_s: float = 0) -> bool:
    """Whether the migration is recorded as applied, at the latest in ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    while not client.execute("SELECT 1 FROM schema_migrations WHERE name = %(name)s LIMIT 1", {"name": name}):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def set_durability(client: Client, fsync: bool) -> None:
    """Let the server write each insert of records to its disk before it acknowledges it, or not."""
    wanted = f"fsync_after_insert = {int(fsync)}"
    for table in ("record_log", "label_log"):
        declared = client.execute(f"SHOW CREATE TABLE {stored_in(client, table)}")[0][0]
        if wanted not in declared and (fsync or "fsync_after_insert" in declared):
            client.execute(f"ALTER TABLE {table} MODIFY SETTING {wanted}, fsync_part_directory = {int(fsync)}")
