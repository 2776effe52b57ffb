"""Checks the rights by logging in as each user and trying what must work and what must fail."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from clickhouse_driver import Client

from storage.access.attempts import Server, attempts
from storage.access.people import MOST_SECONDS, Person
from storage.dictionary import public_views

REFUSED = re.compile(
    "ACCESS_DENIED|READONLY|SETTING_CONSTRAINT_VIOLATION|AUTHENTICATION_FAILED|MEMORY_LIMIT_EXCEEDED|"
    "TOO_MANY_ROWS|TOO_MANY_ROWS_OR_BYTES|CANNOT_EXTRACT_TABLE_STRUCTURE|call to getcwd failed"
)
"""Errors by which ClickHouse refuses a user. The last but one is that merge() sees no such table; the last one is that
the embedded ClickHouse reads no files. Other errors prove nothing: the query may be wrong."""


class Attempt(NamedTuple):
    """One thing that one user tried: whether it must work, and the server's refusal ('' if it worked)."""

    user: str
    what: str
    allowed: bool
    refusal: str

    @property
    def surprise(self) -> bool:
        """Whether it failed although it must work, or was not refused although it must be."""
        return bool(self.refusal) if self.allowed else not REFUSED.search(self.refusal)


def check_access(client: Client, url: str, everybody: Sequence[Person], known: Mapping[str, str]) -> Iterator[Attempt]:
    """Log in to the HTTP interface at ``url`` as each of ``everybody`` and try what must work and what must fail.

    ``client`` is only asked what there is. The writer makes a table and drops it; nothing else is changed.
    """
    database = client.execute("SELECT currentDatabase()")[0][0]
    clusters = client.execute("SELECT cluster FROM system.clusters LIMIT 1")
    server = Server(
        cluster=clusters[0][0] if clusters else "",
        functions=[name for (name,) in client.execute("SELECT name FROM system.table_functions")],
        tables=[name for (name,) in client.execute("SELECT name FROM system.tables WHERE database = 'system'")],
        calls={view.name: view.call for view in public_views(client)},
    )
    tried: set[str] = set()
    for person in everybody:
        for one in attempts(person, server):
            # The readers of desks have the same rights, and other rows: one of them tries the rest.
            if person.desk and one.what in tried and not one.what.startswith("see "):
                continue
            if person.desk:
                tried.add(one.what)
            said = _said(url, person.user, known[person.user], database, one.sql)
            yield Attempt(person.user, one.what, one.allowed, said)
        wrong = _said(url, person.user, known[person.user] + "x", database, "SELECT 1")
        yield Attempt(person.user, "log in with another password", False, wrong)


def _said(url: str, user: str, password: str, database: str, sql: str) -> str:
    """The server's refusal of ``sql``, '' if it accepts it."""
    query = urllib.parse.urlencode({"database": database, "default_format": "Null", "wait_end_of_query": "1"})
    headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    request = urllib.request.Request(f"{url.rstrip('/')}/?{query}", sql.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=MOST_SECONDS * 2) as answer:
            answer.read()
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode("utf-8", "replace").strip() or f"HTTP {error.code}"
