"""The migrations' numbers, and the page that shows what all of them make."""

from __future__ import annotations

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from clickhouse_driver import Client

from deploy.reference import DOCS
from settings import ClickHouseSettings
from storage import connect, migrate
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


def test_four_workers_may_find_an_empty_database_at_once(clickhouse_url: str):
    start = threading.Barrier(4)

    def start_worker(_: int) -> list[str]:
        with connect(ClickHouseSettings(url=clickhouse_url)) as client:
            start.wait(60)
            return migrate(client)

    with ThreadPoolExecutor(4) as workers:
        done = [name for names in workers.map(start_worker, range(4)) for name in names]
    assert set(done) == {name for name, _ in files()}
    with connect(ClickHouseSettings(url=clickhouse_url)) as client:
        assert (DOCS / "schema.sql").read_text(encoding="utf-8") == schema_page(client)
