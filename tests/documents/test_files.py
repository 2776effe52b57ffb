"""Files of other people's making: each shape of data is recognised, and what cannot be read is named for what it is."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import unicodedata
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zstandard

from documents.files import (
    BadFile,
    Messages,
    Outgoing,
    Reading,
    RowFault,
    Table,
    doubled,
    find_columns,
    parse_date,
    read_table,
    tickers_in,
)  # fmt: skip

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
    ("needed", "data"),
    [
        ("pyarrow", b"PAR1xxxx"),
        ("openpyxl", b"PK\x03\x04 [Content_Types].xml"),
        ("python-calamine", b"\xd0\xcf\x11\xe0"),
    ],
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
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xff\xfe\r\x00\n\x00", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"PK\x03\x04 other", "ZIP archive"),
        (b"\xd0\xcf\x11\xe0...", "taken for old Excel.*save it as .xlsx or CSV"),
        (b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.text", "an OpenDocument text"),
        (b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "taken for OpenDocument.*save it as"),
        (b"PK\x03\x04 [Content_Types].xml xl/workbook.bin", "taken for binary Excel.*save it as"),
        (b"PK\x03\x04 [Content_Types].xml word/document.xml", "a Word file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<html><body><table><tr><td>title", "a table that was saved as .xls .open that, and save it as .xlsx"),
        (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>', "an Excel file in XML"),
        (b'<?xml version="1.0"?>\n<rss version="2.0">', "finsent feeds run"),
        (b'\x00\x00\x00\x00\x07{"id": "1"}', "wire format"),
        (bytes(range(256)) * 8, "no text"),
        (b'{"articles": [{"title": "x"', "breaks off at line 1"),
        (b'[{"title": "x"},\n {"title" "y"}]', "is no JSON at line 2, column 11"),
        (b"[" * 100_000, "nested too deeply|breaks off"),
        (
            b'{"status": "error", "message": "apiKey invalid", "articles": []}',
            "error answer of an interface, and no data: apiKey",
        ),
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


@pytest.mark.parametrize(
    "names",
    [
        ("Titel", "Text", "Datum", "Quelle", "Kürzel"),
        ("Überschrift", "Volltext", "Veröffentlicht am", "Zeitung", "Aktie"),
        ("Titre", "Contenu", "Date de publication", "Média", "Symbole"),
        ("Título", "Contenido", "Fecha", "Fuente", "Símbolo"),
        ("Titolo", "Testo", "Data", "Fonte", "Azione"),
        ("Título", "Conteúdo", "Data de publicação", "Veículo", "Código"),
        ("Kop", "Tekst", "Publicatiedatum", "Bron", "Aandeel"),
        ("Tytuł", "Treść", "Data publikacji", "Źródło", "Akcja"),
        ("Rubrik", "Brödtext", "Publicerad", "Källa", "Aktiesymbol"),
        ("Başlık", "İçerik", "Tarih", "Kaynak", "Hisse kodu"),
        ("Заголовок", "Текст", "Дата", "Источник", "Тикер"),
        ("标题", "正文", "发布时间", "来源", "股票代码"),
        ("標題", "內容", "發布時間", "來源", "股票代號"),
        ("タイトル", "本文", "配信日時", "配信元", "銘柄コード"),
        ("제목", "본문", "작성일", "언론사", "종목코드"),
        ("Judul", "Isi berita", "Tanggal", "Sumber", "Kode saham"),
        ("Tiêu đề", "Nội dung", "Ngày đăng", "Nguồn", "Mã chứng khoán"),
    ],
    ids=lambda names: names[2],
)  # fmt: skip
def test_columns_in_other_languages_are_found(names: tuple[str, ...]) -> None:
    title, text, date, source, symbol = names
    found = {"title": title, "body": text, "published_at": date, "source": source, "tickers": symbol}
    for written in (str, str.upper, partial(unicodedata.normalize, "NFD")):
        columns = find_columns("news", ["x", *map(written, names)])
        assert columns.of == {field: written(name) for field, name in found.items()} and columns.unused == ["x"]


def test_companies_and_amounts_in_other_languages_are_found() -> None:
    assert find_columns("companies", ["ISIN", "Firmenname", "Kürzel", "Branche", "Börse"]).of == {
        "ticker": "Kürzel", "name": "Firmenname", "isin": "ISIN", "sector": "Branche", "exchange": "Börse",
    }  # fmt: skip
    assert find_columns("labels", ["Satz", "Text", "Bewertung"]).of == {"text": "Text", "label": "Bewertung"}


BOEING = "Boeing Cuts Output"
NOON_Z = "2024-01-31T12:00:00Z"
SHAPES = {
    "NYT": (
        {"status": "OK", "response": {"docs": [{
            "abstract": "Profit fell.", "web_url": "https://example.com/1", "snippet": "s", "lead_paragraph": "x",
            "source": "The New York Times", "headline": {"main": BOEING, "kicker": None}, "_id": "nyt://1",
            "pub_date": "2024-01-31T12:00:00+0000", "keywords": [{"name": "organizations", "value": "Boeing"}],
            "byline": {"original": "By Jane"},
        }], "meta": {"hits": 1}}},
        "rows in 'response.docs'", ("The New York Times", "Profit fell."),
    ),
    "Guardian": (
        {"response": {"status": "ok", "total": 1, "results": [{
            "id": "business/1", "webPublicationDate": NOON_Z, "webTitle": BOEING, "webUrl": "https://example.com/1",
            "fields": {"bodyText": "Profit fell.", "trailText": "t"},
        }]}},
        "rows in 'response.results'", ("a", "Profit fell."),
    ),
    "GDELT": (
        {"articles": [{"url": "https://example.com/1", "title": BOEING, "seendate": "20240131T120000Z",
                       "domain": "example.com", "language": "English"}]},
        "rows in 'articles'", ("example.com", None),
    ),
    "Event Registry": (
        {"articles": {"results": [{"uri": "8", "dateTime": NOON_Z, "title": BOEING, "body": "Profit fell.",
                                   "source": {"uri": "x.com", "title": "X"}}], "totalResults": 1}},
        "rows in 'articles.results'", ("X", "Profit fell."),
    ),
    "yfinance": (
        [{"id": "a", "content": {"title": BOEING, "summary": "Profit fell.", "pubDate": NOON_Z,
                                 "provider": {"displayName": "Reuters"}}}],
        "JSON", ("Reuters", "Profit fell."),
    ),
    "WordPress": (
        [{"id": 5, "date": "2024-01-31T13:00:00", "date_gmt": "2024-01-31T12:00:00", "link": "https://example.com",
          "title": {"rendered": BOEING}, "content": {"rendered": "Profit fell."}, "excerpt": {"rendered": "x"}}],
        "JSON", ("a", "Profit fell."),
    ),
    "without a content": (
        {"status": "ok", "articles": [{"source": {"name": "Wire"}, "title": BOEING, "description": "Profit fell.",
                                       "publishedAt": NOON_Z, "content": None}]},
        "rows in 'articles'", ("Wire", "Profit fell."),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_of_well_known_interfaces_are_news(tmp_path: Path, shape: str) -> None:
    document, said, (source, body) = SHAPES[shape]
    (found,) = sent(tmp_path / "a.json", json.dumps(document).encode())
    assert said in str(read_table(tmp_path / "a.json"))
    assert (found["title"], found["published_at"], found["source"], found.get("body")) == (BOEING, NOON_Z, source, body)


def listing(*rows: dict[str, Any]) -> dict[str, Any]:
    common = {"created_utc": 1706702400.0, "author": "joe", "subreddit": "stocks"}
    return {
        "kind": "Listing",
        "data": {"after": None, "children": [{"kind": "t3", "data": common | row} for row in rows]},
    }


def test_a_listing_of_reddit_and_its_pages_are_comments(tmp_path: Path) -> None:
    """A post's title stands before its text; a link has its title alone; the page of a post has two listings."""
    post, link = {"id": "1", "title": BOEING, "selftext": "I sell."}, {"id": "2", "title": "A link", "selftext": ""}
    answer, page = (
        listing(post, link),
        [listing(post), listing({"id": "c", "body": "No."}, {"id": "d", "body": "Yes."})],
    )
    found = sent(tmp_path / "a.json", json.dumps(answer).encode(), "comments")
    assert [(one["id"], one["text"]) for one in found] == [("1", f"{BOEING}\nI sell."), ("2", "A link")]
    assert {(one["source"], one["author"], one["published_at"]) for one in found} == {("stocks", "joe", NOON_Z)}
    found = sent(tmp_path / "b.json", json.dumps(page).encode(), "comments")
    assert [one["text"] for one in found] == [f"{BOEING}\nI sell.", "No.", "Yes."]
    assert str(read_table(tmp_path / "b.json")) == "JSON, rows in 'data.children'"
    lines = "\n".join(json.dumps({"status": "ok", "articles": [one]}) for one in ARTICLES)
    assert [one["title"] for one in sent(tmp_path / "c.jsonl", lines.encode())] == [one["title"] for one in ARTICLES]


def test_lists_within_a_document_are_not_its_rows(tmp_path: Path) -> None:
    """One article, or one post a line, with lists of objects of its own."""
    one = {"headline": BOEING, "published": NOON_Z, "entities": [{"symbol": "BA", "name": "Boeing"}, {"symbol": "GE"}]}
    (found,) = sent(tmp_path / "a.json", json.dumps(one, indent=1).encode())
    assert (found["title"], found["tickers"]) == (BOEING, ["BA", "GE"])
    listed = {"title": "Constituents", "updated": NOON_Z, "data": [{"symbol": "BA", "name": "Boeing"}]}
    assert read_table_of(tmp_path / "c.json", json.dumps(listed)).within == "'data'"
    post = {"record": {"text": BOEING, "createdAt": NOON_Z, "facets": [{"index": 1}, {"index": 2}]}, "cid": "c"}
    lines = "\n".join([json.dumps(post)] * 2)
    assert [one["text"] for one in sent(tmp_path / "b.jsonl", lines.encode(), "comments")] == [BOEING] * 2


def test_the_rows_of_an_answer_are_not_its_users_or_errors(tmp_path: Path) -> None:
    tweet = {"id": "1", "text": "BA down", "created_at": NOON_Z}
    users = [{"id": str(n), "name": "A", "description": "d"} for n in range(3)]
    document = {"data": [tweet], "includes": {"users": users}, "errors": [{"title": "Gone", "detail": "x"}] * 4}
    (found,) = sent(tmp_path / "a.json", json.dumps(document).encode(), "comments")
    assert found["text"] == "BA down"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": "error", "code": "apiKeyInvalid", "message": "apiKey invalid"}, "apiKey invalid"),
        ({"response": {"status": "error", "message": "bad key"}}, "bad key"),
        ({"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "x"}}}, "Invalid ApiKey"),
        ({"message": "Too Many Requests", "error": 429}, "Too Many Requests"),
        ({"Information": "Thank you for using Alpha Vantage!"}, "Thank you"),
        ({"errors": [{"message": "Bad Authentication data", "code": 89}]}, "Bad Authentication data"),
        ({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Not you"}, "Not you"),
        ({"error": {"code": 403, "message": "Not valid.", "errors": [{"message": "x"}]}}, "Not valid."),
        ({"detail": [{"loc": ["q"], "msg": "field required"}]}, "field required"),
        ({"success": False, "reason": "no plan"}, "no plan"),
        ({"message": "Unauthorized"}, "Unauthorized"),
    ],
)
def test_an_error_answer_is_refused_by_name(tmp_path: Path, answer: dict[str, Any], said: str) -> None:
    now = datetime.now(UTC)
    for name, topic in (("a.json", "news"), ("a.json", "comments")):
        with pytest.raises(BadFile, match=f"the error answer of an interface, and no data: {said}"):
            made(tmp_path / name, json.dumps(answer).encode(), topic, undated=now)


def test_an_error_answer_among_lines_is_a_bad_row(tmp_path: Path) -> None:
    lines = LINES + b'\n{"status": "error", "message": "rate limit"}'
    *good, bad = made(tmp_path / "a.jsonl", lines)
    assert len(good) == 3 and isinstance(bad, RowFault) and "rate limit" in bad.sentence
    (row,) = made(
        tmp_path / "b.json", b'{"id": "1", "title": "x", "date": "2024-01-31", "error": "none", "status": 500}'
    )
    assert isinstance(row, Outgoing)


@pytest.mark.parametrize(
    ("cell", "symbols"),
    [
        ("AAPL, BA;$MU", ["AAPL", "BA", "MU"]),
        ("['AAPL', 'BA']", ["AAPL", "BA"]),
        ('[{"symbol": "BA", "name": "Boeing"}]', ["BA"]),
        ("BA LN Equity; AAPL US Equity", ["BA LN Equity", "AAPL US Equity"]),
    ],
)
def test_the_symbols_in_a_cell(cell: str, symbols: list[str]) -> None:
    assert tickers_in(cell) == symbols


def test_of_two_columns_of_one_name_the_first_is_taken_and_the_other_can_be_named(tmp_path: Path) -> None:
    data = b"title,date,title\nfirst,2024-01-31,second\n"
    (found,) = sent(tmp_path / "a.csv", data)
    table = read_table(tmp_path / "a.csv")
    assert found["title"] == "first" and doubled(table.columns) == ["title"]
    (found,) = sent(tmp_path / "a.csv", data, columns={"title": "title (column 3)"})
    assert found["title"] == "second"


def test_a_header_below_other_lines_is_found_and_rows_count_as_in_a_spreadsheet(tmp_path: Path) -> None:
    above = "News export\nGenerated on Monday, 5 February\nQuery;BA\n\n"
    lines = f"{above}Headline;Published;Source\nOne;2024-01-31;W\n\nTwo;;W"
    one, fault = made(tmp_path / "a.csv", lines.encode())
    assert isinstance(one, Outgoing) and one.number == 6 and isinstance(fault, RowFault) and fault.number == 8
    assert str(read_table(tmp_path / "a.csv")) == "CSV (semicolons), header in row 5"
    # A header whose names nobody knows is the first line, as ever.
    assert read_table_of(tmp_path / "b.csv", "Foo;Bar\nTitle;Date\n").columns == ["Foo", "Bar"]


def read_table_of(path: Path, text: str) -> Table:
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_the_sheet_with_the_rows_is_read_and_a_header_of_two_rows_joined(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book["Notes"].append(["made by", "me"])
    sheet = book.create_sheet("News")
    for row in (["Daily news"], [], ["Date", "Article", None], [None, "Headline", "Source"],
                [45322, "Profit fell", "W"], ["45322.5", "Loss", "W"]):  # fmt: skip
        sheet.append(row)
    sheet.merge_cells("B3:C3")
    book.save(tmp_path / "a.xlsx")
    data = (tmp_path / "a.xlsx").read_bytes()
    found = sent(tmp_path / "a.xlsx", data)
    assert [(one["title"], one["published_at"], one["source"]) for one in found] == [
        ("Profit fell", "2024-01-31T00:00:00Z", "W"),
        ("Loss", "2024-01-31T12:00:00Z", "W"),
    ]
    assert str(read_table(tmp_path / "a.xlsx")) == "Excel, rows in the sheet 'News', and not 'Notes', header in row 4"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("news/a.xlsx", data)
        archive.writestr("__MACOSX/news/._a.xlsx", b"x")
    assert len(list(read_table(tmp_path / "a.zip").rows())) == 2


def test_a_zip_archive_of_one_file_is_read_and_one_of_several_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
            archive.writestr(name, CSV)
        if name == "a.csv":
            assert str(read_table(tmp_path / "a.zip")) == "CSV (semicolons, zip)"
    with pytest.raises(BadFile, match="ZIP archive of no file or of several"):
        read_table(tmp_path / "a.zip")


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
        ("31-Jan-24", NOON.replace(hour=0)),
        ("31. Januar 2024", NOON.replace(hour=0)),
        ("Mittwoch, 31. Jan. 2024, 12:00 Uhr", NOON),
        ("31.01.2024, 12:00 Uhr", NOON),
        ("31 janv. 2024 à 12:00", NOON),
        ("31 de enero de 2024", NOON.replace(hour=0)),
        ("31 stycznia 2024 12:00", NOON),
        ("31 января 2024", NOON.replace(hour=0)),
        ("2024年1月31日 12:00", NOON),
        ("2024년 1월 31일", NOON.replace(hour=0)),
        (45322, NOON.replace(hour=0)),
        ("45322.5", NOON),
        *((nothing, None) for nothing in ("yesterday", "2 hours ago", "", "2024", "June 2024", "31 Xanuar 2024",
                                          "31 jui 2024", "12:30", "Jan 31", None,
                                          17, True, "03/04/2024", "31/31/2024", "Wed, 99 Jan 2024 12:00:00 GMT")),
    ],
)  # fmt: skip
def test_dates_in_all_shapes(written: Any, meant: datetime | None) -> None:
    assert parse_date(written) == meant


@pytest.mark.parametrize("written", ["2024-01-31T12:00:00Z", "1706702400", '"Wed, 31 Jan 2024 12:00:00 GMT"'])
@pytest.mark.parametrize("column", ["publishedAt", "datetime", "timestamp", "created_utc", "date", "pubDate"])
def test_the_date_is_found_whatever_its_column_is_called(tmp_path: Path, column: str, written: str) -> None:
    (news,) = sent(tmp_path / "a.csv", f"title,{column}\nProfit falls,{written}\n".encode())
    assert news["published_at"] == "2024-01-31T12:00:00Z"


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
        ("gut,schlecht,Neutral", ["positive", "negative", "neutral"]),
        ("利好,利空,中性", ["positive", "negative", "neutral"]),
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


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"ticker": "AAPL", "name": "Apple", "sector": "Tech", "formerNames": [{"name": "Apple Computer"}]},
            {"ticker": "MSFT", "name": "Microsoft", "sector": "Tech"},
        ],
        [{"desk": "tech", "ticker": "AAPL", "value": 5, "lots": [{"price": 1, "quantity": 2}]}] * 2,
    ],
)
@pytest.mark.parametrize("form", ["list", "lines"])
def test_rows_with_a_list_of_objects_in_them_stay_rows(tmp_path: Path, rows: list[dict[str, Any]], form: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows) if form == "list" else "\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert [row.values["ticker"] for row in read_table(path).rows()] == [row["ticker"] for row in rows]


def test_a_page_that_failed_among_good_ones_is_told(tmp_path: Path) -> None:
    page = {"status": "ok", "articles": [{"title": "T", "publishedAt": "2024-01-31"}]}
    failed = {"status": "error", "code": "rateLimited", "message": "too many requests"}
    found = made(tmp_path / "pages.jsonl", "\n".join(map(json.dumps, [page, failed, page])).encode())
    assert [isinstance(one, RowFault) for one in found] == [False, True, False]
    with pytest.raises(BadFile, match=r"line 2: "):
        made(tmp_path / "cut.jsonl", "\n".join([json.dumps(page), json.dumps(page)[:-30], json.dumps(page)]).encode())


def test_a_headline_with_a_known_word_is_no_header(tmp_path: Path) -> None:
    lines = ["Apple beats", "Boeing recalls", "Stocks, bonds slide as yields rise", "Story, continued"]
    path = tmp_path / "headlines.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert [row.values["text"] for row in read_table(path).rows()] == lines


def test_a_damaged_sheet_is_a_damaged_file(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for n in range(2000):
        book.active.append(["title" if not n else f"Acme {n * n}", "date" if not n else "2024-01-31"])
    path = tmp_path / "b.xlsx"
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 300
    data = bytearray(path.read_bytes())
    data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(BadFile, match="damaged Excel file"):
        list(read_table(path).rows())


def test_the_first_sheet_with_known_columns_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Positions"
    for row in (["Desk", "Ticker", "Value", "Currency"], ["tech", "AAPL", 5, "USD"]):
        book.active.append(row)
    other = book.create_sheet("Securities")
    for row in (["Ticker", "Name", "ISIN", "Sector", "Country", "Exchange"], ["AAPL", "Apple", "", "Tech", "US", "Q"]):
        other.append(row)
    book.save(tmp_path / "b.xlsx")
    assert read_table(tmp_path / "b.xlsx").columns == ["Desk", "Ticker", "Value", "Currency"]


@pytest.mark.parametrize(
    "row",
    [{"code": 522, "date": "2024-01-31", "close": 3.2}, {"desk": "t", "ticker": "A", "value": 5, "status": "failed"}],
)
def test_a_row_with_a_code_or_a_status_is_no_error_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps([row]), encoding="utf-8")
    assert [one.values for one in read_table(path).rows()] == [row]


def test_a_list_in_a_column_that_might_help_spoils_no_row(tmp_path: Path) -> None:
    row = {"id": "1", "title": "T", "body": None, "content": [{"type": "p"}], "date": "2024-01-31"}
    (message,) = sent(tmp_path / "n.json", json.dumps([row]).encode())
    assert message["title"] == "T" and not message.get("body")


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("\u6807\u9898,\u65e5\u671f,\u65f6\u95f4,\u6765\u6e90", "T,2024-01-31,14:30,S", "2024-01-31T14:30"),
        ("\u898b\u51fa\u3057,\u65e5\u4ed8,\u6642\u9593,\u51fa\u5178", "T,2024-01-31,14:30,S", "2024-01-31T14:30"),
        ("Titel,Datum,Zeit,Quelle", "T,31.01.2024,14:30,S", "2024-01-31T14:30"),
        ("Titel,Datum,Quelle", 'T,"31.01.2024, 14.30 Uhr",S', "2024-01-31T14:30"),
        ("\u6807\u9898,\u65f6\u95f4,\u6765\u6e90", "T,2024-01-31 14:30,S", "2024-01-31T14:30"),
    ],
)
def test_the_time_of_day_in_other_languages(tmp_path: Path, header: str, row: str, said: str) -> None:
    (message,) = sent(tmp_path / "n.csv", f"{header}\n{row}\n".encode())
    assert str(message["published_at"]).startswith(said)


FLAT = {"id": "1", "title": "Acme beats", "published_at": "2024-01-31T12:00:00Z", "tickers": ["BA"]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("comma.jsonl", json.dumps(FLAT) + ",\n" + json.dumps(FLAT | {"id": "2"}) + ",\n"),
        ("comma", json.dumps(FLAT) + ",\n" + json.dumps(FLAT | {"id": "2"}) + "\n"),
        ("seq.json", f"\x1e{json.dumps(FLAT)}\n\x1e{json.dumps(FLAT | {'id': '2'})}\n"),  # RFC 7464
        ("lists.json", json.dumps({name: [value, value] for name, value in FLAT.items()})),  # pandas: orient="list"
        ("values.json", json.dumps([list(FLAT), list(FLAT.values()), list(FLAT.values())])),
        (
            "geo.json",
            json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": FLAT}] * 2}),
        ),
        ("mongo.jsonl", 2 * (json.dumps(FLAT | {"published_at": {"$date": "2024-01-31T12:00:00Z"}}) + "\n")),
    ],
)
def test_json_of_other_programs_loses_no_row(tmp_path: Path, name: str, data: str) -> None:
    found = sent(tmp_path / name, data.encode())
    assert [(one["title"], one["published_at"], one["tickers"]) for one in found] == [
        ("Acme beats", "2024-01-31T12:00:00Z", ["BA"])
    ] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_arrow_and_what_is_in_it(tmp_path: Path, stream: bool) -> None:
    import pyarrow

    columns = {
        "title": pyarrow.array([b"Acme beats"]),  # bytes that are a text
        "published_at": pyarrow.array([1706702400000000001], pyarrow.timestamp("ns", "America/New_York")),
        "source": pyarrow.array(["W"]).dictionary_encode(),
        "meta": [{"lang": "en"}],
    }
    table = pyarrow.table(columns)
    path = tmp_path / "a"
    maker = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with maker(str(path), table.schema) as target:
        target.write_table(table)
    assert str(read_table(path)) == "Arrow"
    (found,) = sent(path, path.read_bytes())
    assert (found["title"], found["published_at"], found["lang"]) == ("Acme beats", "2024-01-31T12:00:00Z", "en")
    with maker(str(path), table.schema) as target:
        target.write_table(table.slice(0, 0))
    with pytest.raises(BadFile, match="read as Arrow: it has no rows"):
        read_table(path)
    path.write_bytes(b"ARROW1 no more")
    with pytest.raises(BadFile, match="damaged Arrow file"):
        read_table(path)


@pytest.mark.parametrize("nothing", ["NaN", "nan", "NaT", "None", "null", "n/a", "#N/A", "-", "<NA>"])
def test_a_cell_that_says_it_is_empty_is_empty(tmp_path: Path, nothing: str) -> None:
    (found,) = sent(tmp_path / "a.csv", f"title,body,date,tickers\nT,{nothing},2024-01-31,{nothing}\n".encode())
    assert found["tickers"] == [] and not found.get("body")
    (fault,) = made(tmp_path / "a.csv", f"title,date\nT,{nothing}\n".encode())
    assert isinstance(fault, RowFault) and "there is no date" in fault.sentence
    for symbol in ("NA", "NAN", "NAT"):
        (ticker,) = sent(tmp_path / "a.csv", f"title,date,tickers\nT,2024-01-31,{symbol}\n".encode())
        assert ticker["tickers"] == [symbol]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (json.dumps({"AAPL": [FLAT], "BA": [FLAT]}).encode(), "several lists of rows alike, 'AAPL' and 'BA': put them"),
        (b'title,date\nT,2024-01-31\n"open,2024-01-31\nx,2024-01-31\n', "line 3: a quotation mark begins a cell there"),
    ],
)
def test_what_would_lose_rows_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        made(tmp_path / "a", data)


def test_a_row_of_a_list_with_more_cells_than_names_is_named(tmp_path: Path) -> None:
    _, fault = made(tmp_path / "a.json", json.dumps([["title", "date"], ["T", "2024-01-31"], [1, 2, 3]]).encode())
    assert isinstance(fault, RowFault) and "but a list" in fault.sentence


def test_a_date_of_two_digits_each_may_begin_with_the_year(tmp_path: Path) -> None:
    data = b"title,date\nT,24-01-23\n"
    (fault,) = made(tmp_path / "a.csv", data)
    assert isinstance(fault, RowFault) and "may be two days" in fault.sentence
    assert sent(tmp_path / "a.csv", data, order="day")[0]["published_at"] == "2023-01-24T00:00:00Z"
    assert "or write 2024-01-31 where the year comes first" in fault.sentence


def test_a_date_that_cannot_begin_with_the_year_tells_what_comes_first(tmp_path: Path) -> None:
    coming = datetime.now(UTC).year % 100 + 1
    if coming <= 31:  # or it is no day
        *_, found = sent(tmp_path / "a.csv", f"title,date\nA,{coming}-01-24\nT,10-02-24\n".encode())
        assert found["published_at"] == "2024-02-10T00:00:00Z"
    assert parse_date("01-31-24") == datetime(2024, 1, 31, tzinfo=UTC)
