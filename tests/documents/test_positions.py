"""Files of positions: what is recognised, and what is said of a row that cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from documents import Entity, Watchlist
from documents.files import BadFile, Holding, HoldingsReader, read_table

LIST = Watchlist([
    Entity("ACME.DE", "Acme", "industry", "Tools", aliases=["Acme AG"]),
    Entity("600519", "Moutai", "asia", "Drinks"),
])  # fmt: skip
MONDAY = datetime(2026, 1, 26, tzinfo=UTC)


def read(text: str, reader: HoldingsReader | None = None) -> list[Holding]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_text(text, encoding="utf-8")
        return (reader or HoldingsReader(LIST, "EUR", {"usd": 0.5}, MONDAY)).read(read_table(path))


def test_companies_amounts_and_times_are_recognised():
    found = read(
        "Desk;Symbol;Market Value;Shares;CCY;As-of\n"
        "tech;acme;1,000.50;10;EUR;\n"
        "tech;Acme AG;(500);;EUR;\n"
        "\n"
        "tech;600519;-2e3;;usd;2026-01-27T12:00:00+02:00\n"
    )
    assert [(one.desk, one.ticker, one.exposure, one.quantity, one.at, one.rows) for one in found] == [
        ("tech", "ACME.DE", 500.5, 10.0, MONDAY, [2, 3]),
        ("tech", "600519", -1000.0, None, MONDAY + timedelta(hours=34), [5]),
    ]
    assert {one.currency for one in found} == {"EUR"} and found[0].given == "acme"
    (by_price,) = read("book,name,qty,price\nb,Moutai,-3,2.5\n")
    assert (by_price.exposure, by_price.quantity, by_price.currency) == (-7.5, -3.0, "EUR")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("desk,entity\nt,Acme\n", r"needs a column value \(or quantity and price\); it has desk, entity"),
        ("", "is empty"),
        ("a,b\n1,2\n", "needs a column desk and a column entity and a column value .*; it has a, b; .*--map desk="),
        ("desk,entity,value\nt,Acme,1\nt,Acmee,1\n", "row 3: 'Acmee' is no company of the watch list: add it there"),
        ("desk,entity,value\n,Acme,1\n", "row 2: the desk is missing"),
        ("desk,entity,value\nt,,1\n", "row 2: the entity .* is missing"),
        ("desk,entity,value\nt,Acme,\n", "row 2: it has no value: fill in value, or quantity and price"),
        ("desk,entity,value\nt,Acme,1.000.5\n", r"row 2: value '1\.000\.5' is no number: write it as 1234567.89"),
        ("desk,entity,value\nt,Acme,nan\n", "row 2: it has no value: fill in value, or quantity and price"),
        ("desk,entity,value\nt,Acme,1e999\n", "'1e999' is no number"),
        ("desk,entity,value,as_of\nt,Acme,1,31.x.2026\n", "as_of '31.x.2026' is no time: write 2024-01-31"),
        ("desk,entity,value,as_of\nt,Acme,1,3/4/2026\n", "may be two days: say --day-first or --month-first"),
        ("desk,entity,value\nt,Acme,\"1,234\"\n", "row 2: value '1,234' may be two numbers: say --decimal-point or"),
        ("desk;entity;value\nt;Acme;1.234\n", "row 2: value '1.234' may be two numbers"),
        ("desk,entity,value\nt,Acme,1.5\nt,Acme,\"1,5\"\n",
         "row 2 has '1.5', and row 3 '1,5': write the decimals alike"),
        ("desk,entity,value,as_of\nt,Acme,1,2999-01-01\n", "2999-01-01 is in the future"),
        ("desk,entity,value,currency\nt,Acme,1,GBP\n", "row 2: it is in GBP, not in EUR: --rate GBP=R"),
        ("desk,entity,value,currency\nt,Acme,1,euro\n", "'EURO' is no currency of three letters"),
        ("desk,entity,value\n", "it has no rows below its header"),
    ],
)  # fmt: skip
def test_a_faulty_file_says_row_reason_and_remedy(text: str, said: str):
    with pytest.raises(BadFile, match=said):
        read(text)


def test_without_a_currency_and_a_time_all_rows_must_say_them():
    plain = HoldingsReader(LIST)
    with pytest.raises(BadFile, match=r"row 2: it says not as of when .*give --as-of"):
        read("desk,entity,value,currency\nt,Acme,1,EUR\n", plain)
    dated = "desk,entity,value,currency,as_of\nt,Acme,1,{},2026-01-26\nt,Moutai,1,USD,2026-01-26\n"
    with pytest.raises(BadFile, match="row 2: it has no currency: fill in currency, or give --currency"):
        read(dated.format(""), plain)
    with pytest.raises(BadFile, match=r"row 2 is in EUR and row 3 in USD, .* --currency EUR, and --rate USD=R"):
        read(dated.format("EUR"), plain)
    assert len(read(dated.format("USD"), plain)) == 2
    many = "desk,entity,value\n" + "t,Nobody,1\n" * 12
    with pytest.raises(BadFile, match=r"row 11: .*; and 2 more rows; nothing is stored"):
        read(many)
    reader = HoldingsReader(LIST, "EUR", as_of=MONDAY, skip_unknown=True)
    assert len(read("desk,entity,value\nt,Nobody,1\nt,Acme,1\n", reader)) == 1 and reader.skipped == [
        (2, "'Nobody' is no company of the watch list")
    ]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("1.234,56", 1234.56),
        ("1 234,56", 1234.56),
        ("1\u202f234\u202f567,5", 1234567.5),
        ("1'234.56", 1234.56),
        ("12,34,567.8", 1234567.8),
        ("(1,234.5)", -1234.5),
        ("(1.234,5)", -1234.5),
        ("1.234.567", 1234567.0),
        ("\u20ac 12,5", 12.5),
        ("12,5-", -12.5),
        ("1.5E3", 1500.0),
        ("-\u20ac1,234.5", -1234.5),
        ("(\u20ac5)", -5.0),
        ("5 EUR", 5.0),
        ("EUR (1,200.5)", -1200.5),
        ("eur -5", -5.0),
        ("5-", -5.0),
        ("1'200.-", 1200.0),  # Swiss for a round amount
        ("3k", 3000.0),
        ("1.2M", 1.2e6),
        ("1,5 Mio", 1.5e6),
        ("1,5 Mio. EUR", 1.5e6),
        ("2 mrd \u20ac", 2e9),
        ("-1.05 bn EUR", -1.05e9),
        ("5 MEUR", 5e6),
        ("5\u4e07", 5e4),
    ],
)
def test_a_number_is_read_as_its_file_writes_numbers(value: str, meant: float):
    (one,) = read(f"desk;entity;value;currency\nt;Acme;{value};EUR\n")
    assert one.exposure == meant


@pytest.mark.parametrize(
    "value", ["-(5)", "5 k M", "5 EUR EUR", "5 bps", "5 bp", "5%", "5 t", "$5 EUR", "five", "EUR", "5 shs", "3 kM"]
)
def test_what_is_no_amount_is_refused(value: str) -> None:
    with pytest.raises(BadFile, match="is no number: write it as 1234567"):
        read(f"desk;entity;value;currency\nt;Acme;{value};EUR\n")


@pytest.mark.parametrize(
    ("text", "currency", "meant"),
    [
        ("desk;entity;value\nt;Acme;5 USD\n", "", (5.0, "USD")),
        ("desk;entity;value\nt;Acme;\u20ac1.2M\n", "", (1.2e6, "EUR")),
        ("desk;entity;value\nt;Acme;US$ 5\n", "", (5.0, "USD")),
        ("desk;entity;value\nt;Acme;$5\n", "CAD", (5.0, "CAD")),
        ("desk;entity;value;ccy\nt;Acme;$5;AUD\n", "", (5.0, "AUD")),
        *(
            (f"desk;entity;value;ccy\nt;Acme;{sign}1,200.5;{code}\n", "", (1200.5, code))
            for sign, codes in (("$", "JMD UYU DOP TTD BBD"), ("\u00a3", "EGP GIP GBP"))
            for code in codes.split()
        ),
        ("desk;entity;value\nt;Acme;\u00a35\n", "", (5.0, "GBP")),
        ("desk;entity;value\nt;Acme;$1,200.00 USD\n", "", (1200.0, "USD")),
        ("desk;entity;value\nt;Acme;$1.2M USD\n", "", (1.2e6, "USD")),
        ("desk;entity;value\nt;Acme;RMB 5\n", "", (5.0, "CNY")),
        ("desk;entity;value\nt;Acme;5 RMB\n", "", (5.0, "CNY")),
        ("desk;entity;value\nt;Acme;T\u20ac 12\n", "", (12e3, "EUR")),
        ("desk;entity;value\nt;Acme;12,5 t\u20ac\n", "", (12.5e3, "EUR")),
        *(
            (f"desk;entity;{column}\nt;Acme;2.5\n", "", (2.5e6, "USD"))
            for column in (
                "Value (USD in millions)",
                "Value (USD, millions)",
                "Value USD (millions)",
                "Value in USD millions",
            )
        ),
        ("desk;entity;Value (TEUR)\nt;Acme;2.5\n", "", (2500.0, "EUR")),
        ("desk;entity;Value (T\u20ac)\nt;Acme;2.5\n", "", (2500.0, "EUR")),
        ("desk;entity;Value (usd)\nt;Acme;2.5\n", "", (2.5, "USD")),
        ("desk;entity;value;ccy\nt;Acme;5;\u20ac\n", "", (5.0, "EUR")),
        ("desk;entity;value;ccy\nt;Acme;5;GBp\n", "", (5.0, "GBX")),  # pence are not pounds
        ("desk;entity;qty;price\nt;Acme;3;2.5 EUR\n", "", (7.5, "EUR")),
        ("desk;entity;Value (USD m)\nt;Acme;2.5\n", "", (2.5e6, "USD")),
        ("desk;entity;exposure_usd\nt;Acme;2.5\n", "", (2.5, "USD")),
        ("desk;entity;Market value in thousands\nt;Acme;2.5\n", "EUR", (2500.0, "EUR")),
    ],
)
def test_the_currency_of_an_amount_is_taken(text: str, currency: str, meant: tuple[float, str]) -> None:
    (one,) = read(text, HoldingsReader(LIST, currency, as_of=MONDAY))
    assert (one.exposure, one.currency) == meant


@pytest.mark.parametrize(
    ("text", "currency", "said"),
    [
        (
            "desk;entity;value;ccy\nt;Acme;5 USD;EUR\n",
            "",
            "row 2: its amount is in USD, and its currency is 'EUR': correct",
        ),
        ("desk;entity;value;ccy\nt;Acme;$5;EUR\n", "", "row 2: its amount is in USD or CAD or AUD or another, and its"),
        ("desk;entity;value\nt;Acme;$5\n", "", "row 2: its amount may be in USD or CAD.* or give --currency"),
        (
            "desk;entity;Market Value (USD);Market Value (EUR)\nt;Acme;5;4\n",
            "",
            "'Market Value .USD.' and 'Market Value .EUR.' may both be the value: name one with --map value=COLUMN",
        ),
        ("desk;entity;value\nt;Acme;$5\n", "EUR", "row 2: its amount may be in USD or CAD.*: fill in currency"),
        ("desk;entity;value\nt;Acme;5 USD\n", "EUR", "row 2: it is in USD, not in EUR: --rate USD=R"),
        ("desk;entity;value\nt;Acme;5 USD\nt;Moutai;5 EUR\n", "", "row 2 is in USD and row 3 in EUR, and amounts must"),
        ("desk;entity;value\nt;Acme;5 USD\nt;Acme;5 EUR\n", "", "row 3: it is in EUR, but row 2 of the same position"),
        ("desk;entity;value\nt;Acme;5 USD\nt;Moutai;5\n", "", "row 3: it has no currency: fill in currency, or give"),
        ("desk;entity;Value (USD)\nt;Acme;5 EUR\n", "", "row 2: value '5 EUR' is in another currency than its column"),
        (
            "desk;entity;Value (USD m)\nt;Acme;5k\n",
            "",
            "row 2: value '5k' has a multiplier, and the name of the column",
        ),
        (
            "desk;entity;qty;price\nt;Acme;5 USD;3\n",
            "EUR",
            "row 2: quantity '5 USD' is an amount of money: --map value=qty",
        ),
    ],
)
def test_currencies_are_never_mixed_silently(text: str, currency: str, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        read(text, HoldingsReader(LIST, currency, as_of=MONDAY))


def test_the_whole_column_or_the_others_tell_what_the_decimals_are():
    two = "desk;entity;value\nt;Acme;1.234\nt;Moutai;2,5\n"
    assert [one.exposure for one in read(two)] == [1234.0, 2.5]
    others = "desk;entity;quantity;price\nt;Acme;1.000;12,5\n"
    assert [(one.quantity, one.exposure) for one in read(others)] == [(1000.0, 12500.0)]
    open_ = "desk;entity;value\nt;Acme;1.234\n"
    for decimal, meant in ((",", 1234.0), (".", 1.234)):
        (one,) = read(open_, HoldingsReader(LIST, "EUR", as_of=MONDAY, decimal=decimal))  # type: ignore[arg-type]
        assert one.exposure == meant
    # What writes commas between cells writes points before decimals.
    assert read("desk,entity,value\nt,Acme,101.125\n")[0].exposure == 101.125
    # The point of an abbreviation is none before decimals.
    for value in ("1,500 Mio.", "1,234 Fr."):
        with pytest.raises(BadFile, match="may be two numbers"):
            read(f'desk,entity,value,ccy\nt,Acme,"{value}",CHF\n', HoldingsReader(LIST, "CHF", as_of=MONDAY))


@pytest.mark.parametrize(
    "header",
    [
        "Portfolio,Security,Market Value,Crncy,Position Date",
        "Account,RIC,MktVal,Ccy,As Of Date",
        "Fund,ISIN,MV,Curr,Date",
    ],
)
def test_the_columns_of_terminals_are_found(header: str):
    (one,) = read(f'{header}\ntech,ACME.DE,"(1,234.5)",EUR,2026-01-26\n', HoldingsReader(LIST))
    assert (one.desk, one.ticker, one.exposure, one.at) == ("tech", "ACME.DE", -1234.5, MONDAY)


def test_the_desk_of_a_whole_file_can_be_said():
    (one,) = read("entity,value\nAcme,5\n", HoldingsReader(LIST, "EUR", as_of=MONDAY, desk="tech"))
    assert one.desk == "tech"
    with pytest.raises(BadFile, match="or the desk of all rows with --desk"):
        read("entity,value\nAcme,5\n")
    with pytest.raises(BadFile, match="has a column of desks, 'desk': leave out --desk"):
        read("desk,entity,value\nt,Acme,5\n", HoldingsReader(LIST, "EUR", as_of=MONDAY, desk="tech"))


def test_columns_of_other_languages_a_preamble_and_a_total():
    reader = HoldingsReader(LIST, "EUR")
    (one,) = read(
        "Depotauszug;;;;\nStand;31.01.2026;;;\n\n"
        "Abteilung;Unternehmen;Stichtag;Marktwert;W\u00e4hrung\nTechnik;Acme;31.01.2026;1.234,50;EUR\n"
        "Summe;;;1.234,50;\n",
        reader,
    )
    assert (one.desk, one.ticker, one.exposure, one.rows) == ("Technik", "ACME.DE", 1234.5, [5])
    assert one.at == datetime(2026, 1, 31, tzinfo=UTC) and reader.skipped == [(6, "it is the total of the rows above")]


def test_a_company_called_total_is_no_row_of_totals():
    listed = HoldingsReader(Watchlist([*LIST.entities, Entity("TTE.PA", "Total", "energy", "Oil")]), "EUR", {}, MONDAY)
    found = read("company,desk,value,quantity\nAcme,tech,100,5\nTotal,energy,5000,\n", listed)
    assert [(one.ticker, one.exposure) for one in found] == [("ACME.DE", 100.0), ("TTE.PA", 5000.0)]


def test_a_decimal_of_parquet_is_the_number_that_it_is():
    from decimal import Decimal

    from documents.files.numbers import parse_number

    assert parse_number(Decimal("1.234"), ",") == 1.234


def test_a_column_of_long_and_short_is_no_quantity():
    (found,) = read("desk,ticker,position,value\ntech,Acme,Long,100\n")
    assert (found.exposure, found.quantity) == (100.0, None)


@pytest.mark.parametrize("nothing", ["NaN", "null", "N/A", "-"])
def test_a_cell_that_says_it_is_empty_is_empty(nothing: str):
    text = "desk,ticker,value,quantity,price,currency,as_of\ntech,Acme,{0},10,5,{0},{0}\n"
    (found,) = read(text.format(nothing))
    assert (found.exposure, found.currency, found.at) == (50.0, "EUR", MONDAY)


@pytest.mark.parametrize("word", ["All", "ALL", "Try", "Top", "Sos"])
def test_a_word_in_brackets_is_no_currency(word: str):
    with pytest.raises(BadFile, match="needs a column value"):
        read(f"desk,entity,Value ({word})\nt,Acme,5\n")
