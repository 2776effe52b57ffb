"""Watch lists made from other people's lists."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from documents import Entity, FormerName, Linker, Watchlist, load_watchlist, shipped_watchlist
from documents.files import BadFile, read_table
from documents.universe import DeskRules, Listings, Merged, listing_columns, merged, written
from documents.universe.legal_forms import spoken_name

SEC = {
    "0": {"cik_str": 11, "ticker": "ALDR", "title": "ALDER FOODS INC"},
    "1": {"cik_str": 11, "ticker": "ALDR-PA", "title": "ALDER FOODS INC"},
    "2": {"cik_str": 12, "ticker": "RSLT", "title": "RESULTS CORP /DE/"},
    "3": {"cik_str": 13, "ticker": "ZYBR", "title": "ZYBRAND THERAPEUTICS, INC."},
    "4": {"cik_str": 14, "ticker": "AAPL", "title": "Apple Inc."},
    "5": {"cik_str": 15, "ticker": "TQQX", "title": "Example QQQ Trust"},
}


def listings(path: Path, data: str, **given: str) -> Listings:
    path.write_text(data)
    table = read_table(path)
    return Listings(table, listing_columns(table, given))


def made(path: Path, data: str, *own: Entity) -> dict[str, Entity]:
    return {one.ticker: one for one in merged(listings(path, data), own).companies}


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("AMPHENOL CORP /DE/", "Amphenol"),
        ("Apple Inc. - Common Stock", "Apple"),
        ("Alder Foods, Inc. Class A Ordinary Shares", "Alder Foods"),
        ("Eli Lilly & Co", "Eli Lilly"),
        ("AT&T INC.", "AT&T"),
        ("ABM INDUSTRIES INC /DE/", "ABM Industries"),
        ("AMETEK INC/", "Ametek"),
        ("MP Materials Corp. / DE", "MP Materials"),
        ("ALDER AG (fka OAK GROUP", "Alder"),
        ("U.S. GOLD CORP", "U.S. Gold"),
        ("OVERSTOCK.COM, INC", "Overstock.com"),
        ("E.L.F. BEAUTY, INC.", "E.L.F. Beauty"),
        ("O REILLY AUTOMOTIVE INC", "O'Reilly Automotive"),
        ("GAP INC", "Gap"),
        ("Tethys Oil AB (publ)", "Tethys Oil"),
        ("Deutsche Lufthansa AG", "Deutsche Lufthansa"),
        ("NOVO NORDISK A/S", "Novo Nordisk"),
        ("The Mosaic Company", "Mosaic"),
        ("Inc", "Inc"),
    ],
)
def test_a_name_without_its_legal_form(name: str, spoken: str):
    assert spoken_name(name) == spoken


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(SEC),
        json.dumps(
            {
                "fields": ["cik", "name", "ticker", "exchange"],
                "data": [[one["cik_str"], one["title"], one["ticker"], "NYSE"] for one in SEC.values()],
            }
        ),
        "Symbol;Company Name;CIK\n" + "\n".join(f"{o['ticker']};{o['title']};{o['cik_str']}" for o in SEC.values()),
    ],
)
def test_the_rows_of_one_company_become_one_entry(tmp_path: Path, data: str):
    companies = made(tmp_path / "list", data)
    assert list(companies) == ["ALDR", "RSLT", "ZYBR", "AAPL"]
    assert companies["ALDR"].symbols == ["ALDR-PA"] and companies["ALDR"].cik == "0000000011"
    assert companies["ZYBR"].aliases == ["Zybrand"]


def test_ordinary_words_need_a_word_of_business(tmp_path: Path):
    linker = Linker(Watchlist(made(tmp_path / "list", json.dumps(SEC)).values()))

    def found(text: str) -> list[str]:
        return [one.ticker for one in linker.find(text)]

    assert found("Alder Foods and Zybrand report") == ["ALDR", "ZYBR"]
    assert found("Results of the year; Mixed Results for Retailers; results shares") == []
    assert found("Results shares fall") == ["RSLT"] and found("Why Results Corporation fell") == ["RSLT"]
    assert found("Jones Results shares fall") == []
    assert found("zybrand, Zybrand-Meyer and Otto Zybrand") == []
    assert found("Mixed Results (RSLT) for the quarter") == ["RSLT"]
    assert found("Others (RSLT) and a unit (ZYBR)") == []
    assert found("Movers: ALDR,RSLT,ZYBR") == ["ALDR", "RSLT", "ZYBR"] and found("Movers: US, UK, ALDR") == []


LONGER = """Ticker,Name
PRSB,Parsby Box Group plc
AITX,Artificial Intelligence Technology Solutions Inc
MAIN,Main Street Capital Corp
FITB,Fifth Third Bancorp
VRTA,Vertaxo Inc
MARC,Marcus Corp
WSMA,WILLABY SONOMA INC
SONO,Sonoma Medical Investments Inc
NASA,New Asia Holdings Inc
OAKL,Oakleyan Pharmaceuticals Inc
ODD.L,Odd Farms plc
IBRD,IBRANDO TECHNOLOGIES INC
BRND,E.B.R. BEAUTY INC
CBOE,CBOE GLOBAL MARKETS INC
FOMC,FOMO WORLDWIDE INC
COCA,Zoda-Cola Inc
CCEP,Zoda-Cola Europan Partners plc
NEXA,Nexo-Tech plc
NEXB,Nexo Tech Inc
NEXC,Zyb-Box plc
SIX,Six Flags Entertainment Corp
FAF,First American Financial Corp
SLF,Sun Life Financial Inc
EWBC,"East West Bancorp, Inc."
USFD,US Foods Holding Corp.
"""


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("Parsby rises; Parsby Box falls", ["PRSB"]),
        ("Parsby Financial Results are due", ["PRSB"]),
        ("Artificial Intelligence on Main Street: what the Fed does", []),
        ("Main Street Capital and Fifth Third report", ["MAIN", "FITB"]),
        ("Vertaxo (VRTX) falls", ["VRTX"]),
        ("Vertaxo wins approval; why Vertaxo Inc fell", ["VRTA"]),
        ("Neiman Marcus and marcus", []),
        ("Marcus opens theatres; the Marcus-Odd rule", ["MARC"]),
        ("Sonoma rises", ["SONO"]),
        ("Sonoma-German deal on jets", []),
        ("ParsBy-Cintas Deal", ["PRSB"]),
        ("Willaby-Sonoma and Willaby‐Sonoma sell pans", ["WSMA"]),
        ("A fifth-third share", []),
        ("iBrando Technologies and e.b.r. Beauty rise", ["IBRD", "BRND"]),
        ("East-West Tension and US-Foods trade talks", []),
        ("East West and US Foods gain", ["EWBC", "USFD"]),
        ("Zoda Cola (CCEP) rises", ["CCEP"]),
        ("Zoda-Cola (CCEP) rises", ["CCEP"]),
        ("ZybBox (NEXC) rises", ["NEXC"]),
        ("Nexo Tech rises", ["NEXB"]),
        ("Nexo-Tech rises", ["NEXA"]),
        ("Six Flags shares, First American CEO and shares of Sun Life", ["SIX", "FAF", "SLF"]),
        ("Six flags and the first Sun Life of a First American", []),
        ("Oakleyan Pharma gains", ["OAKL"]),
        ("See www.vertaxo.com and https://parsby.com", []),
        ("OAKL: Target price raised", ["OAKL"]),
        ("FOMC: no cut", []),
        ("CBOE: volume up", []),
        ("Movers: OAKL, MARC, FITB, ODD", ["OAKL", "MARC", "FITB", "ODD.L"]),
    ],
)
def test_names_that_are_a_part_of_others(tmp_path: Path, text: str, tickers: list[str]):
    own = Entity(ticker="VRTX", name="Vertaxo Pharmaceuticals", desk="d", sector="s")
    linker = Linker(Watchlist(made(tmp_path / "list.csv", LONGER, own).values()))
    assert [one.ticker for one in linker.find(text)] == tickers


def test_the_first_word_of_a_shipped_company_may_be_another_one(tmp_path: Path):
    rows = 'Ticker,Name,CIK\nVERX,"Vertex, Inc.",1806837\nVRTX,VERTEX PHARMACEUTICALS INC,875320\n'
    found = made(tmp_path / "list.csv", rows, *shipped_watchlist().entities)
    assert (found["VERX"].cik, found["VRTX"].cik, found["VRTX"].symbols) == ("0001806837", "0000875320", [])
    linker = Linker(Watchlist(found.values()))
    for text in ("The vertex of a parabola", "Vertex Ventures and Lucid Software raise money", "Vertex Energy (VTNR)"):
        assert linker.find(text) == []
    assert [one.ticker for one in linker.find("Vertex (NASDAQ: VERX) falls")] == ["VERX"]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_shortened_name_is_not_taken_from_a_company_that_is_called_so(tmp_path: Path, turn: int):
    rows = ["AAA,Zyber Technologies Inc", "BBB,Zyber Tech Corp"][::turn]
    linker = Linker(Watchlist(made(tmp_path / "list.csv", "\n".join(["Ticker,Name", *rows])).values()))
    assert [one.ticker for one in linker.find("Zyber Tech gains")] == ["BBB"]


def test_people_s_entries_keep_their_names_and_gain_identifiers(tmp_path: Path):
    own = Entity(ticker="AAPL", name="Apple", desk="mine", sector="Fruit", aliases=["iPhone maker"])
    apple = made(tmp_path / "list", json.dumps(SEC), own)["AAPL"]
    assert (apple.name, apple.desk, apple.aliases, apple.cik) == ("Apple", "mine", ["iPhone maker"], "0000000014")
    other = Entity(ticker="ZYBR", name="Sprint", desk="mine", sector="Telecom")
    result = merged(listings(tmp_path / "list", json.dumps(SEC)), [other])
    assert [one.name for one in result.companies if one.ticker == "ZYBR"] == ["Sprint"]
    assert result.left_out == {"a ticker that another company has already": 1}


def test_identifiers_former_names_and_desks(tmp_path: Path):
    rows = (
        "Ticker,Issuer,ISIN,LEI,MIC,GICS Sector,Country,Former Names\n"
        "ALD,Alder plc,GB00ABCDEF12,5493001KJTIIGC8Y1R12,XLON,Health Care,UK,"
        "Oak Mills plc (until 2019-05-01); Birchwork\n"
        "ALD,Alder plc,GB00ABCDEF12,,XETR,,,\n"
    )
    lists = listings(tmp_path / "list.csv", rows)
    result: Merged = merged(lists, (), DeskRules({"health care": "pharma"}))
    (alder,) = result.companies
    assert (alder.ticker, alder.symbols, alder.desk, alder.country) == ("ALD.L", ["ALD.DE"], "pharma", "UK")
    assert alder.former == [FormerName(name="Oak Mills", until="2019-05-01"), FormerName(name="Birchwork")]
    (tmp_path / "w.json").write_bytes(written(result.companies))
    linker = Linker(load_watchlist(tmp_path / "w.json"))
    assert [one.ticker for one in linker.find("Birchwork rises")] == ["ALD.L"]
    assert [one.ticker for one in linker.find("It rises", ["GB00ABCDEF12"])] == ["ALD.L"]
    assert DeskRules().desk("Health Care") == "healthcare" and DeskRules({"*": "rest"}).desk("Energy") == "rest"


def test_a_row_of_financedatabase_keeps_the_figi_of_its_country(tmp_path: Path):
    names = "symbol,name,currency,sector,exchange,market,country,isin,cusip,figi,composite_figi,shareclass_figi"
    figis = "BBG000000001,BBG000000002,BBG000000003"
    row = f"ALDR,Alder Foods Inc.,USD,Consumer Staples,NMS,NASDAQ,United States,US0000000001,000000000,{figis}"
    companies = made(tmp_path / "equities.csv", f"{names}\n{row}\n")
    assert companies["ALDR"].figi == "BBG000000002"  # those of a venue or of all countries stand for others, too
    linker = Linker(Watchlist(companies.values()))
    assert [one.ticker for one in linker.find("It rises", ["BBG000000002"])] == ["ALDR"]


def test_a_list_without_tickers_says_what_it_lacks(tmp_path: Path):
    with pytest.raises(BadFile, match=r"known to be the ticker of companies.*--map ticker=COLUMN"):
        listings(tmp_path / "list.csv", "Issuer,Colour\nAlder,red\n")
    assert [one.ticker for one in listings(tmp_path / "list.csv", "Issuer,Colour\nAlder,red\n", ticker="Colour")] == [
        "RED"
    ]


def test_finding_does_not_slow_down_with_the_list():
    def companies(count: int) -> Watchlist:
        names = (f"Zyb{number:x}rand Works" for number in range(count))
        return Watchlist(Entity(ticker=f"Z{n}", name=name, desk="d", sector="s") for n, name in enumerate(names))

    def seconds(linker: Linker) -> float:
        text = "Zyb1rand Works and others say that nothing of note happened at the works today. " * 20
        best = []
        for _ in range(5):
            begun = time.process_time()
            for _ in range(20):
                assert linker.find(text)
            best.append(time.process_time() - begun)
        return min(best)

    assert seconds(Linker(companies(20_000))) < 5 * seconds(Linker(companies(50)))


def test_rows_of_other_types_become_entries_of_their_own(tmp_path: Path):
    data = (
        "ticker,name,entity_type,leads,aliases\n"
        "ALDR,Alder Foods Inc,company,,\n"
        "ISK,Icelandic crown,Currency,,ISK; crown of Iceland\n"
        "person:JANE_ROE,Jane Roe,person,ALDR,\n"
        "CB,Bank of Elsewhere,central bank,,\n"
        "X,Something,planet,,\n"
    )
    rows = listings(tmp_path / "list.csv", data)
    found = merged(rows, [], DeskRules({"currency": "macro"}))
    assert [one.ticker for one in found.companies] == ["ALDR"]
    assert list(rows.left_out) == [
        "an entity_type that is none of company, currency, commodity, index, country, central_bank, person"
    ]
    told = [(one.ticker, one.entity_type, one.leads, one.desk) for one in found.others]
    assert told == [
        ("currency:ISK", "currency", "", "macro"),
        ("person:JANE_ROE", "person", "ALDR", "other"),
        ("central_bank:CB", "central_bank", "", "other"),
    ]
    path = tmp_path / "watchlist.json"
    path.write_bytes(written([*found.companies, *found.others]))
    linker = Linker(load_watchlist(path))
    text = "Jane Roe of Alder Foods told the Bank of Elsewhere that the Icelandic crown falls"
    assert {one.ticker for one in linker.find(text)} >= {"person:JANE_ROE", "ALDR", "currency:ISK"}


def test_holdings_of_a_fund_become_companies_and_its_cash_does_not(tmp_path: Path):
    """As providers of funds publish them: below lines about the fund, with cash and futures among the shares."""
    rows = listings(
        tmp_path / "holdings.csv",
        'Example Core ETF\nFund Holdings as of,"Jan 31, 2024"\n \n'
        "Ticker,Name,Asset Class,Market Value,ISIN\n"
        'AAPL,APPLE INC,Equity,"30,123,456.78",US0378331005\n'
        'USD,USD CASH,Cash,100.00,-\nESH4,S&P500 EMINI MAR 24,Futures,"1,000.00",-\n',
    )
    assert [(one.ticker, one.isin) for one in rows] == [("AAPL", "US0378331005")]
    assert rows.left_out == {"a fund, a warrant or another security that is no share": 2}
