"""finsent prices, as people call it."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from clickhouse_driver import Client
from typer.testing import CliRunner

from finsent import app
from storage.reads import actions, closes

pytestmark = pytest.mark.usefixtures("configured")

TWO_DAYS = "Date,Symbol,Close,Adj Close,Volume\n2026-01-26,AAPL,200,100,5\n2026-01-27,AAPL,202,101,5\n"


def prices(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["prices", *map(str, arguments)])


def imported(path: Path, *options: str) -> tuple[list[dict[str, Any]], str]:
    """What was recognised, and what was said."""
    done = prices("import", path, "-f", "jsonl", *options)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_closes_are_stored_once_and_corrected(client: Client, tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_text(TWO_DAYS)
    rows, said = imported(path, "--dry-run")
    assert [(row["ticker"], row["company"], row["days"], row["new"]) for row in rows] == [("AAPL", "Apple", 2, 2)]
    assert "2 of 2 closes would be stored" in said and not closes(client)
    said = imported(path)[1]
    assert (
        re.search(r"close +Adj Close +100", said)
        and "not used: Close, Volume" in said
        and "2 closes stored, 0 as before" in said
    )
    stored = {"AAPL": {date(2026, 1, 26): 100.0, date(2026, 1, 27): 101.0}}
    assert closes(client) == stored
    assert "0 closes stored, 2 as before" in imported(path)[1]
    assert client.execute("SELECT count() FROM price_log") == [(2,)]
    path.write_text(TWO_DAYS.replace("2026-01-26,AAPL,200,100,5\n", "").replace(",101,", ",99,"))
    rows, said = imported(path)
    assert rows[0]["changed"] == 1 and "those before 2026-01-27 stay as they were stored" in said
    assert closes(client)["AAPL"][date(2026, 1, 27)] == 99.0
    assert client.execute("SELECT count() FROM prices") == [(2,)]
    imported(path, "--map", "close=Close")
    assert closes(client)["AAPL"][date(2026, 1, 27)] == 202.0
    assert [row["action"] for row in actions(client)] == ["imported prices"] * 3
    assert prices("list", "-f", "csv").stdout.splitlines()[1] == "AAPL,2,2026-01-26,2026-01-27,202.0"


def test_with_a_bad_row_nothing_is_stored(client: Client, tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_text(TWO_DAYS + "2026-01-28,AAPL,203,null,5\n")
    refused = prices("import", path)
    assert refused.exit_code == 1 and not closes(client)
    assert "row 4, close: 'null' is no price above 0: write it as 1234.56" in refused.stderr
    assert "nothing was stored: 1 bad row; --skip-bad stores the others" in refused.stderr
    assert "1 bad row left out\n" in imported(path, "--skip-bad")[1] and len(closes(client)["AAPL"]) == 2
