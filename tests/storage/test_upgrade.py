"""A database of an older release is migrated while a worker of that release goes on writing.

Migrations that were released never change, so those up to a number make the database of that time.
"""

from __future__ import annotations

import importlib
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from documents import Document, Position
from settings import ClickHouseSettings
from storage import audited, connect, migrate, positions, write_documents

module = importlib.import_module("storage.migrate")
EVERY = module.files()
ROOT = Path(__file__).parents[2]

COLUMNS_THEN = """
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = 'record_log' AND default_kind != 'MATERIALIZED' ORDER BY position
"""


class OldWorker:
    """Writes one row after the other with the columns that the table had at the start, until it is told to stop."""

    def __init__(self, url: str) -> None:
        self._client = connect(ClickHouseSettings(url=url))
        self._columns = [name for (name,) in self._client.execute(COLUMNS_THEN)]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.written, self.failures = 0, list[Exception]()

    def write(self) -> None:
        values: dict[str, Any] = {name: [] for name in self._columns if name.startswith(("mentions.", "topics."))}
        values |= {"topic": "news", "topic_id": "id", "partition": 0, "offset": self.written, "kind": "news"}
        values |= {"document_id": f"d{self.written}", "ingested_at": datetime.now(UTC), "label": "neutral"}
        names = ", ".join(f"`{name}`" for name in values)
        self._client.execute(f"INSERT INTO record_log ({names}) VALUES", [tuple(values.values())])
        self.written += 1

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.write()
            except Exception as error:
                self.failures.append(error)
                return


@pytest.mark.parametrize("release", ["0001", "0012", "0020"])
def test_a_database_of_an_older_release_is_migrated_under_its_own_worker(
    clickhouse_url: str, release: str, monkeypatch: pytest.MonkeyPatch
):
    with connect(ClickHouseSettings(url=clickhouse_url)) as client:
        monkeypatch.setattr(module, "files", lambda: [one for one in EVERY if one[0][:4] <= release])
        migrate(client)
        old = OldWorker(clickhouse_url)
        for _ in range(20):
            old.write()
        monkeypatch.setattr(module, "files", lambda: EVERY)
        old.start()
        done = migrate(client)
        old.stop()
        assert done == [name for name, _ in EVERY if name[:4] > release] and not old.failures
        old.write()
        written = old.written
        assert positions(client, {"news": "id"}) == {("news", 0): written - 1}
        write_documents(client, [Document(Position("news", "id", 0, written + n)) for n in range(5)])
        (found,) = audited(client)
        assert (found.first, found.stored, found.missing, found.repeats) == (0, written + 5, [], 0)
        assert_the_views_show_all(client, written + 5)


def assert_the_views_show_all(client: Client, count: int) -> None:
    assert client.execute("SELECT count(), uniqExact(offset) FROM documents") == [(count, count)]
    last = client.execute("SELECT min(first), max(last) >= 19 FROM stored_ranges WHERE stored_in = 'record_log'")
    assert last == [(0, 1)], "what was there before the migration is known to be stored"
    views = client.execute(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' "
        "AND create_table_query NOT LIKE '%{%'"
    )
    for (view,) in views:
        client.execute(f"SELECT * FROM {view} LIMIT 1")


def test_every_insert_names_its_columns():
    """Otherwise a column that a later release adds would stop the workers of this one."""
    rooms = ("alerts", "cli", "console", "retrain", "storage", "stream")
    without = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in sorted(one for room in rooms for one in (ROOT / room).rglob("*.py"))
        for found in re.findall(r"INSERT INTO \w+ (?:VALUES|SELECT)\b", path.read_text(encoding="utf-8"))
    ]
    assert not without
