"""Views as Parquet files, one for each day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow
import pytest
from clickhouse_driver import Client
from pyarrow import parquet
from typer.testing import CliRunner

from finsent import app
from settings import ClickHouseSettings
from storage import AS_OF, DAY_OF, CannotExport, arrow_type, connect, export_day, export_days

FIRST, LAST = date(2020, 6, 15), date(2020, 6, 21)


@pytest.fixture(scope="module")
def week(recorded: str) -> Client:
    return connect(ClickHouseSettings(url=recorded))


@pytest.mark.parametrize("view", DAY_OF)
def test_the_files_hold_what_the_view_holds(week: Client, tmp_path: Path, view: str):
    days = export_days(week, view, FIRST, LAST)
    for day, count in days.items():
        assert export_day(week, view, day, tmp_path / f"{day}.parquet") == count > 0
    assert {path.name for path in tmp_path.iterdir()} == {f"{day}.parquet" for day in days}
    ((wanted,),) = week.execute(f"SELECT count() FROM {view} WHERE toDate({DAY_OF[view]}) BETWEEN %(a)s AND %(b)s",
                                {"a": FIRST, "b": LAST})  # fmt: skip
    assert sum(days.values()) == wanted and (wanted > 0 or view == "labels")


def test_values_and_their_types_are_kept(week: Client, tmp_path: Path):
    path = tmp_path / "day.parquet"
    export_day(week, "documents", date(2020, 6, 18), path)
    table = parquet.read_table(path)
    assert "embedding" not in table.column_names
    assert table.schema.field("published_at").type == pyarrow.timestamp("ms", tz="UTC")
    assert table.schema.field("mentions.sentiment").type == pyarrow.list_(pyarrow.float32())
    known = table["ingested_at"].to_pylist()
    assert known == sorted(known)
    for row in table.slice(0, 20).to_pylist():
        ((title, published, sentiment, entities),) = week.execute(
            "SELECT title, published_at, sentiment, `mentions.entity` FROM documents"
            " WHERE topic = %(topic)s AND partition = %(partition)s AND offset = %(offset)s",
            {name: row[name] for name in ("topic", "partition", "offset")},
        )
        assert (row["title"], row["published_at"], row["sentiment"]) == (title, published, sentiment)
        assert row["mentions.entity"] == list(entities)


@pytest.mark.parametrize("view", AS_OF)
def test_as_of_a_moment_nothing_later_is_in_it(week: Client, view: str):
    ((first, last),) = week.execute("SELECT min(ingested_at), max(ingested_at) FROM documents")
    before = first.replace(tzinfo=UTC) - timedelta(seconds=1)
    assert not export_days(week, view, FIRST, LAST, before)
    after = last.replace(tzinfo=UTC) + timedelta(seconds=1)
    scored = " WHERE unscored = ''" if view == "documents" else ""  # documents_as_of has those that have a score
    ((wanted,),) = week.execute(f"SELECT count() FROM {view}{scored}")
    assert sum(export_days(week, view, FIRST, LAST, after).values()) == wanted


def test_closes_keep_their_day(week: Client, tmp_path: Path):
    path = tmp_path / "day.parquet"
    export_day(week, "prices", date(2020, 6, 18), path)
    table = parquet.read_table(path)
    assert table.schema.field("date").type == pyarrow.date32()
    assert {(row["ticker"], row["date"], row["close"]) for row in table.to_pylist()} >= {
        ("WDI.DE", date(2020, 6, 18), 40.0),
        ("LLY", date(2020, 6, 18), 164.0),
    }


def test_what_cannot_be_exported_is_said(week: Client):
    with pytest.raises(CannotExport, match="'record_log' cannot be exported; documents, mentions"):
        export_days(week, "record_log", FIRST, LAST)
    with pytest.raises(CannotExport, match="events is not kept as of a moment; documents, mentions, labels are"):
        export_days(week, "events", FIRST, LAST, datetime.now(UTC))
    with pytest.raises(CannotExport, match=re.escape("type Map(String, String) cannot be written")):
        arrow_type("Map(String, String)")


def test_a_file_that_breaks_off_leaves_the_earlier_one(week: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "day.parquet"
    path.write_bytes(b"earlier")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    with pytest.raises(OSError):
        export_day(week, "documents", date(2020, 6, 18), path)
    assert path.read_bytes() == b"earlier" and list(tmp_path.iterdir()) == [path]


def test_the_command(recorded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLICKHOUSE_URL", recorded)
    asked = ["export", "mentions", str(tmp_path), "--since", "2020-06-15", "--until", "2020-06-16"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    files = sorted(path.name for path in (tmp_path / "mentions").iterdir())
    assert files == ["2020-06-15.parquet", "2020-06-16.parquet"]
    rows = sum(parquet.read_metadata(tmp_path / "mentions" / name).num_rows for name in files)
    assert f"{rows:,} rows of 2 days" in done.stderr
    assert "rows of 1 day\n" in CliRunner().invoke(app, [*asked[:-1], "2020-06-15"]).stderr
    assert CliRunner().invoke(app, [*asked[:-1], "yesterday"]).exit_code == 2
