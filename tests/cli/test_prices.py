"""finsent prices, as people call it."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from clickhouse_driver import Client
from typer.testing import CliRunner

from documents import load_watchlist
from finsent import app
from storage.reads import actions, closes
from storage.writes import write_alerts, write_prices

pytestmark = pytest.mark.usefixtures("configured")

TWO_DAYS = "Date,Symbol,Close,Adj Close,Volume\n2026-01-26,AAPL,200,100,5\n2026-01-27,AAPL,202,101,5\n"


def prices(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["prices", *map(str, arguments)])


def imported(path: Path, *options: str) -> tuple[list[dict[str, Any]], str]:
    """What was recognised, and what was said."""
    done = prices("import", path, "-f", "jsonl", *options)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_column_for_each_ticker_and_a_files_name_are_recognised(client: Client, tmp_path: Path):
    path = tmp_path / "wide.csv"
    path.write_text("Date,AAPL,^GSPC\n2026-01-26,100,6900\n2026-01-27,101,\n")
    rows, said = imported(path)
    assert "wide.csv is CSV (commas), one column a ticker" in said
    assert re.search(r"ticker +the names of 2 columns +AAPL", said)
    assert [(row["ticker"], row["days"]) for row in rows] == [("AAPL", 2), ("^GSPC", 1)]
    path = tmp_path / "aapl_us_d.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n2026-01-28,1,9,1,102,100\n")
    assert "all rows are of AAPL, by the file's name; --ticker names another" in imported(path)[1]
    assert closes(client)["AAPL"] == {date(2026, 1, 26): 100.0, date(2026, 1, 27): 101.0, date(2026, 1, 28): 102.0}


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


def test_more_tickers_than_a_query_can_name(client: Client):
    tickers = [f"A-LONG-SYMBOL-OF-AN-INDEX-{n}" for n in range(12_000)]
    write_prices(client, [(ticker, date(2026, 1, 26), 1.0) for ticker in tickers])
    assert len(closes(client, tickers=tickers[1:])) == 11_999
    assert list(closes(client, tickers=tickers[:1])) == tickers[:1]


def test_with_a_bad_row_nothing_is_stored(client: Client, tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_text(TWO_DAYS + "2026-01-28,AAPL,203,null,5\n")
    refused = prices("import", path)
    assert refused.exit_code == 1 and not closes(client)
    assert "row 4, close: the close is missing: fill it in, or leave the row out" in refused.stderr
    assert "nothing was stored: 1 bad row; --skip-bad stores the others" in refused.stderr
    assert "1 bad row left out\n" in imported(path, "--skip-bad")[1] and len(closes(client)["AAPL"]) == 2


def test_alerts_are_studied_against_the_prices(client: Client, tmp_path: Path):
    """Each company falls by 8 % on the trading day before its alert, and by 2 % on the day."""
    rng = np.random.default_rng(5)
    days = [day for n in range(280) if (day := date(2025, 1, 1) + timedelta(days=n)).weekday() < 5]
    tickers = [company.ticker for company in load_watchlist().companies[:24]]
    returns = rng.normal(0, 0.01, (len(tickers), len(days)))
    at = [150 + n for n in range(len(tickers))]
    for n, place in enumerate(at):
        returns[n, place - 1 : place + 1] += (-0.08, -0.02)
    closes = 50 * np.cumprod(1 + returns, axis=1)
    path, out, picture = tmp_path / "p.csv", tmp_path / "study.json", tmp_path / "study.png"
    rows = [f"{t},{d},{c:.6f}" for t, own in zip(tickers, closes, strict=True) for d, c in zip(days, own, strict=True)]
    path.write_text("\n".join(["ticker,date,close", *rows]))
    imported(path)
    alerts = [
        alert(ticker, datetime.combine(days[place], time(15), UTC)) for ticker, place in zip(tickers, at, strict=True)
    ]
    alerts += [alerts[0] | {"id": "market", "entity": "*"}, alerts[0] | {"id": "never fired", "state": "pending"}]
    alerts.append(alerts[1] | {"id": "early", "fired_at": datetime(2024, 12, 1, tzinfo=UTC)})
    write_alerts(client, alerts)

    done = prices("study", "--since", "2025-01-01", "--severity", "warning", "--json", out, "--plot", picture)
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert (found["used"], found["left_out"], found["offsets"]) == (24, {"about no company": 1}, list(range(-5, 6)))
    (group,) = found["groups"]
    assert (group["direction"], group["events"], group["days"]) == ("negative", 24, 24)
    assert group["abnormal"][4]["high"] < -0.06 and group["abnormal"][4]["low"] < -0.08 < group["abnormal"][4]["high"]
    assert group["share_before"]["mean"] == pytest.approx(0.8, abs=0.1)
    assert picture.read_bytes().startswith(b"\x89PNG")
    said = done.stdout
    assert "24 alerts used, 1 left out\n  1 about no company\n" in said
    assert "of the move had come before the alert's day" in said and "and not what caused what" in said
    assert "chosen with hindsight" in said and "24 tickers" not in said

    one = prices("study", "--entity", tickers[3], "--benchmark", tickers[4], "--json", "-")
    found = json.loads(one.stdout)
    assert (found["used"], found["market"]) == (1, tickers[4]) and "No intervals" in " ".join(found["notes"])
    none = prices("study", "--since", "2025-01-01", "--kind", "event")
    assert none.exit_code == 1 and "there are no such alerts" in none.stderr
    none = prices("study", "--until", "2025-01-01")
    assert none.exit_code == 1 and "1 no prices at that time" in none.stdout
    for wrong in (("--severity", "bad"), ("--close", "16:00 Nowhere"), ("--close", "later")):
        assert prices("study", *wrong).exit_code == 2


def alert(ticker: str, at: datetime) -> dict[str, Any]:
    return {
        "id": ticker, "kind": "sentiment_shift", "entity": ticker, "direction": "negative", "severity": "warning",
        "state": "firing", "fired_at": at, "at": at, "recorded_at": at, "before_mean": 0.1, "after_mean": -0.5,
        "before_documents": 9, "after_documents": 9, "began_at": at, "model_version": "m",
        "evidence": {"documents": []},
    }  # fmt: skip
