"""Copies of all tables and views, made and put back by ClickHouse itself.

The tables are copied one after the other, so they may be some records apart. That loses nothing: ``record_log`` and
``label_log`` each hold their own ledger, ``stored_ranges`` counts for no month that has rows, and a worker that goes on
reads from Kafka what the copy does not have.
"""

from __future__ import annotations

import re
from typing import ClassVar

from clickhouse_driver import Client

from errors import ExitCode, FinsentError
from storage.connection import UNAVAILABLE, StorageUnavailable, first_line

NAME = re.compile(r"[\w.-]+")
PLACE = re.compile(r"(File|Disk|S3|AzureBlobStorage)\([\w\s,'./:+-]*\)")
LONGEST_S = 24 * 3600

LAST, ON_ITS_WAY = "record_log", "record_log_restoring"
"""The table that holds the ledger, and its name until everything else is restored."""

TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"
VIEWS = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name"
DECLARATION = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = %(view)s"


class BadPlace(FinsentError, ValueError):
    """A place for a copy that cannot be used."""

    remedy = "give a name, File('path'), Disk('disk', 'path') or S3(named_collection, 'path')"


class OverShards(FinsentError, RuntimeError):
    """A copy of this server's tables would have its own shard's records only."""

    remedy = "copy the database on each shard; see 'Shards' in docs/clickhouse.md"


class NotEmpty(FinsentError, RuntimeError):
    """The database has tables already."""

    remedy = "name an empty one in CLICKHOUSE_URL; nothing is overwritten"


class Restoring(FinsentError, RuntimeError):
    """A backup is being put back into our database."""

    exit_code: ClassVar[ExitCode] = ExitCode.TEMPFAIL
    remedy = (
        "wait until 'finsent storage restore' has ended; if it broke off, drop the database and make it again, empty"
    )


def place_of(text: str) -> str:
    """``text`` as ClickHouse names the place: a name alone is a file. Raises ``BadPlace``."""
    if NAME.fullmatch(text):
        return f"File('{text}')"
    if not PLACE.fullmatch(text):
        raise BadPlace(f"{text!r} is no place for a copy")
    if text.startswith(("S3", "Azure")) and text.count("'") > 2:
        raise BadPlace(f"keys do not belong on a command line: let a named collection of the server hold them, as in "
                       f"{text.partition('(')[0]}(backups, 'monday')")  # fmt: skip
    return text


def back_up(client: Client, place: str) -> int:
    """Copy all tables and views to ``place``; how many they are. Raises ``OverShards`` and ``StorageUnavailable``."""
    _check_unspread(client)
    names = _tables(client)
    _be_patient(client)
    _run(client, f"BACKUP {', '.join(f'TABLE `{name}`' for name in names)} TO {place}")
    return len(names)


def restore(client: Client, place: str, database: str = "") -> int:
    """Put back what ``back_up`` has copied of ``database`` (the same name, if it is not given) into this one, which
    must be empty; how many tables and views there are then. Views run with the rights of our user. Raises ``NotEmpty``,
    ``OverShards``, ``Restoring`` and ``StorageUnavailable``."""
    _check_unspread(client)
    check_not_restoring(client)
    here = _database(client)
    if found := _tables(client):
        raise NotEmpty(f"the database {here} has {len(found)} tables and views")
    source = database or here
    _be_patient(client)
    # ClickHouse makes all tables and then fills them. A worker that runs would take an empty ledger for lost rows, so
    # it comes last: without it, workers wait. What others write into the other tables meanwhile stays.
    _run(client, f"RESTORE TABLE `{source}`.{LAST} AS `{here}`.{ON_ITS_WAY} FROM {place}")
    _run(
        client,
        f"RESTORE DATABASE `{source}` AS `{here}` EXCEPT TABLES `{source}`.{LAST} FROM {place} "
        "SETTINGS allow_different_database_def = 1, allow_non_empty_tables = 1",
    )
    names = [LAST if name == ON_ITS_WAY else name for name in _tables(client)]
    for (view,) in client.execute(VIEWS):
        _mend(client, place, view, source, here, names)
    _run(client, f"RENAME TABLE {ON_ITS_WAY} TO {LAST}")
    return len(names)


def check_not_restoring(client: Client) -> None:
    """Raises ``Restoring`` while a backup is put back into our database."""
    if ON_ITS_WAY in _tables(client):
        raise Restoring(f"a backup is being restored into the database {_database(client)}, or that broke off")


def _mend(client: Client, place: str, view: str, source: str, here: str, names: list[str]) -> None:
    """Let ``view`` read the tables and views of ``names`` in the database ``here`` as it read those of ``source``, with
    the rights of our user: the one who made it may be unknown to this server."""
    other = source != here
    if other:
        # Where ClickHouse renames a table within a query, it drops the alias. Alone, a view comes as it was: the
        # tables it reads are not restored by that statement, so they keep their names.
        _run(client, f"DROP VIEW `{view}`")
        _run(client, f"RESTORE TABLE `{source}`.`{view}` AS `{here}`.`{view}` FROM {place}")
    if "SQL SECURITY DEFINER" in _declaration(client, view):
        _run(client, f"ALTER TABLE `{view}` MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER")
    if other:
        declared = _unqualified(_declaration(client, view), source, names)
        _run(client, re.sub("^CREATE VIEW", "CREATE OR REPLACE VIEW", declared))


def _unqualified(declaration: str, database: str, names: list[str]) -> str:
    """``declaration`` with the tables and views of ``names`` without their ``database``."""
    known = "|".join(map(re.escape, names))
    # Texts and other quoted names are taken whole, so that nothing in them is taken for a table.
    named = rf"(?<![\w.`])(?P<quote>`?){re.escape(database)}(?P=quote)\.(?=`?(?:{known})\b)"
    kept = r"(?P<kept>'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)"
    return re.sub(f"{named}|{kept}", lambda found: found["kept"] or "", declaration)


def _declaration(client: Client, view: str) -> str:
    rows = client.execute(DECLARATION, {"view": view})
    return str(rows[0][0])


def _check_unspread(client: Client) -> None:
    if shards := getattr(client, "shards", ""):
        raise OverShards(f"records are spread over the shards of {shards!r} (CLICKHOUSE_SHARDS)")


def _database(client: Client) -> str:
    return str(client.execute("SELECT currentDatabase()")[0][0])


def _tables(client: Client) -> list[str]:
    """The names of the tables and views."""
    return [name for (name,) in client.execute(TABLES)]


def _be_patient(client: Client) -> None:
    client.connection.send_receive_timeout = LONGEST_S
    client.disconnect()  # the next connection has that time


def _run(client: Client, statement: str) -> None:
    try:
        Client.execute(client, statement)  # on this server alone, also where it is one of a cluster
    except UNAVAILABLE as error:
        raise StorageUnavailable(first_line(error)) from error
