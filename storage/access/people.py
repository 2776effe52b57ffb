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

from storage.dictionary import COMPANIES, auditors_only, public

WRITES = "SELECT, INSERT, ALTER, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE"


ENGINES = ("MergeTree", "ReplacingMergeTree")


LIMITS = {
    "readonly": 1,
    "max_execution_time": 30,
    "max_memory_usage": 1_000_000_000,
    "max_result_rows": 1_000_000,
    "max_result_bytes": 200_000_000,
    "max_concurrent_queries_for_user": 12,
}


MOST_SECONDS = 60


QUERIES_A_MINUTE, SECONDS_A_MINUTE = 1200, 300


ANNOTATORS = ("documents", "mentions", COMPANIES, "labels", "labels_as_of")


class Person(NamedTuple):
    """A user, who has the role ``finsent_`` + ``user``."""

    user: str
    what: str
    reads: tuple[str, ...]
    """Names of views; '*' for everything in the database."""

    desk: str = ""
    writes: bool = False

    @property
    def role(self) -> str:
        """The role with this user's rights."""
        return f"finsent_{self.user}"


def people(desks: Sequence[str]) -> list[Person]:
    """All users, with one reader for each of ``desks``."""
    names = tuple(name for name in public() if name not in auditors_only())
    found = [
        Person("writer", "the service: migrates, reads and writes", ("*",), writes=True),
        Person("risk_reader", "the public views, of all desks", names),
        Person("annotator", "documents and labels", ANNOTATORS),
        Person("auditor", "everything, also bad records and what was sent to whom", ("*",)),
    ]
    return found + [
        Person("desk_" + re.sub(r"\W+", "_", desk.lower()), f"the public views, of {desk}", names, desk)
        for desk in sorted(set(desks))
    ]


def rights(database: str, person: Person) -> Iterator[str]:
    if person.writes:
        yield f"{WRITES} ON {database}.*"
        yield from (f"TABLE ENGINE ON {engine}" for engine in ENGINES)
    else:
        yield from (f"SELECT ON {database}.{name}" for name in person.reads)


def row_filter(database: str, desk: str, column: str) -> str:
    """SQL: which rows of a view belong to ``desk``; ``column`` is the view's under ``rows`` in the dictionary."""
    own = f"SELECT ticker FROM {database}.{COMPANIES} WHERE desk = {quoted(desk)}"
    return {
        "desk": f"desk = {quoted(desk)}",
        "entity": f"entity IN ({own})",
        "mentions.entity": f"hasAny(mentions.entity, ({own.replace('ticker', 'groupArray(ticker)', 1)}))",
        "entities": f"hasAny(entities, ({own.replace('ticker', 'groupArray(ticker)', 1)}))",
        "scope": f"(scope = 'entity' AND name IN ({own})) OR (scope = 'desk' AND name = {quoted(desk)}) "
        "OR scope = 'market'",
    }[column]


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
