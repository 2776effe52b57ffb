"""Checks the rights by logging in as each user and trying what must work and what must fail."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from clickhouse_driver import Client

from storage.access.people import MOST_SECONDS, Person, quoted
from storage.dictionary import COMPANIES, auditors_only, not_for_desks, public, public_views


class Attempt(NamedTuple):
    """One thing that one user tried: whether it must work, and the server's refusal ('' if it worked)."""

    user: str
    what: str
    allowed: bool
    refusal: str

    @property
    def surprise(self) -> bool:
        """Whether it worked and must fail, or failed and must work."""
        return self.allowed == bool(self.refusal)


def check_access(client: Client, url: str, everybody: Sequence[Person], known: Mapping[str, str]) -> Iterator[Attempt]:
    """Log in to the HTTP interface at ``url`` as each of ``everybody`` and try what must work and what must fail.

    ``client`` is only asked which views there are. The writer makes a table and drops it; nothing else is changed.
    """
    database = client.execute("SELECT currentDatabase()")[0][0]
    calls = {view.name: view.call for view in public_views(client)}
    for person in everybody:
        for what, sql, allowed in _attempts(person, calls):
            yield Attempt(person.user, what, allowed, _said(url, person.user, known[person.user], database, sql))
        wrong = _said(url, person.user, known[person.user] + "x", database, "SELECT 1")
        yield Attempt(person.user, "log in with another password", False, wrong)


def _attempts(person: Person, calls: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    everything = "*" in person.reads
    # A desk's reader has the rights of the risk reader. Of views that are filtered alike, one is enough to try.
    alike = set({column: name for name, column in public().items()}.values())
    for name, call in calls.items():
        if person.desk and name not in alike | auditors_only() | not_for_desks():
            continue
        yield f"read {name}", f"SELECT * FROM {call} LIMIT 0", everything or name in person.reads
    yield "read the table record_log", "SELECT * FROM record_log LIMIT 0", everything
    yield "read the table alerts", "SELECT * FROM alerts LIMIT 0", everything
    yield "write to label_log", "INSERT INTO label_log (topic) SELECT topic FROM label_log LIMIT 0", person.writes
    if person.writes:
        yield "make a table", "CREATE TABLE finsent_grant_check (a UInt8) ENGINE = MergeTree ORDER BY a", True
        yield "drop its table", "DROP TABLE finsent_grant_check", True
    else:
        yield "make a table", "CREATE TABLE finsent_grant_check (a UInt8) ENGINE = MergeTree ORDER BY a", False
        yield "change a view", f"ALTER TABLE {COMPANIES} MODIFY COMMENT 'A company of the watch list.'", False
        yield "give itself more memory", "SELECT 1 SETTINGS max_memory_usage = 100000000000", False
        yield "give itself 50 seconds", "SELECT 1 SETTINGS max_execution_time = 50", True
        yield "give itself 10 minutes", "SELECT 1 SETTINGS max_execution_time = 600", False
        yield "leave the read-only mode", "SELECT 1 SETTINGS readonly = 0", False
        yield "take 2 million rows", "SELECT number FROM numbers(2000000)", False
    if person.user == "risk_reader":
        yield "use 5 GB of memory", "SELECT length(groupArray(number)) FROM numbers(600000000)", False
    yield "read files of the server", "SELECT * FROM file('/etc/hostname', 'LineAsString')", False
    yield "send requests from the server", "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')", False
    yield "make a user", "CREATE USER finsent_grant_check", False
    yield "read the users", "SELECT name FROM system.users LIMIT 0", False
    if person.desk:
        others = f"SELECT ticker FROM {COMPANIES} WHERE desk != {quoted(person.desk)}"
        for name, column in (("mentions", "entity"), ("alerts_now", "entity"), ("sentiment_now", "name")):
            seen = f"SELECT throwIf(count() > 0, 'rows of other desks') FROM {name} WHERE {column} IN ({others})"
            yield f"see only its desk's {name}", seen, True


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
