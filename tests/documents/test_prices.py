"""Files of prices: which columns are which, and what is said of a row that cannot be used."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from documents import Entity, Watchlist
from documents.files import BadFile, Close, Prices, RowFault, read_table

LIST = Watchlist([Entity("ACME.DE", "Acme", "industry", "Tools", aliases=["Acme AG"], symbols=["ACM"])])


def read(path: Path, text: str, **options: str) -> list[tuple[str, date, float] | tuple[int, str, str]]:
    path.write_text(text, encoding="utf-8")
    prices = Prices(read_table(path), LIST, **options)  # type: ignore[arg-type]
    return [one[1:4] if isinstance(one, Close) else tuple(one) for one in prices]


def test_tickers_days_and_closes_are_recognised(tmp_path: Path):
    assert read(
        tmp_path / "p.csv",
        "Trade Date;Symbol;Close/Last\n"
        "31/01/2026;ACM;$1,234.50\n"
        "02/01/2026;Acme AG;12\n"
        "02/01/2026;acm;12.0\n"  # the same again
        "02/01/2026;^gspc;6900.5\n",
    ) == [
        ("ACME.DE", date(2026, 1, 31), 1234.5),
        ("ACME.DE", date(2026, 1, 2), 12.0),
        ("^GSPC", date(2026, 1, 2), 6900.5),
    ]
    # A file that is sorted by day tells what comes first in its dates only further down.
    early = "".join(f"02/01/2026,X{n},1\n" for n in range(300))
    found = read(tmp_path / "r.csv", f"date,ticker,close\n{early}30/01/2026,X1,2\n")
    assert found[0] == ("X0", date(2026, 1, 2), 1.0) and len(found) == 301
    # Midnight in Tokyo is of its own day, and not of the day before, which it is in UTC.
    assert read(tmp_path / "q.csv", "Date,Close\n2026-01-30 00:00:00+09:00,5\n", ticker="7203") == [
        ("7203", date(2026, 1, 30), 5.0)
    ]


def test_spreadsheets_and_parquet_are_read(tmp_path: Path):
    import pyarrow
    from openpyxl import Workbook
    from pyarrow import parquet

    book = Workbook()
    for row in (["Ticker", "Date", "Adj. Close"], ["ACM", datetime(2026, 1, 30), 5.5]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(tmp_path / "p.xlsx")
    at = pyarrow.array([datetime(2026, 1, 30, tzinfo=UTC)])
    parquet.write_table(pyarrow.table({"ticker": ["ACM"], "date": at, "close": [5.5]}), tmp_path / "p.parquet")
    for name in ("p.xlsx", "p.parquet"):
        (one,) = Prices(read_table(tmp_path / name), LIST)
        assert not isinstance(one, RowFault) and one[1:4] == ("ACME.DE", date(2026, 1, 30), 5.5)


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        (",ACM,5", "date", "the date is missing"),
        ("soon,ACM,5", "date", "'soon' is no date: write 2024-01-31"),
        ("03/04/2026,ACM,5", "date", "may mean two days: say --day-first or --month-first"),
        ("2999-01-01,ACM,5", "date", "in the future"),
        ("2026-01-02,,5", "ticker", "the ticker is missing"),
        ("2026-01-02,ACM,", "close", "the close is missing"),
        ("2026-01-02,ACM,0", "close", "'0' is no price above 0"),
        ("2026-01-02,ACM,-3", "close", "'-3' is no price above 0"),
        ("2026-01-02,ACM,5 25", "close", "'5 25' is no price above 0: write it as 1234.56"),
        ("2026-01-02,ACM,\"5,250\"", "close", "'5,250' may be two numbers: say --decimal-point or --decimal-comma"),
        ("2026-01-01,Acme,6", "close", "6 for Acme on 2026-01-01, but row 2 (ACM) has 5: keep one of them"),
        ("2026-01-02,ACM,5,6", "", "4 cells, and the header has 3"),
    ],
)  # fmt: skip
def test_a_bad_row_says_field_and_remedy(tmp_path: Path, row: str, field: str, said: str):
    good, bad = read(tmp_path / "p.csv", f"date,ticker,close\n2026-01-01,ACM,5\n{row}\n")
    assert good == ("ACME.DE", date(2026, 1, 1), 5.0)
    assert bad[:2] == (3, field) and said in str(bad[2])


def test_a_file_without_a_needed_column_is_refused(tmp_path: Path):
    for text, said, options in (
        ("date,open\n2026-01-01,5\n", "no column is known to be the close of prices .* --map close=COLUMN", {}),
        (
            "date,close\n2026-01-01,5\n",
            "the file's name is none; name one with --map ticker=COLUMN, or the ticker of all rows with --ticker",
            {},
        ),
        ("date,close,sym\n2026-01-01,5,A\n", "there is no column 'Last'", {"given": {"close": "Last"}}),
        ("date,close,ticker\n2026-01-01,5,A\n", "leave out --ticker", {"ticker": "A"}),
    ):
        with pytest.raises(BadFile, match=said):
            read(tmp_path / "p.csv", text, **options)  # type: ignore[arg-type]


def test_prices_of_other_countries_are_read(tmp_path: Path):
    rows = "Datum;K\u00fcrzel;Schlusskurs\n30.01.2026;ACM;1.234,50\n31.01.2026;ACM;1.235\n"
    assert read(tmp_path / "p.csv", rows) == [
        ("ACME.DE", date(2026, 1, 30), 1234.5),
        ("ACME.DE", date(2026, 1, 31), 1235.0),
    ]
    with pytest.raises(BadFile, match=r"column 'close': row 2 has '1,5', and row 3 .*: write the decimals alike"):
        read(tmp_path / "q.csv", "date;ticker;close\n2026-01-30;ACM;1,5\n2026-01-31;ACM;1.5\n")


def test_a_vendors_export_is_read_below_its_preamble(tmp_path: Path):
    """Days as a spreadsheet counts them, and a total below."""
    found = read(
        tmp_path / "p.csv",
        'Price history\nSecurity,ACM GY Equity\nRequested,"Jan 31, 2026, 10:00"\n\n'
        "Date,Ticker,PX_LAST,PX_VOLUME\n46052,ACME GY Equity,12.5,100\n46053,ACM,13,200\nTotal,,,300\n",
    )
    assert found[:2] == [("ACME.DE", date(2026, 1, 30), 12.5), ("ACME.DE", date(2026, 1, 31), 13.0)]
    assert found[2][:3] == (8, "", "it is the total of the rows above: leave it out") and len(found) == 3


DAYS = date(2026, 1, 29), date(2026, 1, 30)
BOTH = [("ACME.DE", DAYS[0], 5.0), ("^GSPC", DAYS[0], 6900.5), ("ACME.DE", DAYS[1], 6.25), ("^GSPC", DAYS[1], 6901.0)]


@pytest.mark.parametrize(
    "text",
    [
        "Date,ACM,^GSPC\n2026-01-29,5,6900.5\n2026-01-30,6.25,6901\n",
        ",ACM,^GSPC\n2026-01-29,5,6900.5\n2026-01-30,6.25,6901\n",  # the index of a data frame
        "Datum;ACM;^GSPC\n29.01.2026;5,0;6.900,5\n30.01.2026;6,25;6.901,0\n",
        "Date,ACM Close,ACM Volume,^GSPC Close,^GSPC Volume\n2026-01-29,5,1,6900.5,2\n2026-01-30,6.25,1,6901,2\n",
        "Date,Close_ACM,Close_^GSPC,Open_ACM,Open_^GSPC\n2026-01-29,5,6900.5,1,2\n2026-01-30,6.25,6901,1,2\n",
        "Date,\"('Close', 'ACM')\",\"('Close', '^GSPC')\"\n2026-01-29,5,6900.5\n2026-01-30,6.25,6901\n",
        "Price,Close,Close,Volume,Volume\nTicker,ACM,^GSPC,ACM,^GSPC\nDate,,,,\n"
        "2026-01-29,5,6900.5,1,2\n2026-01-30,6.25,6901,1,2\n",
        "Ticker,ACM,ACM,^GSPC,^GSPC\nPrice,Open,Close,Open,Close\nDate,,,,\n"
        "2026-01-29,1,5,2,6900.5\n2026-01-30,1,6.25,2,6901\n",
        ",Close,,Adj Close,\n,ACM,^GSPC,ACM,^GSPC\nDate,,,,\n2026-01-29,1,2,5,6900.5\n2026-01-30,1,2,6.25,6901\n",
    ],
)
def test_a_column_for_each_ticker(tmp_path: Path, text: str):
    assert read(tmp_path / "p.csv", text) == BOTH
    prices = Prices(read_table(tmp_path / "p.csv"), LIST)
    assert str(prices.table).endswith(", one column a ticker")
    assert prices.columns.of["ticker"] == "the names of 2 columns"


@pytest.mark.parametrize(
    "text",
    [
        "Ticker,2026-01-29,2026-01-30\nACM,5,6.25\n^GSPC,6900.5,6901\n",
        "Company;Sector;29.01.2026;30.01.2026\nAcme AG;Tools;5,0;6,25\n^GSPC;;6.900,5;6.901,0\n",
        ",1/29/2026,1/30/2026\nACM,5,6.25\n^GSPC,6900.5,6901\n",
    ],
)
def test_a_column_for_each_day(tmp_path: Path, text: str):
    assert sorted(read(tmp_path / "p.csv", text), key=lambda one: one[1:2] + one[:1]) == BOTH
    assert str(Prices(read_table(tmp_path / "p.csv"), LIST).table).endswith(", one column a day")


def test_a_sheet_with_real_dates_in_its_header_is_read(tmp_path: Path):
    from openpyxl import Workbook

    book = Workbook()
    for row in (["Ticker", datetime(2026, 1, 29), datetime(2026, 1, 30)], ["ACM", 5, 6.25], ["^GSPC", 6900.5, 6901]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(tmp_path / "p.xlsx")
    found = [one[1:4] for one in Prices(read_table(tmp_path / "p.xlsx"), LIST) if isinstance(one, Close)]
    assert sorted(found, key=lambda one: one[1:2] + one[:1]) == BOTH  # type: ignore[arg-type,return-value]


def test_a_cell_without_a_close_is_left_out_and_a_wrong_one_named(tmp_path: Path):
    found = read(tmp_path / "p.csv", "Date,ACM,^GSPC\n2026-01-29,,NaN\n2026-01-30,x,5\nTotal,1,2\n")
    assert found[0][:2] == (3, "close of ACM") and "'x' is no price above 0" in str(found[0][2])
    assert found[1] == ("^GSPC", DAYS[1], 5.0) and [one[:2] for one in found[2:]] == [
        (4, "date of ACM"),
        (4, "date of ^GSPC"),
    ]
    (wide,) = read(tmp_path / "q.csv", "Date,ACM,^GSPC\n2026-01-29,5,6,7\n")
    assert wide[:2] == (2, "") and "4 cells, and the header has 3" in str(wide[2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Date,ACM,Weekday\n2026-01-29,5,Thu\n", r"a column for each ticker \('ACM'\), but 'Weekday' are no tickers"),
        ("date,open,high,low\n2026-01-29,5,6,4\n", "no column is known to be the close"),
        ("DATE,DGS10\n2026-01-29,4.1\n", "no column is known to be the close .* --map close=COLUMN"),
        ("Ticker,01/02/2026,02/02/2026\nACM,5,6\n", r"'01/02/2026' may be two days: say --day-first or --month-first"),
        ("Date,ACM Open,ACM High\n2026-01-29,5,6\n", "a column for each ticker, and none of a close"),
    ],
)
def test_a_table_that_may_be_anything_is_refused(tmp_path: Path, text: str, said: str):
    with pytest.raises(BadFile, match=said):
        read(tmp_path / "p.csv", text)


@pytest.mark.parametrize(
    ("name", "ticker"),
    [("ACM.csv", "ACM"), ("acm_us_d.csv", "ACM"), ("ACM (1).csv.gz", "ACM"), ("ACME.DE.csv", "ACME.DE")],
)
def test_the_ticker_may_be_the_files_name(tmp_path: Path, name: str, ticker: str):
    import gzip

    text = "Date,Open,High,Low,Close,Volume\n2026-01-29,1,9,1,5,100\n"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    prices = Prices(read_table(tmp_path / name), LIST)
    assert prices.of_file == ticker
    assert [one[1:4] for one in prices if isinstance(one, Close)] == [("ACME.DE", DAYS[0], 5.0)]
    (tmp_path / "acm.csv").write_text(text)  # a word as well as a ticker
    with pytest.raises(BadFile, match=r"the file's name is none; .* with --ticker"):
        Prices(read_table(tmp_path / "acm.csv"), LIST)


@pytest.mark.parametrize(
    "header",
    ["Close (USD)", "Close USD", "Share Price", "Stock Price", "Open (USD),Close (USD)", "Previous Close,Close"],
)
def test_a_file_of_one_share_has_no_ticker_in_its_columns(tmp_path: Path, header: str):
    text = f"Date,{header}\n2026-01-29,{'1,' * header.count(',')}5\n"
    assert read(tmp_path / "ACM.csv", text) == [("ACME.DE", DAYS[0], 5.0)]
    assert read(tmp_path / "p.csv", text, ticker="ACM") == [("ACME.DE", DAYS[0], 5.0)]


@pytest.mark.parametrize(
    "header",
    ["Previous Close", "Portfolio Value", "Open Price,High Price,Low Price", "Bid Price,Ask Price", "USD,JPY"],
)
def test_words_and_currencies_are_no_tickers(tmp_path: Path, header: str):
    with pytest.raises(BadFile, match="no column is known to be the close"):
        read(tmp_path / "ACM.csv", f"Date,{header}\n2026-01-29{',5' * (header.count(',') + 1)}\n")


def test_a_word_may_be_a_ticker_beside_others(tmp_path: Path):
    listed = Watchlist([*LIST.entities, Entity("LOW", "Lowe's", "shops", "Retail")])
    for header in ("ACM,^GSPC,LOW", "ACM Close,^GSPC Close,LOW Close", "Close (ACM),Close (^GSPC),Close (LOW)"):
        (tmp_path / "p.csv").write_text(f"Date,{header}\n2026-01-29,5,6900.5,7\n")
        found = [one[1:4] for one in Prices(read_table(tmp_path / "p.csv"), listed) if isinstance(one, Close)]
        assert found == [*BOTH[:2], ("LOW", DAYS[0], 7.0)]


def test_a_first_row_without_a_date_is_no_row_of_tickers(tmp_path: Path):
    text = "Date,Open,High,Low,Close,Volume\n,10.5,12,9,11,5\n2026-01-29,1,9,1,5,100\n"
    fault, one = read(tmp_path / "ACM.csv", text)
    assert fault[:2] == (2, "date") and one == ("ACME.DE", DAYS[0], 5.0)


def test_wide_json_loses_no_row_and_no_ticker(tmp_path: Path):
    rows = ['{"Date":"2026-01-29","ACM":5,"^GSPC":6900.5}', "{broken", '{"Date":"2026-01-30","ACM":6,"NVDA":7}']
    (tmp_path / "p.jsonl").write_text("\n".join([*rows[:1] * 200, *rows[1:]]))
    found = list(Prices(read_table(tmp_path / "p.jsonl"), LIST))
    assert [one[1:4] for one in found[:2]] == BOTH[:2]
    broken, late = found[2:]
    assert isinstance(broken, RowFault) and broken.number == 201 and "no JSON" in broken.sentence
    assert isinstance(late, RowFault) and late.number == 202 and "a field 'NVDA' that the first rows" in late.sentence
    (tmp_path / "p.jsonl").write_text("\n".join(rows[:2]))
    assert len(list(Prices(read_table(tmp_path / "p.jsonl"), LIST))) == 3


def test_rows_of_other_figures_and_of_totals_are_no_closes(tmp_path: Path):
    one, volume, total = read(
        tmp_path / "p.csv",
        "ticker,field,name,2026-01-29\nACM,CLOSE,Acme,5\nACM,VOLUME,Acme,1000\nTotal,,,1005\n".replace(
            "2026-01-29", "2026-01-29,2026-01-30"
        ),
    )
    assert one == ("ACME.DE", DAYS[0], 5.0)
    assert volume[0] == 3 and "'VOLUME' is no close: leave the row out" in str(volume)
    assert total[0] == 4 and "the total of the rows above" in str(total)
