"""Roles, row filters and limits, by logging in as each."""

from __future__ import annotations

import csv
import io
import json
import os
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from typer.testing import CliRunner

from deploy.local import Stack, clickhouse_server
from documents import Document, Label, Mention, Position
from documents.events import Event
from finsent import app
from settings import ClickHouseSettings
from storage import access, connect, public_views, write_documents, write_labels
from storage.access.attempts import KNOWN_FUNCTIONS, OF_OTHER_TABLES, OWN_ROWS, Server, attempts
from storage.dictionary import COMPANIES, WATCHLIST, public
from storage.writes import add_silence

RUN = CliRunner()
READ_ONLY, NOT_GRANTED, NO_SUCH_ROLE, NOT_STORED = 495, 497, 511, 514


@pytest.fixture
def stack_of_people(stack: Stack, recorded: str, monkeypatch: pytest.MonkeyPatch) -> Stack:
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    return stack


@pytest.fixture
def log_in(stack_of_people: Stack) -> Callable[[str], clickhouse_connect.driver.Client]:
    known = json.loads((stack_of_people.data / access.PASSWORDS_FILE).read_text())
    host, _, port = stack_of_people.clickhouse_http_url.removeprefix("http://").partition(":")

    def made(user: str) -> clickhouse_connect.driver.Client:
        return clickhouse_connect.get_client(host=host, port=int(port), username=user, password=known[user])

    return made


def test_everybody_may_do_what_they_must_and_nothing_else(stack_of_people: Stack):
    done = RUN.invoke(app, ["storage", "grant", "--check", "--format", "csv"])
    assert done.exit_code == 0, [line for line in done.output.splitlines() if "SURPRISE" in line]
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    users = {row["user"] for row in rows}
    assert {"writer", "risk_reader", "annotator", "auditor", "desk_technology", "desk_real_estate"} <= users
    for user in users:  # a check in which nothing must fail, or nothing must work, shows nothing
        assert {row["must"] for row in rows if row["user"] == user} == {"works", "fails"}
    refused = {(row["user"], row["tries to"]) for row in rows if row["refusal"]}
    for user in ("risk_reader", "annotator", "auditor"):
        for table in ("opened_log", "saved_searches"):
            tried = (f"read the table {table}", f"read {table} by merge()", f"write to {table}")
            assert {(user, what) for what in tried} <= refused
            assert not {("writer", what) for what in tried} & refused
    assert ("risk_reader", "read dead_letters") in refused and ("auditor", "read dead_letters") not in refused
    assert ("annotator", "read alerts_now") in refused and ("risk_reader", "use 5 GB of memory") in refused


def test_every_table_function_of_the_server_is_thought_of(client_of_default: Client):
    """One that a new ClickHouse brings is put into a list of ``attempts`` first, and so is tried as each user."""
    have = {name for (name,) in client_of_default.execute("SELECT name FROM system.table_functions")}
    assert have - KNOWN_FUNCTIONS == set()
    server = Server("a_cluster", have, (), {})
    reader = access.people([])[1]
    tried = " ".join(one.sql for one in attempts(reader, server))
    for name in have - OWN_ROWS - OF_OTHER_TABLES:
        assert f"FROM {name}(" in tried, name
    for name in OF_OTHER_TABLES:  # there is nothing to find by them, while finsent has no such table
        assert name not in tried
    engines, kinds = "SELECT engine FROM system.tables", "SELECT type FROM system.data_skipping_indices"
    assert not [one for (one,) in client_of_default.execute(engines) if one == "TimeSeries"]
    assert not [one for (one,) in client_of_default.execute(kinds) if one == "text"]


def test_a_surprise_is_told(stack_of_people: Stack, tmp_path: Path):
    everybody = access.people(["technology"])
    path = tmp_path / "passwords.json"
    access.passwords(path, everybody)  # others than those that the server has
    done = RUN.invoke(app, ["storage", "grant", "--check", "--passwords", str(path)])
    assert done.exit_code == 1 and "SURPRISE" in done.output and "are not as they must be" in done.output
    assert RUN.invoke(app, ["storage", "grant", "--check", "--passwords", str(tmp_path / "none")]).exit_code == 1


def test_the_embedded_users_are_told(stack_of_people: Stack):
    done = RUN.invoke(app, ["storage", "grant"])
    assert done.exit_code == 0 and access.PASSWORDS_FILE in done.output
    for name in (access.PASSWORDS_FILE, "clickhouse/users.xml"):
        assert (stack_of_people.data / name).stat().st_mode & 0o077 == 0


def test_a_desk_sees_its_own_and_the_risk_reader_everything(log_in: Callable):
    companies = "SELECT ticker FROM companies WHERE desk = 'healthcare'"
    asked = {
        "mentions": f"SELECT count(), countIf(entity IN ({companies})) FROM mentions",
        "alerts": f"SELECT count(), countIf(entity IN ({companies})) FROM alerts_now",
        "positions": "SELECT count(), countIf(desk = 'healthcare') FROM positions",
        "index": "SELECT count(), countIf(name = 'technology') FROM sentiment_as_of(moment = '2020-06-18 12:00:00', "
        "known = now64(3))",
        "documents": "SELECT count(), countIf(has(mentions.entity, 'WDI.DE') AND NOT has(mentions.entity, 'LLY')) "
        "FROM documents",
    }  # fmt: skip
    both = "companies = ['WDI.DE', 'LLY'], "
    span = "first = '2020-06-14 00:00:00', until = '2020-06-22 00:00:00'"
    of_companies = {
        "mentions_of": f"{both}{span}",
        "counted_mentions_of": f"{both}{span}, known = now64(3)",
        "sentiment_of": f"{both}moment = '2020-06-18 12:00:00', known = now64(3)",
        "events_of": f"{both}{span}, known = now64(3)",
        "events_between": f"{span}, known = now64(3)",
    }
    asked |= {
        view: f"SELECT count(), countIf(entity IN ({companies})) FROM {view}({given})"
        for view, given in of_companies.items()
    }
    desk, risk = log_in("desk_healthcare"), log_in("risk_reader")
    own = {name: desk.query(sql).result_rows[0] for name, sql in asked.items()}
    whole = {name: risk.query(sql).result_rows[0] for name, sql in asked.items()}
    for name in ("mentions", "alerts", "positions", *of_companies):
        assert 0 < own[name][0] == own[name][1] == whole[name][1] < whole[name][0], name
    assert own["index"][1] == 0 < whole["index"][1] and 0 < own["index"][0] < whole["index"][0]
    assert own["documents"][1] == 0 < whole["documents"][1]


GIVEN = {
    "moment": "'2020-06-18 12:00:00'",
    "known": "now64(3)",
    "first": "'2020-06-14 00:00:00'",
    "until": "'2020-06-22 00:00:00'",
    "companies": "['WDI.DE', 'LLY']",
    "width_s": "604800",
}
"""Values of the views' parameters that ask for the recorded week."""


@pytest.fixture
def rows_of_now(client_of_default: Client) -> Iterator[None]:
    """What the recorded week lacks, for companies of two desks: what views of the present show, labels of one company,
    silences. It is taken away again, since other tests read that week."""
    now, then, topic = datetime.now(UTC), datetime(2020, 6, 16, tzinfo=UTC), "rows-of-now"
    documents, labels = [], []
    for number, ticker in enumerate(("WDI.DE", "LLY") * 20):
        # Most of them yesterday and before, so that the indices of now can have moved.
        made = Document(Position(topic, "id", 0, number), document_id=f"now-{number}", source="wire", model_version="m")
        made.published_at = made.ingested_at = now - timedelta(hours=number // 2 * 2, minutes=1)
        made.story_id, made.title, made.label = number + 1, f"Title {number}", "negative"
        made.mentions = [Mention(ticker, ticker, "name", "negative", 0.6, 0.3, 0.1, -0.5)]
        made.events = [Event(ticker, "fraud", 0.9, "subject", "happened", 80, 3, -1)]
        documents.append(made)
        # Labels are shown as of the recorded week, too.
        labels.append(Label(Position(topic, "id", 1, number), "negative", "ana", then, made.document_id, entity=ticker))
    write_documents(client_of_default, documents, stamp=False)
    for label in labels:
        label.ingested_at = then
    write_labels(client_of_default, labels, stamp=False)
    for ticker in ("WDI.DE", "LLY"):
        add_silence(client_of_default, ticker, "", now, now + timedelta(hours=1), topic)
    yield
    for table, own in (("record_log", "topic"), ("label_log", "topic"), ("silences", "by")):
        client_of_default.execute(f"ALTER TABLE {table} DELETE WHERE {own} = '{topic}' SETTINGS mutations_sync = 2")
        assert client_of_default.execute(f"SELECT count() FROM {table} WHERE {own} = '{topic}'") == [(0,)]


def test_every_view_shows_a_desk_all_rows_of_its_own_and_no_others(
    client_of_default: Client, log_in: Callable, rows_of_now: None
):
    """What a row is about is told here apart from the policies: by the tickers of the desk."""
    desk, risk = log_in("desk_healthcare"), log_in("risk_reader")
    tickers = risk.query("SELECT ticker FROM companies WHERE desk = 'healthcare'").result_columns[0]
    tickers_of_it = "(" + ", ".join(f"'{one}'" for one in tickers) + ")"
    about = {
        "entity": f"entity IN {tickers_of_it}",
        "mentions.entity": f"arrayExists(one -> one IN {tickers_of_it}, mentions.entity)",
        "entities": f"arrayExists(one -> one IN {tickers_of_it}, entities)",
        "desk": "desk = 'healthcare'",
        "scope": "multiIf(scope = 'market', 1, scope = 'desk', name = 'healthcare', scope = 'sector', 0, "
        f"name IN {tickers_of_it})",
    }
    seen = {}
    for view in public_views(client_of_default):
        if not (column := public()[view.name]):
            continue
        given = ", ".join(f"{one.name} = {GIVEN.get(one.name, '1')}" for one in view.parameters)
        asked = f"SELECT count(), countIf({about[column]}) FROM {view.name}{f'({given})' if given else ''}"
        seen[view.name] = [one.query(asked).result_rows[0] for one in (desk, risk)]
    assert len(seen) > 40
    wrong = {
        name: found for name, found in seen.items() if not 0 < found[0][0] == found[0][1] == found[1][1] < found[1][0]
    }
    assert not wrong


def test_clickhouse_connect_asks_as_the_risk_reader(log_in: Callable):
    client = log_in("risk_reader")
    found = client.query(
        "SELECT title FROM mentions_as_of(moment = {moment:DateTime64(3)}) WHERE entity = {entity:String}",
        parameters={"moment": "2020-06-18 14:05:00", "entity": "WDI.DE"},
        settings={"max_execution_time": 50},
    )
    assert found.row_count > 50
    assert client.command("SELECT getSetting('max_execution_time')") == 30
    for sql in (
        "SELECT * FROM record_log",
        "SELECT * FROM alerts",
        "SELECT * FROM dead_letters",
        "DROP TABLE record_log",
    ):
        with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|READONLY|readonly mode"):
            client.command(sql)


def test_the_statements_for_a_server_are_sql(client_of_default: Client):
    everybody = access.people(["technology", "real estate", "o'clock"])
    known = {person.user: "secret" for person in everybody}
    wanted = access.grant_statements("default", everybody, known)
    assert "secret" not in " ".join(wanted)
    for statement in wanted:  # the embedded ClickHouse reads them, and then has no place for them
        with pytest.raises(ServerException) as refused:
            client_of_default.execute(statement)
        assert refused.value.code in (READ_ONLY, NOT_GRANTED, NO_SUCH_ROLE, NOT_STORED), f"{statement}: {refused.value}"
    assert any("GRANT SELECT ON default.movers TO finsent_risk_reader" in one for one in wanted)
    assert not any("dead_letters TO finsent_risk_reader" in one for one in wanted)
    granted = wanted.index("GRANT SELECT ON default.* TO finsent_auditor")
    for table in ("opened_log", "saved_searches"):
        assert granted < wanted.index(f"REVOKE SELECT ON default.{table} FROM finsent_auditor")


@pytest.fixture
def client_of_default(stack_of_people: Stack):
    client = connect()
    yield client
    client.disconnect()


def test_the_users_file_is_xml_whatever_a_desk_is_called():
    everybody = access.people(["R&D <new>", "o'clock"])
    text = access.users_xml("default", everybody, {person.user: "secret" for person in everybody}, "secret")
    found = ElementTree.fromstring(text)
    filters = [node.text or "" for node in found.iter("filter")]
    assert any("'R&D <new>'" in one for one in filters) and any("'o\\'clock'" in one for one in filters)
    assert "secret" not in text
    start = [grant.text for grant in found.iterfind("users/default/grants/query")]
    assert start == ["GRANT SYSTEM LISTEN ON *.*"], "should the user without a password ever get in"


def test_two_desks_never_share_a_user():
    with pytest.raises(access.SameUser, match="'A B' and 'A-B' would both be the user desk_a_b"):
        access.people(["A-B", "other", "A B"])
    assert len(access.people(["A-B", "A-B"])) == len(access.people(["A-B"]))


def test_accounts_of_others_are_not_taken_over(client_of_default: Client):
    everybody = access.people(["technology"])
    assert access.taken(client_of_default, everybody) == []  # these are finsent's own
    others = [person._replace(user="default") for person in everybody[:1]]
    assert access.taken(client_of_default, others) == ["default"]


class Granting:
    """Answers as a server that takes users by SQL, as the embedded ClickHouse does not; ``users`` are its users of our
    names: name, whether they are of this database, and their roles."""

    def __init__(self, *users: tuple[str, bool, list[str]]) -> None:
        self.users, self.told = users, list[str]()

    def execute(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        if not query.startswith("SELECT"):
            self.told.append(query)
        elif "system.user_directories" in query:
            return [("local_directory",)]
        return list(self.users) if "system.users" in query else [("finsent",)]


@pytest.mark.parametrize(
    ("stranger", "user"),
    [(True, ("writer", True, ["others_role"])), (True, ("writer", False, ["finsent_writer"])),
     (False, ("writer", True, ["finsent_writer"]))],
    ids=["of others", "of another database", "our own"],
)  # fmt: skip
def test_nothing_is_granted_where_an_account_is_of_others(stranger: bool, user: tuple[str, bool, list[str]]):
    everybody, server = access.people(["technology"]), Granting(user)
    known = {person.user: "s" for person in everybody}
    if stranger:
        with pytest.raises(access.TakenNames, match="accounts of these names: writer"):
            access.grant(server, everybody, known)  # type: ignore[arg-type]
    else:
        assert access.grant(server, everybody, known) == len(server.told)  # type: ignore[arg-type]
    assert bool(server.told) != stranger


def test_names_begin_with_the_prefix_so_that_two_installations_may_share_a_server():
    everybody = access.people(["technology"], "fin_")
    assert {person.user for person in everybody} >= {"fin_writer", "fin_risk_reader", "fin_desk_technology"}
    own = {person.user for person in access.people(["technology"])}
    assert own.isdisjoint(person.user for person in everybody)
    wanted = " ".join(access.grant_statements("d", everybody, {person.user: "s" for person in everybody}, "fin_"))
    assert "PROFILE OR REPLACE finsent_fin_reader" in wanted and "USER OR REPLACE fin_writer" in wanted
    assert not [name for name in own if f" {name} " in wanted]


def test_whoever_grants_the_service_sees_all_rows_and_a_desk_its_own():
    """The policy for everybody else names nobody: the administrator who grants is not the service."""
    everybody = access.people(["technology", "health"])
    wanted = access.grant_statements("d", everybody, {person.user: "s" for person in everybody})
    (policy,) = [one for one in wanted if "finsent_all ON d.mentions " in one]
    who = "desk_health, finsent_desk_health, desk_technology, finsent_desk_technology"
    assert policy.endswith(f"USING 1 TO ALL EXCEPT {who}") and "CURRENT_USER" not in " ".join(wanted)
    made = [number for number, one in enumerate(wanted) if "USER OR REPLACE" in one]
    assert max(made) < wanted.index(policy), "the users that it leaves out are there"
    alone = access.grant_statements("d", access.people([]), {p.user: "s" for p in access.people([])})
    assert next(one for one in alone if "finsent_all ON d.mentions " in one).endswith("TO ALL")


def test_a_dictionary_is_for_nobody_but_the_service(client_of_default: Client, log_in: Callable):
    client_of_default.execute(
        "CREATE DICTIONARY finsent_secrets (id UInt64, name String) PRIMARY KEY id "
        "SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)"
    )
    try:
        assert client_of_default.execute("SELECT dictHas('finsent_secrets', toUInt64(1))") == [(0,)]
        for user in ("risk_reader", "annotator", "desk_technology", "auditor"):
            for sql in (
                "SELECT dictGet('default.finsent_secrets', 'name', toUInt64(1))",
                "SELECT dictHas('default.finsent_secrets', toUInt64(1))",
                "SELECT * FROM dictionary('default.finsent_secrets')",
            ):
                with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|Not enough privileges|readonly mode"):
                    log_in(user).query(sql)
    finally:
        client_of_default.execute("DROP DICTIONARY finsent_secrets")


def test_rows_about_documents_are_filtered_for_a_desk_or_kept_from_it(client_of_default: Client):
    for view in public_views(client_of_default):
        about = {column.name for column in view.columns} & {"document_id", "entity", "entities", "mentions.entity"}
        seen = any(view.name in person.reads for person in access.people(["technology"]) if person.desk)
        assert not (about and seen) or public()[view.name] or view.name in (WATCHLIST, COMPANIES), view.name


def test_the_embedded_service_has_a_password_and_the_user_without_one_does_not_get_in(stack_of_people: Stack):
    """What another user of the machine, or a web page that posts to the port, can do."""
    file = stack_of_people.data / "clickhouse-service-password"
    assert file.stat().st_mode & 0o077 == 0 and len(file.read_text()) == 64
    stack_of_people.write_state()
    path = stack_of_people.data / "state.json"
    assert path.stat().st_mode & 0o077 == 0
    state = json.loads(path.read_text())
    with connect(ClickHouseSettings(url=state["environment"]["CLICKHOUSE_URL"])) as client:
        assert client.execute("SELECT currentUser()") == [("finsent",)]

    for sql in (
        "SELECT 1",
        "SELECT 1 SETTINGS max_sessions_for_user = 9",
        "SELECT count() FROM default.record_log",
        "SYSTEM STOP LISTEN TCP",
        "SYSTEM SHUTDOWN",
    ):
        assert "USER_SESSION_LIMIT_EXCEEDED" in said(stack_of_people, sql), sql
    again = said(stack_of_people, "SELECT 1", **{"X-ClickHouse-User": "finsent", "X-ClickHouse-Key": ""})
    assert "AUTHENTICATION_FAILED" in again


def said(stack: Stack, sql: str, **headers: str) -> str:
    """The answer to ``sql`` at the HTTP port, or the refusal."""
    request = urllib.request.Request(stack.clickhouse_http_url, sql.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_nobody_reads_files_through_the_embedded_clickhouse(stack_of_people: Stack):
    """Neither with the function file(), which no grant checks, nor with a format's template or schema."""
    data = stack_of_people.data
    own = (data / "clickhouse-service-password").read_text()
    known = {"finsent": own} | json.loads((data / access.PASSWORDS_FILE).read_text())
    (note := data / "note").write_text("to be read by nobody")
    (schema := data / "clickhouse" / "schema.proto").write_text('syntax = "proto3"; message Named { int32 a = 1; }')
    files = {
        str(data / "clickhouse-service-password"): own,
        "/etc/passwd": "root:",
        str(note): "to be read",
        str(data / "clickhouse" / "users.xml"): "password_sha256_hex",
        "../users.xml": "password_sha256_hex",
    }
    queries = [
        query
        for file in files
        for query in (
            f"SELECT file('{file}')",
            f"SELECT file('{file}', 'none')",
            f"SELECT file('{file}', NULL)",
            f"SELECT file(materialize('{file}')) FROM numbers(2)",
            f"SELECT 1 AS a FORMAT Template SETTINGS format_template_row = '{file}'",
            f"SELECT * FROM file('{file}', 'LineAsString')",
            f"SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = '{schema}:Named'",
        )
    ]
    assert {"writer", "risk_reader", "annotator", "auditor", "desk_technology"} < set(known)
    users = {user: {"X-ClickHouse-User": user, "X-ClickHouse-Key": password} for user, password in known.items()}
    for user, headers in ({"": {}} | users).items():
        for query in queries:
            answer = said(stack_of_people, query, **headers)
            assert "DB::Exception" in answer or "call to getcwd failed" in answer, (user, query, answer)
            assert not any(content in answer for content in files.values()), (user, query)
        if user not in ("finsent", "writer"):  # they write, so the server also reads for them what they send
            into = "INSERT INTO FUNCTION null('a UInt8') FROM INFILE '/etc/passwd' FORMAT TSV"
            assert "root:" not in said(stack_of_people, into, **headers), user


def test_the_embedded_clickhouse_leaves_nothing_of_its_start(stack_of_people: Stack):
    """The working directory that it has lost, and the pipe by which it is told to listen."""
    assert not (stack_of_people.data / "clickhouse" / "start").exists()
    pid = stack_of_people.children["clickhouse"].pid
    assert os.readlink(f"/proc/{pid}/cwd").endswith("(deleted)")


def test_logs_of_the_embedded_clickhouse_stay_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clickhouse_server, "LOG_BYTES", 10)
    log = tmp_path / "clickhouse.log"
    clickhouse_server.shorten(log)
    with log.open("a") as file:
        file.write("0123456789")
        file.flush()
        clickhouse_server.shorten(log)
        file.write("a")
        file.flush()
        clickhouse_server.shorten(log)
        file.write("b")
    assert log.read_text() == "b" and (tmp_path / "clickhouse.log.0").read_text() == "0123456789a"
