"""Copies of all tables and views, made and put back by ClickHouse itself.

The tables are copied one after the other, so they may be some records apart. That loses nothing: ``record_log`` and
``label_log`` each hold their own ledger, ``stored_ranges`` counts for no month that has rows, and a worker that goes on
reads from Kafka what the copy does not have.
"""

from __future__ import annotations

import re

from clickhouse_driver import Client

from errors import FinsentError
from storage.connection import UNAVAILABLE, StorageUnavailable, first_line

NAME = re.compile(r"[\w.-]+")
PLACE = re.compile(r"(File|Disk|S3|AzureBlobStorage)\([\w\s,'./:+-]*\)")
LONGEST_S = 24 * 3600


class BadPlace(FinsentError, ValueError):
    """A place for a copy that cannot be used."""

    remedy = "give a name, File('path'), Disk('disk', 'path') or S3(named_collection, 'path')"


class OverShards(FinsentError, RuntimeError):
    """A copy of this server's tables would have its own shard's records only."""

    remedy = "copy the database on each shard; see 'Shards' in docs/clickhouse.md"


class NotEmpty(FinsentError, RuntimeError):
    """The database has tables already."""

    remedy = "name an empty one in CLICKHOUSE_URL; nothing is overwritten"


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
    _run(client, f"BACKUP {', '.join(f'TABLE `{name}`' for name in names)} TO {place}")
    return len(names)


def restore(client: Client, place: str, database: str = "") -> int:
    """Put back what ``back_up`` has copied of ``database`` (the same name, if it is not given) into this one, which
    must be empty; how many tables and views there are then. Raises ``NotEmpty``, ``OverShards`` and
    ``StorageUnavailable``."""
    _check_unspread(client)
    here = client.execute("SELECT currentDatabase()")[0][0]
    if found := _tables(client):
        raise NotEmpty(f"the database {here} has {len(found)} tables and views")
    source = database or here
    _run(
        client,
        f"RESTORE DATABASE `{source}` AS `{here}` FROM {place} SETTINGS allow_different_database_def = 1",
    )
    return len(_tables(client))


def _check_unspread(client: Client) -> None:
    if shards := getattr(client, "shards", ""):
        raise OverShards(f"records are spread over the shards of {shards!r} (CLICKHOUSE_SHARDS)")


def _tables(client: Client) -> list[str]:
    rows = client.execute("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    return [name for (name,) in rows]


def _run(client: Client, statement: str) -> None:
    client.connection.send_receive_timeout = LONGEST_S
    client.disconnect()  # the next connection has that time
    try:
        client.execute(statement)
    except UNAVAILABLE as error:
        raise StorageUnavailable(first_line(error)) from error
