"""The cookbook: questions with the SQL that answers them, one file each in this folder.

A file begins with the question as a comment. Further comments are remarks, or have the form ``name = value``: the
values of the parameters for the recorded week.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from clickhouse_driver import Client

PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")


class Question(NamedTuple):
    """One recipe; ``values`` of its parameters are for the recorded week; ``types`` are theirs."""

    name: str
    question: str
    remarks: str
    values: Mapping[str, str]
    types: Mapping[str, str]
    sql: str


@cache
def questions() -> dict[str, Question]:
    """All recipes by name, in the cookbook's order."""
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".sql")]
    found = {}
    for file in sorted(files, key=lambda entry: entry.name):
        name = file.name.partition("-")[2].removesuffix(".sql")
        found[name] = _parse(name, file.read_text(encoding="utf-8"))
    return found


def _parse(name: str, text: str) -> Question:
    lines = text.splitlines()
    comments = [line[3:] for line in lines if line.startswith("-- ")]
    values = dict(re.findall(r"^(\w+) = (.*)$", "\n".join(comments), re.MULTILINE))
    remarks = [line for line in comments[1:] if not re.match(r"\w+ = ", line)]
    sql = "\n".join(line for line in lines if not line.startswith("-- "))
    return Question(name, comments[0], " ".join(remarks), values, dict(PARAMETER.findall(sql)), sql)


def ask(client: Client, question: Question, given: Mapping[str, Any]) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Columns and rows of the answer; ``given`` replaces values for the recorded week."""
    values = {name: _text(value) for name, value in {**question.values, **given}.items()}
    # The server fills in the values by their types: a value never becomes a part of the query.
    settings = {"server_side_params": True, "readonly": 1}
    rows, columns = client.execute(question.sql, values, with_column_types=True, settings=settings)
    return [name for name, _ in columns], rows


def _text(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


def live(question: Question, now: datetime) -> dict[str, datetime]:
    """Values for a running service, to replace those for the recorded week: times around ``now``."""
    yesterday = (now - timedelta(days=1)).replace(hour=15, minute=30, second=0)
    times = {
        "moment": now,
        "until": now,
        "since": now - timedelta(days=7),
        "first": now - timedelta(days=1),
        "close": yesterday,
    }
    return {name: at for name, at in times.items() if name in question.values}


def cookbook_page(answers: Mapping[str, tuple[list[str], Sequence[Sequence[str]]]]) -> str:
    """The cookbook as Markdown, with the answers of the recorded week (cells as text) by the question's name."""
    lines = [
        "# Cookbook",
        "",
        "Questions to finsent's views, each with the SQL that answers it and its answer on the recorded week of June "
        "2020 (`deploy/demo/recorded_week`). `finsent cookbook NAME` asks the running service: times are then about "
        "now, and `--set entity=AAPL` sets a value. What the columns mean is in [dictionary.md](dictionary.md). Made "
        "by `python -m deploy.reference`; a test asks every question again.",
        "",
    ]
    lines += [f"- [{one.question}](#{anchor(one)})" for one in questions().values()]
    for one in questions().values():
        lines += ["", f"## {one.question}", "", f"`finsent cookbook {one.name}`"]
        if one.remarks:
            lines[-1] += f" {one.remarks}"
        if one.values:
            lines += ["", "With " + ", ".join(f"`{name}` = {value}" for name, value in one.values.items()) + ":"]
        lines += ["", "```sql", one.sql, "```", ""]
        columns, rows = answers[one.name]
        lines += [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
        lines += [f"| {' | '.join(value.replace('|', '&#124;') for value in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def anchor(question: Question) -> str:
    """The heading's address in the page."""
    return re.sub(r"[^\w -]", "", question.question.lower()).replace(" ", "-")
