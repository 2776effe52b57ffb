"""The pages of reference that are made from the code: ``python -m deploy.reference`` writes docs/settings.md,
docs/schema.sql, docs/dictionary.md and docs/cookbook.md."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from clickhouse_driver import Client
from pydantic import SecretStr

from deploy.demo.recorded_week.store import store
from deploy.local import Stack
from settings import ClickHouseSettings, settings_page
from storage import connect, dictionary_faults, dictionary_page, migrate, public_views, schema_page
from storage.questions import ask, cookbook_page, questions

DOCS = Path(__file__).parent.parent / "docs"


def answers(client: Client) -> dict[str, tuple[list[str], Sequence[Sequence[str]]]]:
    """The answers to the cookbook's questions: columns and rows, as text for a page."""
    found: dict[str, tuple[list[str], Sequence[Sequence[str]]]] = {}
    for question in questions().values():
        columns, rows = ask(client, question, {})
        found[question.name] = columns, [[_cell(value) for value in row] for row in rows]
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return " ".join(str(value).split())


def main() -> None:
    """Write the pages, with the help of a ClickHouse that is started for it."""
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        settings = ClickHouseSettings(url=SecretStr(stack.clickhouse_url))
        client = connect(settings)
        migrate(client)
        (DOCS / "schema.sql").write_text(schema_page(client), encoding="utf-8")
        found = public_views(client)
        for fault in dictionary_faults(found):
            print(fault)
        (DOCS / "dictionary.md").write_text(dictionary_page(found), encoding="utf-8")
        store(lambda: connect(settings), Path(folder) / "models")
        (DOCS / "cookbook.md").write_text(cookbook_page(answers(client)), encoding="utf-8")


if __name__ == "__main__":
    main()
