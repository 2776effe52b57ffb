"""Every question of the cookbook, asked of the recorded week."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import clickhouse_connect
import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

from deploy.local import Stack
from deploy.reference import DOCS, answers
from finsent import app
from settings import ClickHouseSettings
from storage import access, connect
from storage.questions import Question, ask, cookbook_page, live, questions, shown_rows

RUN = CliRunner()
pytestmark = pytest.mark.timeout(900)  # the recorded week is loaded by the first test that wants it
VERSION = re.compile(r"finsent-[0-9a-f]{16}")


@pytest.fixture
def client(recorded: str) -> Iterator[Client]:
    made = connect(ClickHouseSettings(url=recorded))
    yield made
    made.disconnect()


def alike(one: str, other: str) -> bool:
    """Equal but for what another processor's arithmetic does, and for the names that versions get by their content."""
    try:
        return abs(float(one) - float(other)) <= max(0.03, 0.03 * abs(float(other)))
    except ValueError:
        return VERSION.sub("version", one) == VERSION.sub("version", other)


def test_the_page_shows_what_the_questions_answer(client: Client):
    page = (DOCS / "cookbook.md").read_text(encoding="utf-8")
    assert len(questions()) >= 20
    for name, (_, rows) in answers(client).items():
        shown = shown_rows(page, questions()[name])
        same = len(rows) == len(shown) and all(
            len(row) == len(cells) and all(map(alike, row, cells)) for row, cells in zip(rows, shown, strict=True)
        )
        assert same, f"{name} answers {rows}, the page says {shown}; if that is right: python -m deploy.reference"
    recipes = questions().values()
    assert page == cookbook_page({q.name: _from(page, q) for q in recipes}), "python -m deploy.reference"


def _from(page: str, question: Question) -> tuple[list[str], list[list[str]]]:
    part = page.partition(f"\n## {question.question}\n")[2].partition("\n## ")[0].rpartition("```\n")[2]
    head = next(line for line in part.splitlines() if line.startswith("|"))
    return head[2:-2].split(" | "), shown_rows(page, question)


def test_risk_readers_may_ask_them(recorded: str, stack: Stack):
    known = json.loads((stack.data / access.PASSWORDS_FILE).read_text())
    host, _, port = stack.clickhouse_http_url.removeprefix("http://").partition(":")
    for question in questions().values():
        user = "auditor" if "(for auditors)" in question.question else "risk_reader"
        reader = clickhouse_connect.get_client(host=host, port=int(port), username=user, password=known[user])
        answer = reader.query(question.sql, parameters=dict(question.values))
        assert answer.row_count or question.name == "topics", question.name
        reader.close()


def test_a_question_is_asked_from_the_command_line(recorded: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLICKHOUSE_URL", recorded)
    listed = RUN.invoke(app, ["cookbook", "--format", "csv"])
    assert "since-the-close,What changed since yesterday's close?" in listed.output
    asked = ["cookbook", "hour-by-hour", "--recorded", "--set", "entity=LLY", "--set", "first=2020-06-16T10:00:00Z",
             "--format", "csv"]  # fmt: skip
    done = RUN.invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("start,documents,sentiment") and "2020-06-16T12:00:00Z" in done.stdout
    assert "entity = LLY" in done.stderr
    assert RUN.invoke(app, ["cookbook", "movers"]).exit_code == 0
    assert RUN.invoke(app, ["cookbook", "nothing"]).exit_code == 1
    assert RUN.invoke(app, ["cookbook", "movers", "--set", "shoe=1"]).exit_code == 2
    assert "{moment:DateTime64" in RUN.invoke(app, ["cookbook", "movers", "--sql"]).output


def test_a_value_is_never_a_part_of_the_query(client: Client):
    question = questions()["search"]
    assert ask(client, question, {"word": "x') > 0 OR 1 = 1 --"})[1] == []
    with pytest.raises(Exception, match="Code: "):
        ask(client, question, {"since": "now() OR 1"})


def test_a_running_service_is_asked_about_now():
    now = datetime(2026, 1, 30, 12, tzinfo=UTC)
    found = live(questions()["since-the-close"], now)
    assert found == {"moment": now, "close": datetime(2026, 1, 29, 15, 30, tzinfo=UTC)}
