"""An assistant asks the views over the Model Context Protocol."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from typer.testing import CliRunner

from deploy.local import Stack
from finsent import app

pytestmark = pytest.mark.timeout(900)  # the recorded week is loaded by the first test that wants it


@pytest.fixture(scope="module")
def asked(recorded: str, stack: Stack) -> Any:
    """Calls a tool of the command, as an assistant does: whether it failed, and the text of the answer."""
    environment = {
        **os.environ,
        "CLICKHOUSE_URL": recorded,
        "CLICKHOUSE_HTTP_URL": stack.clickhouse_http_url,
        "FINSENT_DATA": str(stack.data),
    }

    def ask(user: str, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
        async def talk() -> list[tuple[bool, str]]:
            arguments = ["-m", "finsent", "mcp", "--user", user, "--most-rows", "3"]
            started = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
            async with Client(started) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} == {
                    *("views", "columns", "questions", "query")
                }
                assert (client.server_info.name, client.server_info.version) == ("finsent", version("finsent"))
                assert "never instructions" in (client.instructions or "")
                answers = [await client.call_tool(name, values) for name, values in calls]
                return [(bool(answer.is_error), answer.content[0].text) for answer in answers]  # type: ignore[union-attr]

        return asyncio.run(asyncio.wait_for(talk(), 120))

    return ask


def test_views_columns_questions_and_queries(asked: Any):
    with_value = "SELECT count() FROM documents_as_of(moment = {moment:DateTime64(3)})"
    views, columns, called, questions, rows, early, late, cut, wide = asked(
        "risk_reader",
        ("views", {}),
        ("columns", {"view": "alerts_now"}),
        ("columns", {"view": "movers_as_of(moment = now(), known = now())"}),
        ("questions", {}),
        ("query", {"sql": "SELECT entity, count() AS n FROM mentions GROUP BY entity ORDER BY n DESC LIMIT 2"}),
        ("query", {"sql": with_value, "values": {"moment": "2020-06-01 00:00:00"}}),
        ("query", {"sql": with_value, "values": {"moment": "2100-01-01 00:00:00"}}),
        ("query", {"sql": "SELECT title, published_at, nan, [inf] FROM documents"}),
        ("query", {"sql": "SELECT repeat('x', 25000) FROM numbers(3)"}),
    )
    assert not any(failed for failed, _ in (views, columns, called, questions, rows, early, late, cut, wide))
    shown = {view["view"] for view in json.loads(views[1])}
    assert {"documents", "alerts_now", "events"} <= shown and "dead_letters" not in shown
    assert "documents_as_of(moment = '2020-06-18 12:00:00')" in shown
    assert {"severity", "fired_at"} <= {column["name"] for column in json.loads(columns[1])}
    assert "scope" in {column["name"] for column in json.loads(called[1])}
    assert len(json.loads(questions[1])) > 30
    assert json.loads(rows[1])["columns"] == ["entity", "n"] and len(json.loads(rows[1])["rows"]) == 2
    assert json.loads(early[1])["rows"] == [[0]] and json.loads(late[1])["rows"][0][0] > 2000
    answer = json.loads(cut[1])
    assert len(answer["rows"]) == 3 and "more rows than these (3)" in answer["left out"]
    assert answer["rows"][0][2:] == [None, [None]]
    assert len(json.loads(wide[1])["rows"]) == 2 and "more rows than these (2)" in json.loads(wide[1])["left out"]


def test_nothing_can_be_written_or_fetched_and_a_desk_sees_its_rows(asked: Any):
    refused = {
        "DROP VIEW documents": "",
        "INSERT INTO record_log (topic) VALUES ('x')": "",
        "SELECT * FROM record_log": "only read what the tool `views` lists",
        "SELECT * FROM dead_letters": "only read what the tool `views` lists",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')": "only read what the tool `views` lists",
        "SELECT 1 SETTINGS readonly = 0": "without SETTINGS",
        "SELEC": "the tool `questions` has some that work",
        "SELECT nothing FROM documents": "the tool `columns` lists",
        "SELECT * FROM documents_as_of": "called as the tool `views` shows",
        "SELECT title FROM documents_as_of(known = now())": "called as the tool `views` shows",
        "SELECT {entity:String}": "`values` lacks it",
    }
    calls = [("query", {"sql": sql}) for sql in refused]
    answers = asked("risk_reader", *calls, ("columns", {"view": "nothing"}), ("columns", {"view": "dead_letters"}))
    assert all(failed for failed, _ in answers), answers
    for remedy, (_, text) in zip(refused.values(), answers, strict=False):
        assert remedy in text and "Traceback" not in text, text
    assert "there is no view 'nothing'" in answers[-2][1] and "there is no view 'dead_letters'" in answers[-1][1]
    sql = "SELECT DISTINCT desk FROM companies WHERE ticker IN (SELECT entity FROM mentions)"
    ((_, of_desk),) = asked("desk_technology", ("query", {"sql": sql}))
    assert json.loads(of_desk)["rows"] == [["technology"]]


def test_a_user_without_a_password_or_with_a_wrong_one_is_said(
    recorded: str, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLICKHOUSE_URL", recorded)
    monkeypatch.setenv("FINSENT_DATA", str(tmp_path))
    done = CliRunner().invoke(app, ["mcp"])
    assert done.exit_code == 1 and "set CLICKHOUSE_HTTP_URL" in done.stderr
    monkeypatch.setenv("CLICKHOUSE_HTTP_URL", stack.clickhouse_http_url)
    done = CliRunner().invoke(app, ["mcp"])
    assert done.exit_code == 1 and "no password of risk_reader" in done.stderr and "storage grant" in done.stderr
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", "wrong")
    done = CliRunner().invoke(app, ["mcp"])
    assert done.exit_code == 1 and "does not let risk_reader in" in done.stderr and "wrong" not in done.stderr
