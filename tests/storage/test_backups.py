"""A database that is restored under another name answers as the one that was copied."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator

import pytest
from clickhouse_driver import Client

from deploy.local import Stack
from deploy.reference import DOCS
from settings import ClickHouseSettings
from storage import StorageUnavailable, back_up, connect, migrate, public_views, restore
from storage.backups import NotEmpty, Restoring, _unqualified
from storage.connection import UNAVAILABLE, first_line
from storage.schema import schema_page
from tests.support import Asking, eventually
from tests.support.commands import within

module = importlib.import_module("storage.migrate")
EVERY = module.files()
PEOPLES_OWN = """
CREATE VIEW peoples_own AS
SELECT e.ticker AS id, c.name AS name FROM entities AS e, (SELECT x.ticker, x.name FROM entities AS x FINAL) AS c
WHERE c.ticker = e.ticker AND c.name != 'FROM {source}.entities' AND id NOT IN (SELECT s.entity FROM silences AS s)
"""
MADE_BY = """
SELECT DISTINCT extract(create_table_query, 'DEFINER = (\\S+)') FROM system.tables
WHERE database = currentDatabase() AND engine = 'View'
"""


@pytest.fixture
def other(clickhouse_url: str) -> Iterator[str]:
    """The URL of an empty database beside that of ``clickhouse_url``, whose name needs quotes."""
    base, _, name = clickhouse_url.rpartition("/")
    made = f"re-stored_{name}"
    asking = Asking(f"{base}/default")
    asking.execute(f"CREATE DATABASE `{made}`")
    yield f"{base}/{made}"
    asking.execute(f"DROP DATABASE IF EXISTS `{made}`")


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def drop(url: str) -> None:
    base, _, name = url.rpartition("/")
    Asking(f"{base}/default").execute(f"DROP DATABASE `{name}` SYNC")


def ask_every_view(client: Client) -> int:
    views = public_views(client)
    for view in views:
        client.execute(f"SELECT * FROM {view.call} LIMIT 1")
    return len(views)


def test_every_view_answers_after_a_restore_under_another_name_and_back(
    client: Client, clickhouse_url: str, other: str
):
    source = name_of(clickhouse_url)
    page = (DOCS / "schema.sql").read_text(encoding="utf-8")
    made = within("storage", "backup", f"of-{source}", CLICKHOUSE_URL=clickhouse_url)
    assert made.returncode == 0, made
    done = within("storage", "restore", f"of-{source}", "--database", source, CLICKHOUSE_URL=other)
    assert done.returncode == 0, done
    drop(clickhouse_url)  # no view may still read it
    with connect(ClickHouseSettings(url=other)) as restored:
        assert schema_page(restored).replace(f"`{name_of(other)}`.", "") == page
        assert ask_every_view(restored) == page.count("CREATE VIEW")
        assert migrate(restored) == []
        back_up(restored, f"File('again-{source}')")
    Asking(clickhouse_url.replace(source, "default")).execute(f"CREATE DATABASE {source}")
    with connect(ClickHouseSettings(url=clickhouse_url)) as again:
        restore(again, f"File('again-{source}')", name_of(other))
        drop(other)
        assert schema_page(again) == page


@pytest.mark.parametrize("release", ["0012", "0069"])
def test_a_copy_of_an_older_release_is_restored_as_it_was_and_then_migrated(
    clickhouse_url: str, other: str, release: str, monkeypatch: pytest.MonkeyPatch
):
    source = name_of(clickhouse_url)
    with connect(ClickHouseSettings(url=clickhouse_url)) as old, connect(ClickHouseSettings(url=other)) as new:
        monkeypatch.setattr(module, "files", lambda: [one for one in EVERY if one[0][:4] <= release])
        migrate(old)
        old.execute(PEOPLES_OWN.format(source=source))
        was = schema_page(old)
        back_up(old, f"File('old-{source}')")
        restore(new, f"File('old-{source}')", source)
        drop(clickhouse_url)
        page = schema_page(new).replace(f"`{name_of(other)}`.", "")
        assert page.count(f"{source}.") == 1 and f"'FROM {source}.entities'" in page, "a text, not a table"
        assert page.replace(f"{source}.", "") == was
        ask_every_view(new)
        monkeypatch.setattr(module, "files", lambda: EVERY)
        assert migrate(new) == [name for name, _ in EVERY if name[:4] > release]
        new.execute("DROP VIEW peoples_own")
        assert schema_page(new).replace(f"`{name_of(other)}`.", "") == (DOCS / "schema.sql").read_text(encoding="utf-8")


def test_views_work_on_a_server_that_does_not_know_who_made_them(
    client: Client, clickhouse_url: str, other: str, stack: Stack
):
    source = name_of(clickhouse_url)
    place = f"File('by-{source}')"
    back_up(client, place)
    for file in (stack.data / "clickhouse" / "backups" / f"by-{source}").rglob("*.sql"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("DEFINER = finsent ", "DEFINER = retired "), encoding="utf-8")
    drop(clickhouse_url)
    Asking(clickhouse_url.replace(source, "default")).execute(f"CREATE DATABASE {source}")
    for url in (clickhouse_url, other):
        with connect(ClickHouseSettings(url=url)) as restored:
            restore(restored, place, source)
            restored.execute("SELECT * FROM documents")
            assert restored.execute(MADE_BY) == [("finsent",)]


def test_who_writes_while_a_backup_is_restored_neither_breaks_it_nor_sees_a_part_of_it(
    client: Client, clickhouse_url: str
):
    source = name_of(clickhouse_url)
    client.execute("INSERT INTO record_log (topic, offset, ingested_at) SELECT 'news', number, now() FROM numbers(300)")
    back_up(client, f"File('whole-{source}')")
    drop(clickhouse_url)
    Asking(clickhouse_url.replace(source, "default")).execute(f"CREATE DATABASE {source}")
    seen: list[object] = []
    stop = threading.Event()

    def write() -> None:
        with connect(ClickHouseSettings(url=clickhouse_url)) as asking:
            while not stop.is_set():
                try:
                    asking.execute("INSERT INTO ledger_setbacks (topic, worker) VALUES", [("news", "w")])
                    seen.append(asking.execute("SELECT count() FROM record_log")[0][0])
                except UNAVAILABLE as error:
                    seen.append(first_line(error))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with connect(ClickHouseSettings(url=clickhouse_url)) as again:
            restore(again, f"File('whole-{source}')")
        eventually(lambda: 300 in seen, 30, "who writes sees the restored rows")
    finally:
        stop.set()
        writer.join()
    assert {one for one in seen if isinstance(one, int)} == {300}
    assert any("ledger_setbacks" in str(one) for one in seen), "it tried while the tables were not there"


def test_no_migration_and_no_second_restore_runs_into_one_that_is_under_way_or_broke_off(
    client: Client, clickhouse_url: str, other: str
):
    source = name_of(clickhouse_url)
    back_up(client, f"File('cut-{source}')")
    with connect(ClickHouseSettings(url=other)) as new:
        with pytest.raises(StorageUnavailable):
            restore(new, "File('there-is-none')", source)
        assert not new.execute("SHOW TABLES"), "nothing is in the way of another attempt"
        new.execute("CREATE TABLE entities (other UInt8) ENGINE = MergeTree ORDER BY other")
        with pytest.raises(NotEmpty):
            restore(new, f"File('cut-{source}')", source)
        new.execute("DROP TABLE entities SYNC")
        new.execute(f"RESTORE TABLE {source}.record_log AS record_log_restoring FROM File('cut-{source}')")
        for action in (migrate, lambda connected: restore(connected, f"File('cut-{source}')", source)):
            with pytest.raises(Restoring, match="is being restored"):
                action(new)
        assert new.execute("SHOW TABLES") == [("record_log_restoring",)]


def test_a_table_is_found_beside_names_and_texts_that_look_like_one():
    declared = "SELECT x AS `Moody's`, `a` = 'src.t' FROM src.t AS src WHERE `b` = 'c' AND `src`.`t`.y = a.src.t"
    expected = "SELECT x AS `Moody's`, `a` = 'src.t' FROM t AS src WHERE `b` = 'c' AND `t`.y = a.src.t"
    assert _unqualified(declared, "src", ["t"]) == expected
