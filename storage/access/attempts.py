"""What each user must be able to do, and what must fail: queries to try as that user."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from storage.access.people import PERSONAL, SERVER_TABLES, Person, quoted
from storage.dictionary import WATCHLIST

OPEN_TABLES = frozenset(
    {
        # The same for everybody.
        *("one", "contributors", "licenses", "time_zones", "collations", "formats", "privileges"),
        *("data_type_families", "database_engines", "table_engines", "table_functions", "functions"),
        *("aggregate_function_combinators", "keywords", "dictionary_layouts", "disk_types"),
        # Of the user's own session, or with the rows alone of what the user may read.
        *("settings", "current_roles", "enabled_roles", "quota_usage", "databases", "tables", "columns", "completions"),
    }
)
"""The tables in ``system`` that ClickHouse shows to everybody."""

_OBJECT = "'http://127.0.0.1:9/bucket/key', NOSIGN"
_AZURE = "'http://127.0.0.1:9/a', 'c', 'b', 'account', 'a2V5'"
_HDFS = "'hdfs://127.0.0.1:9/x'"
_LAKES = {"": _OBJECT, "S3": _OBJECT, "Azure": _AZURE, "HDFS": _HDFS, "Local": "'/tmp/x'"}
_ALONE = {
    "file": "'/etc/hostname', 'LineAsString'",
    "url": "'http://127.0.0.1:9/', 'LineAsString'",
    **dict.fromkeys(("s3", "gcs", "oss", "cosn"), f"{_OBJECT}, 'LineAsString'"),
    "hdfs": f"{_HDFS}, 'LineAsString'",
    "azureBlobStorage": _AZURE,
    **{f"{lake}{on}": at for lake in ("iceberg", "deltaLake", "hudi", "paimon") for on, at in _LAKES.items()},
}
"""Those that there is for a cluster, too."""

OUTSIDE = {
    **_ALONE,
    **{f"{name}Cluster": f"'{{cluster}}', {arguments}" for name, arguments in _ALONE.items()},
    "remote": "'127.0.0.1:9', system, one",
    "remoteSecure": "'127.0.0.1:9', system, one",
    "mysql": "'127.0.0.1:9', 'd', 't', 'u', 'p'",
    "postgresql": "'127.0.0.1:9', 'd', 't', 'u', 'p'",
    "sqlite": "'/tmp/x.db', 't'",
    "redis": "'127.0.0.1:9', 'k', 'k String, v String'",
    "mongodb": "'127.0.0.1:9', 'd', 't', 'u', 'p', 'k String'",
    "filesystem": "'/etc'",
    "jdbc": "'jdbc:x', 's', 't'",
    "odbc": "'DSN=x', 's', 't'",
    "ytsaurus": "'http://127.0.0.1:9', '//x', 'token', 'a String'",
    "fuzzJSON": "finsent, random_seed = 1",
}
"""Table functions that reach out of the database or into the server's configuration, with arguments."""

FOR_THE_SERVICE = {
    "dictionary": "'none'",
    "executable": "'x.sh', TabSeparated, 'a String'",
    "format": "JSONEachRow, '{{}}'",
    "zeros": "1",
    "zeros_mt": "1",
}
"""Those that only a user who writes may use, with arguments."""

INSIDE = {
    "merge": "currentDatabase(), '^{table}$'",
    "loop": "{table}",
    "view": "SELECT * FROM {table}",
    "viewExplain": "'EXPLAIN', '', (SELECT * FROM {table})",
    "cluster": "'{cluster}', currentDatabase(), {table}",
    "clusterAllReplicas": "'{cluster}', currentDatabase(), {table}",
    "mergeTreeIndex": "currentDatabase(), {table}",
    "mergeTreeAnalyzeIndexes": "currentDatabase(), {table}",
}
"""Table functions that read a table by another way, with arguments that name one that people may not read."""

OF_PROJECTIONS = {"mergeTreeProjection": "currentDatabase(), record_log, ledger"}
"""The same for a table with a projection."""

SEEMING_TO_WORK = {"viewIfPermitted": "SELECT user FROM {table} ELSE null('user String')"}
"""The same where ClickHouse answers with no rows instead of a refusal."""

EVAL = "eval"
"""Makes a query out of text, where a setting allows it that people cannot change."""

OWN_ROWS = frozenset(
    {
        *("values", "SQLStandardValues", "null", "input", "numbers", "numbers_mt", "primes"),
        *("generateRandom", "generateSeries", "generate_series", "fuzzQuery"),
    }
)
"""Table functions whose rows are made of their arguments: everybody may use them."""

OF_OTHER_TABLES = frozenset(
    {
        # Of tables with the engine TimeSeries, and of text indices: finsent has neither, and ClickHouse says so first.
        *("prometheusQuery", "prometheusQueryRange", "timeSeriesSelector", "mergeTreeTextIndex"),
        *("timeSeriesData", "timeSeriesMetrics", "timeSeriesSamples", "timeSeriesTags"),
        # By a table's UUID, which people are not shown.
        "mergeTreeAnalyzeIndexesUUID",
    }
)
"""Table functions that find nothing in finsent's tables."""

KNOWN_FUNCTIONS = frozenset(
    {*OUTSIDE, *FOR_THE_SERVICE, *INSIDE, *OF_PROJECTIONS, *SEEMING_TO_WORK, EVAL, *OWN_ROWS, *OF_OTHER_TABLES}
)
"""All table functions of which somebody has thought what people can do with them."""


class Try(NamedTuple):
    """A query, in words and in SQL, and whether it must work."""

    what: str
    sql: str
    allowed: bool


class Server(NamedTuple):
    """What there is on a server: a cluster ('' for none), its table functions, the tables in ``system``, and how each
    public view is read."""

    cluster: str
    functions: Collection[str]
    tables: Collection[str]
    calls: Mapping[str, str]


def attempts(person: Person, server: Server) -> Iterator[Try]:
    """What to try as ``person``."""
    everything = "*" in person.reads
    yield from _views(person, server.calls)
    yield Try("read the table record_log", "SELECT * FROM record_log LIMIT 0", everything)
    for table in PERSONAL:
        yield Try(f"read the table {table}", f"SELECT * FROM {table} LIMIT 0", person.writes)
        write = f"INSERT INTO {table} (user) SELECT user FROM {table} LIMIT 0"
        yield Try(f"write to {table}", write, person.writes)
    yield Try("read the table alerts", "SELECT * FROM alerts LIMIT 0", everything)
    yield Try("write to label_log", "INSERT INTO label_log (topic) SELECT topic FROM label_log LIMIT 0", person.writes)
    yield from _changes(person)
    # Other than the table function of that name, this one is checked by no grant.
    yield Try("read a file of the server", "SELECT file('/etc/hostname')", False)
    if not person.writes:  # the embedded ClickHouse reads for them (docs/security.md)
        into = "INSERT INTO FUNCTION null('a String') FROM INFILE '/etc/hostname' FORMAT LineAsString"
        yield Try("read a file of the server into a table", into, False)
    for name, arguments in _usable(OUTSIDE, server):
        yield Try(f"use {name}()", f"SELECT * FROM {name}({arguments})", False)
    if not everything:
        yield from _by_another_way("record_log", INSIDE | OF_PROJECTIONS, server)
    if not person.writes:
        for table in PERSONAL:
            yield from _by_another_way(table, INSIDE, server)
        for name, arguments in _usable(FOR_THE_SERVICE, server):
            yield Try(f"use {name}()", f"SELECT * FROM {name}({arguments})", False)
        if EVAL in server.functions:
            settings = "SETTINGS allow_experimental_eval_table_function = 1"
            yield Try(f"use {EVAL}()", f"SELECT * FROM {EVAL}('SELECT * FROM record_log') {settings}", False)
        for table in PERSONAL:
            for name, arguments in _usable(SEEMING_TO_WORK, server, table):
                seen = f"SELECT throwIf(count() > 0, 'rows are seen') FROM {name}({arguments})"
                yield Try(f"see nothing of {table} by {name}()", seen, True)
    may_see = OPEN_TABLES | set(SERVER_TABLES if person.writes else ())
    for name in sorted(server.tables):
        if name not in may_see:
            yield Try(f"read system.{name}", f"SELECT * FROM system.`{name}` LIMIT 0", False)
    if not everything:
        readable = ", ".join(map(quoted, person.reads))
        of_tables = {
            "tables": "database = currentDatabase() AND name",
            "columns": "database = currentDatabase() AND table",
            "completions": "context = 'table' AND belongs = currentDatabase() AND word",
        }
        for table, name in of_tables.items():
            others = f"FROM system.{table} WHERE {name} NOT IN ({readable})"
            query = f"SELECT throwIf(count() > 0, 'others are seen') {others}"
            yield Try(f"see nothing else in system.{table}", query, True)
    yield Try("make a user", "CREATE USER finsent_grant_check", False)
    if person.desk:
        yield from _of_its_desk(person.desk)


def _by_another_way(table: str, functions: Mapping[str, str], server: Server) -> Iterator[Try]:
    for name, arguments in _usable(functions, server, table):
        yield Try(f"read {table} by {name}()", f"SELECT * FROM {name}({arguments}) LIMIT 0", False)


def _usable(functions: Mapping[str, str], server: Server, table: str = "") -> Iterator[tuple[str, str]]:
    """Those that the server has, with their arguments. Some want a cluster."""
    for name, arguments in functions.items():
        if name in server.functions and (server.cluster or "{cluster}" not in arguments):
            yield name, arguments.format(cluster=server.cluster, table=table)


def _views(person: Person, calls: Mapping[str, str]) -> Iterator[Try]:
    for name, call in calls.items():
        yield Try(f"read {name}", f"SELECT * FROM {call} LIMIT 0", "*" in person.reads or name in person.reads)


def _changes(person: Person) -> Iterator[Try]:
    table = "CREATE TABLE finsent_grant_check (a UInt8) ENGINE = MergeTree ORDER BY a"
    yield Try("make a table", table, person.writes)
    if person.writes:
        yield Try("drop its table", "DROP TABLE finsent_grant_check", True)
        return
    yield Try("change a view", f"ALTER TABLE {WATCHLIST} MODIFY COMMENT 'An entry of the watch list.'", False)
    yield Try("give itself more memory", "SELECT 1 SETTINGS max_memory_usage = 100000000000", False)
    yield Try("give itself 50 seconds", "SELECT 1 SETTINGS max_execution_time = 50", True)
    yield Try("give itself 10 minutes", "SELECT 1 SETTINGS max_execution_time = 600", False)
    yield Try("leave the read-only mode", "SELECT 1 SETTINGS readonly = 0", False)
    template = "SELECT 1 AS a FORMAT Template SETTINGS format_template_row = '/etc/hostname'"
    yield Try("print a file of the server as a template", template, False)
    yield Try("take 2 million rows", "SELECT number FROM numbers(2000000)", False)
    if person.user.endswith("risk_reader"):
        yield Try("use 5 GB of memory", "SELECT length(groupArray(number)) FROM numbers(600000000)", False)


def _of_its_desk(desk: str) -> Iterator[Try]:
    others = f"SELECT ticker FROM {WATCHLIST} WHERE desk != {quoted(desk)}"
    for name, column in (("mentions", "entity"), ("alerts_now", "entity"), ("sentiment_now", "name")):
        seen = f"SELECT throwIf(count() > 0, 'rows of other desks') FROM {name} WHERE {column} IN ({others})"
        yield Try(f"see only its desk's {name}", seen, True)
