"""Who may read and write what in ClickHouse, as one declaration: SQL for a server, a users file for the embedded one.

Five kinds of people: the writer (the service), risk readers (the public views, for all desks or for one), annotators,
auditors. People are read-only, with limits that they cannot lift; only the time a query may take is theirs to choose,
up to a maximum, because Grafana sets it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from clickhouse_driver import Client

from errors import FinsentError
from storage.dictionary import COMPANIES, auditors_only, public, views

PASSWORDS = "clickhouse-passwords.json"
"""The file in the data directory that has people's passwords."""

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


class FixedUsers(FinsentError, RuntimeError):
    """This ClickHouse takes its users from a file, as the embedded one does."""


class Person(NamedTuple):
    """A user with the role of the same name, ``finsent_`` before it."""

    user: str
    what: str
    reads: tuple[str, ...]
    """Names of views; '*' for everything in the database."""

    desk: str = ""
    writes: bool = False

    @property
    def role(self) -> str:
        """The role that has the rights."""
        return f"finsent_{self.user}"


def people(desks: Sequence[str]) -> list[Person]:
    """Everybody, with one reader for each of ``desks``."""
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


def row_filter(database: str, desk: str, column: str) -> str:
    """The rows of a view that are ``desk``'s, by what the dictionary says its ``column`` is."""
    own = f"SELECT ticker FROM {database}.{COMPANIES} WHERE desk = {_quoted(desk)}"
    return {
        "desk": f"desk = {_quoted(desk)}",
        "entity": f"entity IN ({own})",
        "mentions.entity": f"hasAny(mentions.entity, ({own.replace('ticker', 'groupArray(ticker)', 1)}))",
        "entities": f"hasAny(entities, ({own.replace('ticker', 'groupArray(ticker)', 1)}))",
        "scope": f"(scope = 'entity' AND name IN ({own})) OR (scope = 'desk' AND name = {_quoted(desk)}) "
        "OR scope = 'market'",
    }[column]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def passwords(path: Path, everybody: Sequence[Person]) -> dict[str, str]:
    """Each one's password from the file ``path``, which only its owner may read; those that lack are made."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    lacking = {person.user: secrets.token_urlsafe(18) for person in everybody if person.user not in known}
    if lacking:
        scratch = path.with_name(path.name + ".new")
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known | lacking, file, indent=1)
        scratch.replace(path)
    return known | lacking


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def statements(database: str, everybody: Sequence[Person], known: Mapping[str, str]) -> list[str]:
    """What makes a server's users what is declared here, however they were before."""
    limits = ", ".join(
        f"{name} = {value}{f' MAX {MOST_SECONDS} CHANGEABLE_IN_READONLY' if name == 'max_execution_time' else ''}"
        for name, value in LIMITS.items()
    )
    readers = ", ".join(person.role for person in everybody if not person.writes)
    found = [f"CREATE ROLE IF NOT EXISTS {person.role}" for person in everybody]
    found += [
        f"CREATE SETTINGS PROFILE OR REPLACE finsent_reader SETTINGS {limits} TO {readers}",
        f"CREATE QUOTA OR REPLACE finsent_reader KEYED BY user_name FOR INTERVAL 1 MINUTE "
        f"MAX queries = {QUERIES_A_MINUTE}, execution_time = {SECONDS_A_MINUTE} TO {readers}",
    ]
    whole = ", ".join(person.role for person in everybody if not person.desk)
    for person in everybody:
        found.append(f"REVOKE ALL ON *.* FROM {person.role}")
        found += [f"GRANT {right} TO {person.role}" for right in _rights(database, person)]
        identified = f"IDENTIFIED WITH sha256_hash BY '{_hash(known[person.user])}'"
        found.append(f"CREATE USER OR REPLACE {person.user} {identified} DEFAULT DATABASE {database}")
        found.append(f"GRANT {person.role} TO {person.user}")
    for view, column in public().items():
        if not column:
            continue
        # Who has no policy on a view that has one for others might see nothing.
        found.append(f"CREATE ROW POLICY OR REPLACE finsent_all ON {database}.{view} USING 1 TO {whole}, CURRENT_USER")
        found += [
            f"CREATE ROW POLICY OR REPLACE {person.role} ON {database}.{view} "
            f"USING {row_filter(database, person.desk, column)} TO {person.role}"
            for person in everybody
            if person.desk
        ]
    return found


def _rights(database: str, person: Person) -> Iterator[str]:
    if person.writes:
        yield f"{WRITES} ON {database}.*"
        yield from (f"TABLE ENGINE ON {engine}" for engine in ENGINES)
    else:
        yield from (f"SELECT ON {database}.{name}" for name in person.reads)


def grant(client: Client, everybody: Sequence[Person], known: Mapping[str, str]) -> int:
    """Make a server's users what is declared here; how many statements it took. Raises ``FixedUsers``."""
    if client.execute("SELECT DISTINCT type FROM system.user_directories") == [("users_xml",)]:
        raise FixedUsers("this ClickHouse takes its users from a file")
    database = client.execute("SELECT currentDatabase()")[0][0]
    wanted = statements(database, everybody, known)
    for statement in wanted:
        client.execute(statement)
    return len(wanted)


_XML = """<clickhouse>
  <profiles>
    <default/>
    <finsent_reader>
{limits}
      <constraints>
        <max_execution_time><max>{most}</max><changeable_in_readonly/></max_execution_time>
      </constraints>
    </finsent_reader>
  </profiles>
  <quotas>
    <default/>
    <finsent_reader>
      <interval>
        <duration>60</duration><queries>{queries}</queries><execution_time>{seconds}</execution_time>
      </interval>
    </finsent_reader>
  </quotas>
  <roles>
{roles}
  </roles>
  <users>
    <!-- The service, without a password, but from this machine alone. -->
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </default>
{users}
  </users>
</clickhouse>
"""


def users_xml(database: str, everybody: Sequence[Person], known: Mapping[str, str]) -> str:
    """The same as the text of a users file; passwords are in it as their hashes."""
    roles, users = [], []
    for person in everybody:
        rights = "".join(f"<query>GRANT {escape(right)}</query>" for right in _rights(database, person))
        roles.append(f"    <{person.role}><grants>{rights}</grants></{person.role}>")
        filters = "".join(
            f"<{view}><filter>{escape(row_filter(database, person.desk, column))}</filter></{view}>"
            for view, column in public().items()
            if person.desk and column and view in person.reads
        )
        kind = "default" if person.writes else "finsent_reader"
        users.append(
            f"    <{person.user}><password_sha256_hex>{_hash(known[person.user])}</password_sha256_hex>"
            f"<networks><ip>127.0.0.1</ip></networks><profile>{kind}</profile><quota>{kind}</quota>"
            f"<grants><query>GRANT {person.role}</query></grants>"
            + (f"<databases><{database}>{filters}</{database}></databases>" if filters else "")
            + f"</{person.user}>"
        )
    limits = "\n".join(f"      <{name}>{value}</{name}>" for name, value in LIMITS.items())
    return _XML.format(
        limits=limits,
        most=MOST_SECONDS,
        queries=QUERIES_A_MINUTE,
        seconds=SECONDS_A_MINUTE,
        roles="\n".join(roles),
        users="\n".join(users),
    )


class Tried(NamedTuple):
    """One thing that one user tried: whether it must work, and what the server said ('' where it worked)."""

    user: str
    what: str
    allowed: bool
    refusal: str

    @property
    def surprise(self) -> bool:
        """It is not as it must be."""
        return self.allowed == bool(self.refusal)


def check(client: Client, url: str, everybody: Sequence[Person], known: Mapping[str, str]) -> Iterator[Tried]:
    """Log in to the HTTP interface at ``url`` as each of ``everybody`` and try what must work and what must fail.

    ``client`` only tells which views there are. Nothing is changed but a table of the writer's, made and dropped.
    """
    database = client.execute("SELECT currentDatabase()")[0][0]
    calls = {view.name: view.call for view in views(client)}
    for person in everybody:
        for what, sql, allowed in _attempts(person, calls):
            yield Tried(person.user, what, allowed, _said(url, person.user, known[person.user], database, sql))
        wrong = _said(url, person.user, known[person.user] + "x", database, "SELECT 1")
        yield Tried(person.user, "log in with another password", False, wrong)


def _attempts(person: Person, calls: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    everything = "*" in person.reads
    # A desk's reader has the rights of the risk reader: of views that are filtered alike, one is enough.
    alike = set({column: name for name, column in public().items()}.values())
    for name, call in calls.items():
        if person.desk and name not in alike and name not in auditors_only():
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
        others = f"SELECT ticker FROM {COMPANIES} WHERE desk != {_quoted(person.desk)}"
        for name, column in (("mentions", "entity"), ("alerts_now", "entity"), ("sentiment_now", "name")):
            seen = f"SELECT throwIf(count() > 0, 'rows of other desks') FROM {name} WHERE {column} IN ({others})"
            yield f"see only its desk's {name}", seen, True


def _said(url: str, user: str, password: str, database: str, sql: str) -> str:
    """What the server refuses ``sql`` with, '' if it does not."""
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
