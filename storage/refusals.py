"""Why a ClickHouse that answers takes no rows, in words for people. Workers wait then, since this may pass."""

from __future__ import annotations

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from storage.shards import stored_in

LACKS_RIGHTS = 497
REASONS = {
    164: "it is read-only for this user (setting readonly)",
    202: "it answers too many queries at once",
    241: "its memory is used up",
    242: "a table is read-only",
    243: "its disk is full",
    252: "a table has too many parts: merges do not keep up (parts_to_throw_insert)",
    285: "fewer than a majority of its replicas answer",
    286: "an insert before is not on a majority of its replicas yet",
    289: "this replica is behind what was acknowledged",
    LACKS_RIGHTS: "the user lacks rights",
    774: "a table is read-only (table_readonly)",
}
"""By ClickHouse's error code."""

READ_ONLY = "Read-only file system"
OF_FILES = {READ_ONLY: "its disk is read-only", "No space left on device": "its disk is full"}
"""By what the operating system says; ClickHouse has no error codes for these."""

LEAST_FREE_BYTES = 500_000_000

OBSTACLES = """
SELECT 'ClickHouse is read-only for this user (setting readonly)' FROM system.settings
WHERE name = 'readonly' AND value != '0'
UNION ALL
SELECT concat('the disk ', name, ' of ClickHouse is read-only') FROM system.disks WHERE is_read_only
UNION ALL
SELECT concat('the disk ', name, ' of ClickHouse has ', formatReadableSize(free_space), ' left') FROM system.disks
WHERE free_space < %(least)s
UNION ALL
SELECT concat('the table ', name, ' of ClickHouse is read-only (table_readonly)') FROM system.tables
WHERE database = currentDatabase() AND name IN %(tables)s AND match(create_table_query, 'table_readonly = (1|true)')
UNION ALL
SELECT
    concat('the table ', p.table, ' has ', toString(p.parts), ' parts in one partition, and takes no rows from ',
           toString(p.most), ' on: merges do not keep up')
FROM
(
    SELECT
        parts.table AS table, count() AS parts,
        ifNull(
            any(toUInt64OrNull(extract(tables.create_table_query, 'parts_to_throw_insert = (\\\\d+)'))),
            (SELECT toUInt64(value) FROM system.merge_tree_settings WHERE name = 'parts_to_throw_insert')
        ) AS most
    FROM system.parts AS parts
    INNER JOIN system.tables AS tables ON tables.database = parts.database AND tables.name = parts.table
    WHERE parts.active AND parts.database = currentDatabase() AND parts.table IN %(tables)s
    GROUP BY parts.table, parts.partition_id
    HAVING parts >= most
) AS p
"""


WRITES_A_FILE = """
SELECT number FROM numbers(100000) ORDER BY sipHash64(number) FORMAT Null
SETTINGS max_bytes_before_external_sort = 1, max_bytes_ratio_before_external_sort = 0
"""
"""Sorts in a file beside the tables, and leaves nothing: a disk that has become read-only is in none of ClickHouse's
tables."""


def refusal(error: BaseException | None) -> str:
    """Why ClickHouse refused what led to ``error``; '' if it did not answer, or for any other reason."""
    while error is not None:
        if isinstance(error, ServerException):
            return _of_files(error) or REASONS.get(error.code, "")
        error = error.__cause__
    return ""


def _of_files(error: ServerException) -> str:
    return next((why for said, why in OF_FILES.items() if said in error.message), "")


def obstacles(client: Client) -> list[str]:
    """Why ClickHouse would take no rows now, as its own tables tell it; nothing is known where the user may not read
    them, or of other shards. Raises what the driver raises."""
    tables = tuple(stored_in(client, table) for table in ("record_log", "label_log"))
    try:
        found = [text for (text,) in client.execute(OBSTACLES, {"least": LEAST_FREE_BYTES, "tables": tables})]
    except ServerException as error:
        if error.code != LACKS_RIGHTS:
            raise
        found = []
    try:
        client.execute(WRITES_A_FILE)
    except ServerException as error:  # users may be kept from these settings, and a full disk is told already
        if _of_files(error) == OF_FILES[READ_ONLY]:
            found.append(f"ClickHouse takes no rows: {OF_FILES[READ_ONLY]}")
    return found
