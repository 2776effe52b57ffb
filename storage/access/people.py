"""Who may read and write what: five kinds of people, as one declaration.

The writer (the service), risk readers (the public views, for all desks or for one), annotators, auditors. ``server``
turns it into SQL for a ClickHouse server, ``users_file`` into a users file for the embedded one. People are read-only,
with limits that they cannot lift. Only the time that a query may take is theirs to choose, up to a maximum: Grafana
sets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from errors import FinsentError
from storage.dictionary import COMPANIES, WATCHLIST, auditors_only, not_for_desks, public
from storage.pinned import ANSWERS

WRITES = "SELECT, INSERT, ALTER, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE"


ENGINES = ("MergeTree", "ReplacingMergeTree", "AggregatingMergeTree")


SERVER_TABLES = ("clusters", "disks", "macros", "merge_tree_settings", "parts", "settings")
"""The service reads them to find out whether the server has replicas, and why it takes no rows."""


SERVICE = "finsent"
"""The user of the service in the embedded ClickHouse. In any other, its user is called as CLICKHOUSE_URL says."""


LIMITS = {
    "readonly": 1,
    "max_execution_time": 30,
    "max_memory_usage": 1_000_000_000,
    "max_result_rows": 1_000_000,
    "max_result_bytes": 200_000_000,
    "max_concurrent_queries_for_user": 12,
}


SETTINGS = {**LIMITS, **ANSWERS}
"""The settings of people's profile. With them, a view answers people as it answers us, whatever the server's default
profile is."""


MOST_SECONDS = 60


QUERIES_A_MINUTE, SECONDS_A_MINUTE = 1200, 300


ANNOTATORS = ("documents", "mentions", COMPANIES, WATCHLIST, "labels", "labels_as_of")


PERSONAL = ("opened_log", "saved_searches")
"""What people opened and saved on the console: it is for their own pages, and nobody but the service may read it."""


class SameUser(FinsentError, ValueError):
    """Two desks would get one user, and so see each other's rows."""

    remedy = "rename one of them in the watch list"


class Person(NamedTuple):
    """A user, who has the role ``finsent_`` + ``user``. The name begins with CLICKHOUSE_ACCOUNT_PREFIX."""

    user: str
    what: str
    reads: tuple[str, ...]
    """Names of views; '*' for everything in the database but ``PERSONAL``."""

    desk: str = ""
    writes: bool = False

    @property
    def role(self) -> str:
        """The role with this user's rights."""
        return f"finsent_{self.user}"


def people(desks: Sequence[str], prefix: str = "") -> list[Person]:
    """All users, with one reader for each of ``desks``; their names begin with ``prefix``. Raises ``SameUser``."""
    names = tuple(name for name in public() if name not in auditors_only())
    found = [
        Person(f"{prefix}writer", "the service: migrates, reads and writes", ("*",), writes=True),
        Person(f"{prefix}risk_reader", "the public views, of all desks", names),
        Person(f"{prefix}annotator", "documents and labels", ANNOTATORS),
        Person(
            f"{prefix}auditor", "also bad records and what was sent to whom; not what people opened or saved", ("*",)
        ),
    ]
    by_user: dict[str, str] = {}
    for desk in sorted(set(desks)):
        user = f"{prefix}desk_" + re.sub(r"\W+", "_", desk.lower())
        if user in by_user:
            raise SameUser(f"the desks {by_user[user]!r} and {desk!r} would both be the user {user}")
        by_user[user] = desk
    of_a_desk = tuple(name for name in names if name not in not_for_desks())
    return found + [Person(user, f"the public views, of {desk}", of_a_desk, desk) for user, desk in by_user.items()]


def rights(database: str, person: Person) -> Iterator[str]:
    if person.writes:
        yield f"{WRITES} ON {database}.*"
        yield from (f"TABLE ENGINE ON {engine}" for engine in ENGINES)
        yield from (f"SELECT ON system.{table}" for table in SERVER_TABLES)
    else:
        yield from (f"SELECT ON {database}.{name}" for name in person.reads)


def withheld(database: str, person: Person) -> Iterator[str]:
    """What ``person`` may not do although their ``rights`` say so."""
    if "*" in person.reads and not person.writes:
        yield from (f"SELECT ON {database}.{table}" for table in PERSONAL)


def rights_over_servers(cluster: str, shards: str) -> Iterator[str]:
    """The rights that the service needs besides, to make tables on other servers and to read from them."""
    if cluster or shards:
        yield "CLUSTER ON *.*"
    if cluster:
        yield from (f"TABLE ENGINE ON Replicated{engine}" for engine in ENGINES)
    if shards:
        yield from ("TABLE ENGINE ON Distributed", "REMOTE ON *.*", "CREATE TEMPORARY TABLE ON *.*")


def row_filter(database: str, desk: str, column: str) -> str:
    """SQL: which rows of a view belong to ``desk``; ``column`` is the view's under ``rows`` in the dictionary."""
    own = f"SELECT ticker FROM {database}.{WATCHLIST} WHERE desk = {quoted(desk)}"
    return {
        "desk": f"desk = {quoted(desk)}",
        "entity": f"entity IN ({own})",
        "mentions.entity": f"hasAny(mentions.entity, ({own.replace('ticker', 'groupArray(ticker)', 1)}))",
        "entities": f"hasAny(entities, ({own.replace('ticker', 'groupArray(ticker)', 1)}))",
        "scope": f"(scope NOT IN ('desk', 'sector', 'market') AND name IN ({own})) "
        f"OR (scope = 'desk' AND name = {quoted(desk)}) OR scope = 'market'",
    }[column]


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
