"""Programs ask the views: finsent.connect, and Arrow and Parquet over HTTP."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import ipc, parquet

import finsent
from deploy.local import Stack
from errors import FinsentError
from settings import ClickHouseSettings
from storage import connect
from storage.access import PASSWORDS_FILE, PersonsClient
from tests.support.pages import blocks

pytestmark = pytest.mark.timeout(900)  # the recorded week is loaded by the first test that wants it

AS_OF = "SELECT count() AS n, max(ingested_at) AS last FROM documents_as_of(moment = {as_of:DateTime64(3)})"


@pytest.fixture
def environment(recorded: str, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", recorded)
    monkeypatch.setenv("CLICKHOUSE_HTTP_URL", stack.clickhouse_http_url)
    monkeypatch.setenv("FINSENT_DATA", str(stack.data))


@pytest.fixture
def client(environment: None) -> PersonsClient:
    return finsent.connect()


def test_a_table_holds_what_the_view_holds(client: PersonsClient, recorded: str):
    columns = "published_at, label, mentions.label, events.polarity, sentiment, title"
    sql = f"SELECT {columns}, embedding, topic, partition, offset FROM documents ORDER BY topic, partition, offset;"
    table = client.query(sql)
    rows = connect(ClickHouseSettings(url=recorded)).execute(sql.rstrip(";"))
    assert table.num_rows == len(rows) > 2000
    assert table.schema.field("published_at").type == pyarrow.timestamp("ms", tz="UTC")
    assert table.schema.field("label").type == pyarrow.string()
    assert table.schema.field("mentions.label").type == pyarrow.list_(pyarrow.string())
    for name, place in (("published_at", 0), ("label", 1), ("mentions.label", 2), ("events.polarity", 3), ("title", 5)):
        wanted = [list(row[place]) if isinstance(row[place], (list, tuple)) else row[place] for row in rows]
        assert table[name].to_pylist() == wanted, name
    assert table.schema.field("embedding").type == pyarrow.binary()
    assert {len(one) for one in table["embedding"].to_pylist()} == {0, 384}  # none where there is no score
    frame = table.to_pandas()
    assert frame.label.value_counts().to_dict() == {
        label: sum(row[1] == label for row in rows) for label in {row[1] for row in rows}
    }
    assert client.query("SELECT label FROM documents WHERE 0").num_rows == 0


def test_polars_takes_the_table(client: PersonsClient):
    polars = pytest.importorskip("polars")
    table = client.query("SELECT published_at, label, mentions.label, sentiment, embedding FROM documents LIMIT 100")
    frame = polars.from_arrow(table)
    assert frame.columns == table.column_names and frame.rows(named=True) == table.to_pylist()


def test_a_moment_and_values(client: PersonsClient):
    moment = datetime(2020, 6, 18, 12, tzinfo=UTC)
    answers = [
        client.query(AS_OF, as_of=given).to_pylist()
        for given in (
            moment,
            moment.replace(tzinfo=None),
            "2020-06-18T12:00:00Z",
            moment.astimezone(timezone(timedelta(hours=9))),
        )
    ]
    assert 0 < answers[0][0]["n"] < client.query(AS_OF, as_of="2100-01-01").to_pylist()[0]["n"]
    assert answers[0][0]["last"] <= moment and answers == [answers[0]] * 4
    quoted = "it's \\ {a:String} %s\n"
    (row,) = client.query("SELECT {a:String} AS a, {b:Array(String)} AS b", {"a": quoted, "b": ["x'", "y"]}).to_pylist()
    assert row == {"a": quoted, "b": ["x'", "y"]}


def test_what_is_refused_says_why(client: PersonsClient, environment: None):
    for sql, values, wanted in (
        ("SELECT count() FROM documents", {"as_of": datetime(2020, 6, 18)}, "write it there as {as_of:DateTime64(3)}"),
        ("SELECT 1", {"params": {"entity": "BA"}}, "{entity:Type}"),
        ("SELECT count() FROM dead_letters", {}, "Not enough privileges"),
        ("INSERT INTO record_log (topic) VALUES ('x')", {}, ""),
        ("SELECT number FROM numbers(2000000)", {}, "Limit for result exceeded"),
        ("SELECT sleepEachRow(1) FROM numbers(3)", {"max_seconds": 1}, "Timeout exceeded"),
        ("SELEC", {}, "Syntax error"),
    ):
        with pytest.raises(FinsentError) as refused:
            client.query(sql, **values)  # type: ignore[arg-type]
        assert wanted in str(refused.value), sql
    with pytest.raises(FinsentError, match="does not let risk_reader in"):
        finsent.connect(password="wrong")
    with pytest.raises(FinsentError, match="no password of nobody"):
        finsent.connect("nobody")
    with pytest.raises(FinsentError, match="does not let risk_reader in"):
        finsent.connect(url="http://127.0.0.1:1")
    with pytest.raises(FinsentError, match="does not let risk_reader in") as refused:
        finsent.connect(url="http://me:s3cret@127.0.0.1:1")
    assert "s3cret" not in str(refused.value)


def test_a_desk_gets_its_rows(environment: None):
    sql = "SELECT DISTINCT desk FROM companies WHERE ticker IN (SELECT entity FROM mentions)"
    assert finsent.connect("desk_technology").query(sql).to_pylist() == [{"desk": "technology"}]
    assert finsent.connect().query(sql).num_rows > 1


def test_the_command_of_the_page_gives_arrow_and_parquet(environment: None, stack: Stack):
    page = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"-d '(SELECT .*?) FORMAT Arrow'", page)
    password = json.loads((stack.data / PASSWORDS_FILE).read_text())["risk_reader"]
    headers = {"X-ClickHouse-User": "risk_reader", "X-ClickHouse-Key": password}

    def asked(form: str) -> io.BytesIO:
        request = urllib.request.Request(stack.clickhouse_http_url, f"{sql} FORMAT {form}".encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return io.BytesIO(answer.read())

    arrow = ipc.open_file(asked("Arrow")).read_all()
    assert arrow.num_rows > 2000 and set(arrow["label"].to_pylist()) <= {"negative", "neutral", "positive", "unscored"}
    assert ipc.open_stream(asked("ArrowStream")).read_all().num_rows == arrow.num_rows
    assert parquet.read_table(asked("Parquet")).num_rows == arrow.num_rows


def test_the_signals_of_the_page_for_quants_know_no_future(client: PersonsClient):
    """With a close within the newswire's outage, so that what it had published before came after it."""
    page = Path(__file__).parents[2] / "docs" / "quants.md"
    found: dict[str, Any] = {}
    exec("".join(block.text for block in blocks(page) if block.language == "python"), found)
    assert all(len(found[name]) > 10 for name in ("signal", "bars", "events", "study", "by_one_version"))
    assert found["study"].closing.notna().any()
    early = found["BARS"].replace("INTERVAL 8 HOUR", "INTERVAL 14 HOUR")  # 10:00 in New York, 14:00 UTC
    then = early.replace("AND kind", "AND ingested_at <= {known:DateTime64(3)} AND kind")
    closed = datetime(2020, 6, 18, 14, tzinfo=UTC)
    by_then = client.query(then, found["span"] | {"known": closed}).to_pylist()
    by_now = client.query(early, found["span"]).to_pylist()
    assert by_then == [row for row in by_now if row["day"] <= closed.date()]
    ahead = client.query(early.replace("greatest(published_at, ingested_at)", "published_at"), found["span"])
    assert by_then != [row for row in ahead.to_pylist() if row["day"] <= closed.date()], "late documents, to be seen"
