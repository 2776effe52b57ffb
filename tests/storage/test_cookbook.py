"""Every question of the cookbook, asked of the recorded week."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import clickhouse_connect
import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

from deploy.local import Stack
from deploy.reference import DOCS, _cell
from finsent import app
from settings import ClickHouseSettings
from storage import access, connect
from storage.questions import Question, ask, cookbook_page, live, questions

RUN = CliRunner()
Answer = tuple[list[str], Sequence[Sequence[Any]]]
VERSION = re.compile(r"finsent-[0-9a-f]{16,32}")


@pytest.fixture
def client(recorded: str) -> Iterator[Client]:
    made = connect(ClickHouseSettings(url=recorded))
    yield made
    made.disconnect()


NEAR = 0.05
"""Of a float, or this part of it, and one more of its last decimal: processors round scores otherwise."""

JUDGED = {
    "topics": {"documents"},
    "did-the-model-change-the-picture": {"labels_changed"},
    "is-the-model-right": {"documents", "right", "scored_negative", "scored_neutral", "scored_positive"},
    "how-soon": {"minutes_to_alert", "documents", "minutes_to_person"},
}
"""Whole numbers that hang on scores: how many texts have a label, or when a threshold was passed."""

TIMED = {"why-this-alert", "what-became-of-the-alerts", "how-soon", "alerts-at-noon", "after-the-alerts"}
"""Their times are those of alerts: a score that is a little higher passes a threshold some minutes sooner."""

FREE = {"why-this-alert": {"position"}, "worth-labelling": {"label"}}
"""Which of two that are nearly equal comes first."""


class Ranked(NamedTuple):
    """A question whose rows are in the order of a score: rows that are within ``slack`` of it may change places."""

    score: Callable[[Mapping[str, Any]], float]
    slack: float


def _of(column: str, slack: float, sign: int = 0) -> Ranked:
    return Ranked(lambda row: sign * row[column] if sign else abs(row[column]), slack)


def _margin(row: Mapping[str, Any]) -> float:
    *_, second, first = sorted((row["negative"], row["neutral"], row["positive"]))
    return float(second - first)


RANKED = {
    "since-the-close": _of("change", 0.05),
    "negative-on-volume": _of("z", 0.2, -1),
    "movers": _of("z", 0.2),
    "against-our-positions": _of("for_us", 9.0),  # by sentiment times exposure; all rows are shown
    "why-this-alert": _of("position", 3, -1),
    "did-the-model-change-the-picture": _of("change", 0.03),
    "news-against-comments": _of("gap", 0.05),
    "desks": _of("sentiment", 9.0, -1),  # all rows are shown
    "topics": _of("documents", 3, 1),
    "worth-labelling": Ranked(_margin, 0.05),
    "similar": _of("likeness", 0.03, 1),
}
LIMIT = re.compile(r"\nLIMIT \d+$")


def alike(question: str, column: str, unit: float, cell: str, value: Any) -> bool:
    """Whether the page's ``cell`` shows ``value``, but for what another processor's arithmetic may do to it. ``unit``
    is one of the column's last decimal."""
    shown = _cell(value)
    if cell == shown or column in FREE.get(question, ()):
        return True
    if isinstance(value, float):
        return abs(float(cell) - value) <= NEAR * max(1, abs(value)) + 1.01 * unit
    if isinstance(value, int) and column in JUDGED.get(question, ()):
        return abs(int(cell) - value) <= max(8, value / 10) + 60 * column.startswith("minutes")
    if isinstance(value, datetime) and question in TIMED:
        return abs(datetime.fromisoformat(f"{cell}+00:00") - value) <= timedelta(hours=1)
    if column == "words":
        said, found = set(cell.split(", ")), set(shown.split(", "))
        return len(said & found) >= len(said | found) / 2
    return VERSION.sub("version", cell) == VERSION.sub("version", shown)


def fault(question: Question, shown: list[list[str]], answer: Answer) -> str:
    """In which row the page differs from ``answer``, of which a ranked question has all rows; empty where it does not.

    Ranked rows may stand in any order, and the last ones may be others that are nearly as high.
    """
    columns, rows = answer
    ranked, left = RANKED.get(question.name), [dict(zip(columns, row, strict=True)) for row in rows]
    if any(len(cells) != len(columns) for cells in shown):
        return f"the page does not have the columns {columns}"
    if ranked is None and len(shown) != len(rows):
        return f"the page has {len(shown)} rows"
    if ranked and len(shown) != len(_limited(question, rows)):
        return f"the page has {len(shown)} of {len(rows)} rows"
    cells_of = [*zip(*shown, *([_cell(value) for value in row] for row in rows), strict=True)]
    units = [10.0 ** -max(len(cell.partition(".")[2]) for cell in cells) for cells in cells_of]
    least = sorted(map(ranked.score, left), reverse=True)[len(shown) - 1] - ranked.slack if ranked and shown else 0.0
    for cells in shown:
        candidates = left if ranked else left[:1]
        found = next(
            (
                row
                for row in candidates
                if all(alike(question.name, *of) for of in zip(row, units, cells, row.values(), strict=True))
            ),
            None,
        )
        if found is None:
            return f"no answer is {cells}"
        if ranked and ranked.score(found) < least - 1e-6:
            return f"{cells} comes too late"
        left.remove(found)
    return ""


def _limited(question: Question, rows: Sequence[Any]) -> Sequence[Any]:
    limit = LIMIT.search(question.sql)
    return rows[: int(limit[0].split()[1])] if limit else rows


def asked(client: Client, question: Question) -> Answer:
    """The answer, of a ranked question with the rows that do not get onto the page."""
    sql = LIMIT.sub("", question.sql) if question.name in RANKED else question.sql
    return ask(client, question._replace(sql=sql), {})


def test_the_page_shows_what_the_questions_answer(client: Client):
    page = (DOCS / "cookbook.md").read_text(encoding="utf-8")
    for place in (DOCS.parent / "README.md", DOCS / "analysts.md"):
        assert f"{len(questions())} questions" in place.read_text(encoding="utf-8"), place
    for name, question in questions().items():
        answer = asked(client, question)
        problem = fault(question, shown_rows(page, question), answer)
        assert not problem, f"{name}: {problem} of {answer[1][:20]}; if they are right: python -m deploy.reference"
    recipes = questions().values()
    assert page == cookbook_page({q.name: _from(page, q) for q in recipes}), "python -m deploy.reference"


def shown_rows(page: str, question: Question) -> list[list[str]]:
    """The rows that a rendered ``page`` has for ``question``."""
    part = page.partition(f"\n## {question.question}\n")[2].partition("\n## ")[0].rpartition("```\n")[2]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[value.replace("&#124;", "|") for value in line[2:-2].split(" | ")] for line in lines]


def _from(page: str, question: Question) -> tuple[list[str], list[list[str]]]:
    part = page.partition(f"\n## {question.question}\n")[2].partition("\n## ")[0].rpartition("```\n")[2]
    head = next(line for line in part.splitlines() if line.startswith("|"))
    return head[2:-2].split(" | "), shown_rows(page, question)


def test_an_answer_that_changed_is_seen_and_a_near_tie_is_none():
    movers, search = (questions()[name] for name in ("movers", "search"))
    columns = ["ticker", "before", "after", "change", "documents", "z"]
    rows = [(f"T{n}", 0.11, 0.53, 0.42, 7, z) for n, z in enumerate((-2.6, 2.4, 2.1, 1.9, -1.5, 1.4, 0.8))]

    def problem(*shown: tuple[Any, ...]) -> str:
        return fault(movers, [[_cell(value) for value in row] for row in shown], (columns, rows))

    page = rows[:5]
    assert problem(*page) == problem(*page[::-1]) == problem(*page[:4], rows[5]) == ""
    assert problem(("T0", 0.14, 0.5, 0.36, 7, -2.7), *page[1:]) == ""
    assert "comes too late" in problem(*page[:4], rows[6])
    assert "4 of 7 rows" in problem(*page[:4])
    for change in ({0: "T9"}, {1: 0.21}, {2: -0.5}, {4: 8}, {5: 2.6}):
        other = tuple(change.get(place, value) for place, value in enumerate(rows[0]))
        assert "no answer is" in problem(other, *page[1:]), change
    assert "no answer is" in problem(page[0], page[0], *page[2:])

    at = datetime(2020, 6, 18, 9, 37, tzinfo=UTC)
    answer = (
        ["published_at", "source", "entity", "sentiment", "title"],
        [(at, "a", "X", -0.5, "y"), (at, "b", "X", 0.2, "z")],
    )
    shown = [[_cell(value) for value in row] for row in answer[1]]
    assert (
        fault(search, shown, answer) == "" and fault(search, shown[::-1], answer) and fault(search, shown[:1], answer)
    )
    assert fault(search, [["2020-06-18 09:38:00", *shown[0][1:]], shown[1]], answer)


def test_risk_readers_may_ask_them(recorded: str, stack: Stack):
    known = json.loads((stack.data / access.PASSWORDS_FILE).read_text())
    host, _, port = stack.clickhouse_http_url.removeprefix("http://").partition(":")
    for question in questions().values():
        user = "auditor" if "(for auditors)" in question.question else "risk_reader"
        reader = clickhouse_connect.get_client(host=host, port=int(port), username=user, password=known[user])
        answer = reader.query(question.sql, parameters=dict(question.values))
        assert answer.row_count or question.name in ("topics", "auditors-and-accounts"), question.name
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
