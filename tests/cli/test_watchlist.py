"""finsent watchlist, as people call it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

from documents import Document, Entity, Position, load_watchlist
from finsent import app
from storage import replace_entities, write_documents


def test_lists_become_a_watch_list(tmp_path: Path):
    path, out = tmp_path / "company_tickers.json", tmp_path / "watchlist.json"
    rows = {str(n): {"cik_str": n, "ticker": f"ZY{n}", "title": f"ZYB{n}RAND WORKS CORP"} for n in range(1, 2001)}
    path.write_text(json.dumps(rows))
    done = CliRunner().invoke(app, ["watchlist", "import", str(path), "--out", str(out), "--desk", "*=general"])
    assert done.exit_code == 0, done.output
    assert "fields of companies" in done.stderr and "FINSENT_WATCHLIST" in done.stderr
    companies = load_watchlist(out).by_ticker
    assert companies["ZY7"].name == "Zyb7rand Works" and companies["ZY7"].desk == "general"
    assert "capitalised" in out.read_text() and companies["AAPL"].name == "Apple"  # the shipped entries stay
    alone = ["watchlist", "import", str(path), "--out", str(out), "--no-shipped", "--limit", "10"]
    assert CliRunner().invoke(app, alone).exit_code == 0
    assert len(load_watchlist(out).companies) == 10
    done = CliRunner().invoke(app, [*alone[:-1], "1"])
    assert "watchlist.json: 1 company; set" in " ".join(done.stderr.split()) and "1 names" not in done.stderr


def test_what_is_no_list_of_companies_is_refused(tmp_path: Path):
    path = tmp_path / "list.csv"
    path.write_text("colour,size\nred,1\n")
    done = CliRunner().invoke(app, ["watchlist", "import", str(path), "--out", str(tmp_path / "w.json")])
    assert done.exit_code == 1 and "--map ticker=COLUMN" in done.stderr and not (tmp_path / "w.json").exists()


def test_lists_are_checked_together(tmp_path: Path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("- {ticker: OILCO, name: Oil, desk: d, sector: s}\n")
    done = CliRunner().invoke(app, ["watchlist", "check", str(mine), "markets"])
    assert done.exit_code == 0, done.output
    assert "company: 1\n" in done.stdout and "central bank: " in done.stdout
    assert "warning: 'oil' is a name of commodity:OIL and of the company OILCO\n" in done.stdout
    assert "warning: person:TIM_COOK leads AAPL, which is on none of these lists\n" in done.stdout
    assert "warning" not in CliRunner().invoke(app, ["watchlist", "check", "companies", "markets"]).stdout
    mine.write_text("- {ticker: A, name: B, desk: d, sector: s, leads: C}\n")
    done = CliRunner().invoke(app, ["watchlist", "check", str(mine)])
    assert done.exit_code == 1 and f"{mine}: A: only a person leads" in done.stderr


@pytest.mark.usefixtures("configured")
def test_companies_on_no_list_are_suggested(client: Client):
    texts = [
        "Zybrand Works shares fall", "Why Zybrand Works CEO leaves", "Zybrand Works to buy a rival",
        "Zybrand Works shares fall", "Apple shares fall", "Trump says no", "UK sales fall", "Stronger sales",
        "Apple shares rise", "UK sales rise", "Apple CEO speaks", "UK workers strike",
        "A day at Apple: Apple shares fall", "News of Apple: Apple CEO leaves", "About Apple: why Apple sales rose",
    ]  # fmt: skip
    records = []
    for number, text in enumerate(texts):
        record = Document(Position("news", "id", 0, number), document_id=f"d{number}", source="wire", lang="en")
        record.title, record.story_id = text, texts.index(text)
        record.published_at = datetime.now(UTC) - timedelta(hours=1)
        records.append(record)
    write_documents(client, records)
    done = CliRunner().invoke(app, ["watchlist", "suggest", "-f", "jsonl"])
    assert done.exit_code == 0, done.output
    (found,) = map(json.loads, done.stdout.splitlines())
    assert (found["name"], found["stories"], found["sources"]) == ("Zybrand Works", 3, 1)
    none = CliRunner().invoke(app, ["watchlist", "suggest", "--until", "2014-01-01", "-f", "jsonl"])
    assert none.exit_code == 0 and none.stdout == ""


@pytest.mark.usefixtures("configured")
def test_a_worker_stores_tens_of_thousands_and_forgets_those_left_out(client: Client, tmp_path: Path):
    many = [Entity(ticker=f"TICKER{n}", name=f"Company {n}", desk="d", sector="s") for n in range(30_000)]
    replace_entities(client, many)
    replace_entities(client, many[:-1])
    assert client.execute("SELECT count(), countIf(ticker = 'TICKER29999') FROM companies") == [(29_999, 0)]
    replace_entities(client, [])
    assert client.execute("SELECT count() FROM companies") == [(0,)]
