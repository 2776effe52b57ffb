"""Files of other people's making: each shape of data is recognised, and what cannot be read is named for what it is."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zstandard

from documents.files import BadFile, Messages, Outgoing, Reading, RowFault, find_columns, parse_date, read_table

ARTICLES = [
    {
        "source": {"id": None, "name": "Wire"},
        "author": "Jane",
        "title": f"Alder Foods cuts its dividend, part {number}",
        "description": "Profit fell by a third.",
        "url": f"https://example.com/{number}",
        "publishedAt": "2024-01-31T12:00:00Z",
        "content": "Profit fell by a third, and the dividend is gone.",
    }
    for number in range(3)
]
ANSWER = {"status": "ok", "totalResults": 3, "articles": ARTICLES}
LINES = b"\n".join(json.dumps(one).encode() for one in ARTICLES)
CSV = "title;text;date\nGewinn f\u00e4llt;\u201eSehr schlecht\u201c;31.01.2024\n"


def made(path: Path, data: bytes, topic: str | None = "news", **reading: Any) -> list[Outgoing | RowFault]:
    path.write_bytes(data)
    return list(Messages(read_table(path), topic, Reading(**reading)))


def sent(path: Path, data: bytes, topic: str | None = "news", **reading: Any) -> list[dict[str, Any]]:
    rows = made(path, data, topic, **reading)
    assert not [one for one in rows if isinstance(one, RowFault)]
    return [json.loads(one.value) for one in rows if isinstance(one, Outgoing)]


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.json", json.dumps(ANSWER, indent=2).encode(), "JSON, rows in 'articles'"),
        ("a.json", json.dumps(ANSWER).encode(), "JSON, rows in 'articles'"),
        ("a.json", json.dumps({"data": {"results": ARTICLES}}).encode(), "JSON, rows in 'data.results'"),
        ("a.json", json.dumps(ARTICLES, indent=1).encode(), "JSON"),
        ("a.json", b"\n".join(json.dumps(one, indent=1).encode() for one in ARTICLES), "JSON"),
        ("a.jsonl", LINES, "JSON lines"),
        ("a.txt", b"\n\n" + LINES, "JSON lines"),
        ("a.jsonl", b"\xef\xbb\xbf" + LINES, "JSON lines (UTF-8 with a byte order mark)"),
        ("a.jsonl", LINES.decode().encode("utf-16"), "JSON lines (utf-16)"),
        ("a", gzip.compress(LINES, mtime=0), "JSON lines (gzip)"),
        ("a", bz2.compress(LINES), "JSON lines (bzip2)"),
        ("a", lzma.compress(LINES), "JSON lines (xz)"),
        ("a", zstandard.compress(LINES), "JSON lines (zstd)"),
    ],
)
def test_json_in_any_arrangement_gives_the_same_news(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    found = sent(tmp_path / name, data)
    assert str(read_table(tmp_path / name)) == what
    assert [one["title"] for one in found] == [one["title"] for one in ARTICLES]
    assert {(one["source"], one["published_at"], one["body"]) for one in found} == {
        ("Wire", "2024-01-31T12:00:00Z", ARTICLES[0]["content"])
    }


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (CSV.encode(), "CSV (semicolons)"),
        (CSV.encode("cp1252"), "CSV (semicolons, cp1252)"),
        (CSV.encode("utf-16"), "CSV (semicolons, utf-16)"),
        (CSV.replace(";", "\t").encode(), "CSV (tabs)"),
        (CSV.replace(";", "|").encode("utf-8-sig"), "CSV (bars, UTF-8 with a byte order mark)"),
        (b"sep=;\r\n" + CSV.replace("\n", "\r\n").encode(), "CSV (semicolons)"),
    ],
)
def test_csv_with_any_separator_in_any_encoding(tmp_path: Path, data: bytes, what: str) -> None:
    (found,) = sent(tmp_path / "a.csv", data)
    assert str(read_table(tmp_path / "a.csv")) == what
    assert (found["title"], found["body"]) == ("Gewinn f\u00e4llt", "\u201eSehr schlecht\u201c")
    assert found["published_at"] == "2024-01-31T00:00:00Z"


def test_one_byte_of_another_encoding_far_behind_is_found(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%s,2024-01-31\n" % (number, b"Plain words " * 500) for number in range(300))
    found = sent(tmp_path / "a.csv", b"id,title,date\n" + rows + b"x,Alder\x92s profit,2024-01-31\n")
    assert len(found) == 301 and found[-1]["title"] == "Alder\u2019s profit"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("gb18030", "利润下降三成股价大跌公司公告显示业绩下滑严重"), ("cp1251", "Прибыль компании упала на треть")],
)
def test_encodings_of_other_scripts(tmp_path: Path, encoding: str, text: str) -> None:
    (found,) = sent(tmp_path / "a.csv", f"title,date\n{text},2024-01-31\n".encode(encoding))
    assert found["title"] == text


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table(
        {"Headline": ["Profit fell"], "time": [datetime(2024, 1, 31, 12)], "symbols": [["AAPL", "BA"]]}
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    (found,) = sent(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes(), zone=ZoneInfo("America/New_York"))
    assert (found["title"], found["published_at"]) == ("Profit fell", "2024-01-31T17:00:00Z")
    assert found["tickers"] == ["AAPL", "BA"] and found["source"] == "a"


def test_excel(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.create_sheet("News").append(["Headline", None, "Published", "Stock"])
    book["News"].append(["Profit fell", "x", datetime(2024, 1, 31, 12), "BA"])
    book.save(tmp_path / "a.xlsx")
    (found,) = sent(tmp_path / "a.xlsx", (tmp_path / "a.xlsx").read_bytes())
    assert (found["title"], found["published_at"], found["tickers"]) == ("Profit fell", "2024-01-31T12:00:00Z", ["BA"])


@pytest.mark.parametrize(
    ("needed", "data"), [("pyarrow", b"PAR1xxxx"), ("openpyxl", b"PK\x03\x04 [Content_Types].xml")]
)
def test_without_the_extra_what_is_needed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: str, data: bytes
) -> None:
    from documents.files import tables

    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BadFile, match=rf"needs {needed}: pip install 'finsent\[files\]'"):
        read_table(tmp_path / "a")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"PK\x03\x04 other", "ZIP archive"),
        (b"\xd0\xcf\x11\xe0...", "before 2007"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b'<?xml version="1.0"?>\n<rss version="2.0">', "finsent feeds run"),
        (b'\x00\x00\x00\x00\x07{"id": "1"}', "wire format"),
        (bytes(range(256)) * 8, "no text"),
        (b'{"articles": [{"title": "x"', "breaks off at line 1"),
        (b'[{"title": "x"},\n {"title" "y"}]', "is no JSON at line 2, column 11"),
        (b"[" * 100_000, "nested too deeply|breaks off"),
        (b'{"status": "error", "message": "apiKey invalid", "articles": []}', "answer without rows: apiKey invalid"),
        (gzip.compress(b"title,date\n" + b"a,2024\n" * 1000, mtime=0)[:40], "breaks off or is damaged"),
        (b"PAR1 no more", "damaged Parquet"),
        (b"PK\x03\x04 [Content_Types].xml", "damaged Excel"),
        (b'title,date\n"a,b\n' + b"x" * 5_000_000, "field larger"),
        (b"when,who\n1,2\n", "no column is known to be the title of news .there are 'when', 'who'.*--map title=COLUMN"),
    ],
)
def test_what_cannot_be_read_is_named_for_what_it_is(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(BadFile, match=what):
        made(tmp_path / "a", data)


@pytest.mark.parametrize(
    ("topic", "names", "found", "unused"),
    [
        ("news", ["title", "text", "date"], {"title": "title", "body": "text", "published_at": "date"}, []),
        ("news", ["Headline", "Stock", "Publisher"],
         {"title": "Headline", "tickers": "Stock", "source": "Publisher"}, []),
        ("news", ["body", "date"], {"title": "body", "published_at": "date"}, []),
        ("news", ["summary", "content"], {"title": "summary", "body": "content"}, []),
        ("news", ["title", "description", "content", "id", "noise"], {"title": "title", "body": "content", "id": "id"},
         ["description", "noise"]),
        ("comments", ["data.id", "data.selftext", "data.created_utc", "data.author", "data.subreddit"],
         {"id": "data.id", "text": "data.selftext", "published_at": "data.created_utc", "author": "data.author",
          "source": "data.subreddit"}, []),
        ("labels", ["sentence", "Sentiment", "annotator"],
         {"text": "sentence", "label": "Sentiment", "annotator": "annotator"}, []),
    ],
)  # fmt: skip
def test_columns_are_found_by_meaning(topic: str, names: list[str], found: dict[str, str], unused: list[str]) -> None:
    columns = find_columns(topic, names)
    assert (columns.of, columns.unused) == (found, unused)


def test_a_person_has_the_last_word_about_columns() -> None:
    names = ["title", "Kop", "text"]
    assert find_columns("news", names, {"title": "Kop", "body": ""}).of == {"title": "Kop"}
    with pytest.raises(BadFile, match="no field 'headline'; it has id, source, title"):
        find_columns("news", names, {"headline": "Kop"})
    with pytest.raises(BadFile, match="no column 'Koop'; there are title, Kop, text"):
        find_columns("news", names, {"title": "Koop"})


NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-01-31T12:00:00Z", NOON),
        ("2024-01-31T12:00:00.000+0000", NOON),
        ("2024-01-31 12:00:00 UTC", NOON),
        ("Wed, 31 Jan 2024 12:00:00 GMT", NOON),
        ("Wed, 31 Jan 2024 07:00:00 EST", NOON),
        ("January 31, 2024 7:00 AM ET", NOON),
        ("20240131T120000", NOON),
        ("20240131120000", NOON),
        (1706702400, NOON),
        ("1706702400.0", NOON),
        (1706702400000, NOON),
        ("1706702400000000", NOON),
        ("31.01.2024 12:00", NOON),
        ("01/31/2024 12:00 PM", NOON),
        ("2024/01/31 12:00", NOON),
        ("2024-01-31", NOON.replace(hour=0)),
        (datetime(2024, 1, 31).date(), NOON.replace(hour=0)),
        ("31 Jan 2024", NOON.replace(hour=0)),
        *((nothing, None) for nothing in ("yesterday", "2 hours ago", "", "2024", "June 2024", "12:30", "Jan 31", None,
                                          17, True, "03/04/2024", "31/31/2024", "Wed, 99 Jan 2024 12:00:00 GMT")),
    ],
)  # fmt: skip
def test_dates_in_all_shapes(written: Any, meant: datetime | None) -> None:
    assert parse_date(written) == meant


def test_a_date_of_three_numbers_is_read_as_the_others_in_its_file(tmp_path: Path) -> None:
    data = b"title,date\na,03/04/2024\nb,%s\n"
    path = tmp_path / "a.csv"
    assert sent(path, data % b"13/04/2024")[0]["published_at"] == "2024-04-03T00:00:00Z"
    assert sent(path, data % b"04/13/2024")[0]["published_at"] == "2024-03-04T00:00:00Z"
    assert sent(path, data % b"05/05/2024", order="day")[0]["published_at"] == "2024-04-03T00:00:00Z"
    fault = made(path, data % b"05/05/2024")[0]
    assert isinstance(fault, RowFault) and (fault.number, fault.field) == (2, "published_at")
    assert "--day-first or --month-first" in fault.sentence
    assert sent(path, b"title,date,time\na,2024-01-31,12:00\n")[0]["published_at"] == "2024-01-31T12:00:00Z"


def test_every_bad_row_is_named_with_its_field_and_the_remedy(tmp_path: Path) -> None:
    rows = ["Headline,date", "good,2024-01-31", ",2024-01-31", "b,yesterday", "c,", "d,1970-01-01", "e,2024-01-31,more"]
    faults = [one for one in made(tmp_path / "a.csv", "\n".join(rows).encode()) if isinstance(one, RowFault)]
    told = [(one.number, one.field) for one in faults]
    assert told == [(3, "title"), (4, "published_at"), (5, "published_at"), (6, "published_at"), (7, "")]
    for fault, words in zip(faults, ["--map", "2024-01-31T12:00:00Z", "--undated", "1970", "quotes"], strict=True):
        assert words in fault.sentence


def test_null_is_no_tickers_and_a_byte_order_mark_no_fault(tmp_path: Path) -> None:
    from documents.messages import decode

    line = b'{"id":"1","source":"s","title":"t","published_at":"2024-01-31T12:00:00Z","tickers":null}'
    (one,) = made(tmp_path / "a.jsonl", line)
    assert isinstance(one, Outgoing) and one.value == line
    assert decode("news", b"\xef\xbb\xbf" + line) == decode("news", line)
    (epoch,) = sent(tmp_path / "a.jsonl", line.replace(b'"2024-01-31T12:00:00Z"', b"1706702400"))
    assert epoch["published_at"] == "2024-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        ("Positive,negative ,NEUTRAL", ["positive", "negative", "neutral"]),
        ("Bullish,bearish,pos", ["positive", "negative", "positive"]),
        ("1,-1,0", ["positive", "negative", "neutral"]),
        ("1,0,0", [None, None, None]),  # without -1 nobody knows what 0 is
        ("great,negative,neutral", [None, "negative", "neutral"]),
    ],
)
def test_spellings_of_labels(tmp_path: Path, labels: str, meant: list[str | None]) -> None:
    rows = "".join(f"text {n},{label},anna\n" for n, label in enumerate(labels.split(",")))
    now = datetime.now(UTC)
    found = made(tmp_path / "a.csv", f"text,label,annotator\n{rows}".encode(), "labels", undated=now)
    assert [json.loads(one.value)["label"] if isinstance(one, Outgoing) else None for one in found] == meant
    for one in found:
        assert isinstance(one, Outgoing) or (
            "negative, neutral, positive" in one.sentence and "--label" in one.sentence
        )
    given = {"great": "positive", "0": "negative", "1": "positive"}
    assert None not in [getattr(one, "value", None) for one in made(
        tmp_path / "a.csv", f"text,label,annotator\n{rows}".encode(), "labels", undated=now, labels=given)]  # fmt: skip
