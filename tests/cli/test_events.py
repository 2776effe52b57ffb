"""``finsent events`` over files."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import assert_one_line_failure, within


def test_each_row_has_its_list_of_events(tmp_path: Path) -> None:
    rows = tmp_path / "news.csv"
    rows.write_text(
        "text,entity\nAcme files for bankruptcy,Acme\n,Acme\nAcme thanks its staff for their work,Acme\n"
        "Apple recalls 20000 laptops,AAPL\n",
        encoding="utf-8",
    )
    out = tmp_path / "events.json"
    done = within("events", str(rows), "--json", str(out), "--explain")
    assert done.returncode == 0 and "in 4 rows" in done.stdout
    first, empty, dull, recall = json.loads(out.read_text(encoding="utf-8"))
    assert (empty, dull) == ([], [])
    assert first[0]["type"] == "bankruptcy" and first[0]["severity"] == 5 and first[0]["polarity"] == -1
    assert any("bankruptcy" in word["text"] for word in first[0]["words"])
    assert {event["type"] for event in recall} == {"recall"}


def test_a_file_without_the_columns_is_refused_in_one_line(tmp_path: Path) -> None:
    rows = tmp_path / "news.csv"
    rows.write_text("headline\nAcme files for bankruptcy\n", encoding="utf-8")
    assert_one_line_failure(within("events", str(rows)), "text and entity")


def test_columns_are_found_by_their_meaning_and_shown(tmp_path: Path) -> None:
    rows, out = tmp_path / "news.csv", tmp_path / "events.json"
    rows.write_text("Datum;Titel;Unternehmen\n31.01.2024;Acme files for bankruptcy;Acme\n", encoding="utf-8")
    done = within("events", str(rows), "--json", str(out))
    assert done.returncode == 0 and "entity" in done.stderr and "not used: Datum" in done.stderr
    ((event,),) = json.loads(out.read_text(encoding="utf-8"))
    assert event["type"] == "bankruptcy"
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "a", "entity": "b"}\n{"text"\n', encoding="utf-8")
    assert_one_line_failure(within("events", str(broken)), "row 2: no JSON")
    broken.write_text('{"text": [{"p": "a"}], "entity": "b"}\n', encoding="utf-8")
    assert_one_line_failure(within("events", str(broken)), "line 1: text (column 'text') is a list or an object")
    refused = tmp_path / "refused.json"
    refused.write_text('{"status": "error", "message": "apiKey invalid"}', encoding="utf-8")
    assert_one_line_failure(within("events", str(refused)), "error answer of an interface", "apiKey invalid")
