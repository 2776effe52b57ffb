"""The migrations' numbers, and the page that shows what all of them make."""

from __future__ import annotations

import re
from collections import Counter

from clickhouse_driver import Client

from deploy.reference import DOCS
from storage.migrate import files
from storage.schema import schema_page

TWICE = {"0005": ["audit", "rescored"], "0008": ["indices", "receivers"], "0009": ["emerging", "strangeness"]}
"""Numbers that two applied migrations have. It is history: an applied migration keeps its name. No new pairs."""


def test_a_new_migration_has_a_number_of_its_own():
    names: dict[str, list[str]] = {}
    for file, _ in files():
        named = re.fullmatch(r"(\d{4})_(\w+)\.sql", file)
        assert named, f"{file}: a migration is named NNNN_what_it_does.sql"
        names.setdefault(named[1], []).append(named[2])
    assert {number: found for number, found in names.items() if len(found) > 1} == TWICE, "take the next free number"


def test_the_page_shows_the_schema(client: Client):
    page = (DOCS / "schema.sql").read_text(encoding="utf-8")
    assert page == schema_page(client), "run 'python -m deploy.reference' and commit"
    declared = Counter(re.findall(r"^CREATE (?:TABLE|VIEW) (\w+)", page, re.MULTILINE))
    assert set(declared.values()) == {1} and {"record_log", "label_log", "mentions"} <= set(declared)
