"""finsent positions, as people call it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from click.testing import Result
from clickhouse_driver import Client
from typer.testing import CliRunner

from finsent import app
from storage.reads import actions, exposures, holdings

pytestmark = pytest.mark.usefixtures("configured")


def positions(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["positions", *map(str, arguments)])


def imported(path: Path, *options: str) -> tuple[list[dict[str, Any]], str]:
    """What was recognised, and what was said at the end."""
    done = positions("import", path, "-f", "jsonl", *options)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_file_is_imported_once_corrected_and_ended(client: Client, tmp_path: Path):
    path = tmp_path / "positions.csv"
    path.write_text("desk,entity,value,currency,as_of\ntech,Apple,5e6,USD,2026-01-26\ntech,JPM,-1e6,USD,2026-01-26\n")
    rows, said = imported(path, "--dry-run")
    assert [(row["ticker"], row["company"], row["is"]) for row in rows] == [
        ("AAPL", "Apple", "new"), ("JPM", rows[1]["company"], "new"),
    ]  # fmt: skip
    assert "2 of 2 positions would be stored" in said and holdings(client) == []
    assert "2 positions stored, 0 as before" in imported(path)[1]
    assert exposures(client) == {"AAPL": {"tech": 5e6}, "JPM": {"tech": -1e6}}
    assert "0 positions stored, 2 as before" in imported(path)[1]
    assert client.execute("SELECT count() FROM position_log") == [(2,)]
    # A corrected amount for the same moment holds.
    path.write_text("desk,entity,value,currency,as_of\ntech,AAPL,6e6,USD,2026-01-26\n")
    rows, said = imported(path)
    assert rows[0]["is"] == "changed" and "1 position stored" in said
    assert exposures(client)["AAPL"] == {"tech": 6e6} and len(exposures(client)) == 2
    path.write_text("desk,entity,quantity,price,currency,as_of\ntech,AAPL,10,2,USD,2026-01-27\n")
    rows, _ = imported(path, "--whole")
    assert [(row["ticker"], row["is"]) for row in rows] == [("AAPL", "new"), ("JPM", "ended")]
    (held,) = holdings(client)
    assert (held["ticker"], held["exposure"], held["quantity"], held["currency"]) == ("AAPL", 20.0, 10.0, "USD")
    assert len(holdings(client, datetime(2026, 1, 26, 12, tzinfo=UTC))) == 2
    assert [row["action"] for row in actions(client)] == ["imported positions"] * 3
    listed = positions("list", "--at", "2026-01-26T12:00:00Z", "-f", "csv").stdout.splitlines()
    assert listed[1].startswith("tech,AAPL,6000000") and len(listed) == 3


def test_what_does_not_add_up_is_refused(client: Client, tmp_path: Path):
    path = tmp_path / "positions.csv"
    path.write_text("desk,entity,value,currency,as_of\ntech,AAPL,5,USD,2026-01-26\n")
    imported(path)
    path.write_text("desk,entity,value,currency,as_of\ntech,JPM,5,EUR,2026-01-26\n")
    refused = positions("import", path)
    assert (
        refused.exit_code == 1 and "stored positions are in USD: give --currency USD and --rate EUR=R" in refused.stderr
    )
    imported(path, "--currency", "USD", "--rate", "EUR=1.1")
    assert exposures(client)["JPM"]["tech"] == pytest.approx(5.5)
    path.write_text("desk,entity,value\ntech,Nobody Inc,5\n")
    refused = positions("import", path, "--as-of", "2026-01-26", "--currency", "USD")
    assert refused.exit_code == 1 and "row 2: 'Nobody Inc' is no company" in refused.stderr
    assert positions("import", path, "--rate", "EUR=1").exit_code == 2
    assert positions("import", path, "--currency", "USD", "--rate", "EUR").exit_code == 2


def test_positions_come_as_people_save_them(client: Client, tmp_path: Path):
    text = "desk;entity;value;currency;as_of\nt\u00ebch;Apple;5;USD;2026-01-26\n"
    for encoding in ("utf-8-sig", "cp1252", "utf-16"):
        (tmp_path / f"{encoding}.csv").write_bytes(text.encode(encoding))
    row = {"desk": "tech", "entity": "AAPL", "value": 5.5, "as_of": datetime(2026, 1, 26)}
    book = openpyxl.Workbook()
    for cells in (list(row), list(row.values())):
        book.active.append(cells)  # type: ignore[union-attr]
    book.save(tmp_path / "p.xlsx")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "p.parquet")
    for path in sorted(tmp_path.iterdir()):
        done = positions("import", path, "--currency", "USD", "--dry-run")
        assert done.exit_code == 0 and "1 of 1 position would be stored" in done.stderr, (path, done.output)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "tab.csv").write_text(
        "Abteilung;Aktie;Marktwert;W\u00e4hrung\ntech;Apple;1.234,5;USD\nSumme;;1.234,5;\n"
    )
    done = positions("import", tmp_path / "tab.csv", "--as-of", "2026-01-26", "--dry-run")
    assert "row 3 is left out: it is the total of the rows above" in done.stderr and "Marktwert" in done.stderr
    (tmp_path / "two.csv").write_text("desk;entity;value\ntech;Apple;1.234\n")
    two = ("import", tmp_path / "two.csv", "--as-of", "2026-01-26", "--currency", "USD", "-f", "jsonl", "--dry-run")
    assert "say --decimal-point or --decimal-comma" in positions(*two).stderr
    assert json.loads(positions(*two, "--decimal-comma").stdout)["exposure"] == 1234
    assert "is empty" in positions("import", tmp_path / "empty.csv").stderr
