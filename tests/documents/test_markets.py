"""The entities that are no companies, in the list that ships and in people's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from documents import ENTITY_TYPES, BadWatchlist, Entity, Linker, Watchlist, load_watchlist, shipped_watchlist


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(Watchlist([*shipped_watchlist().entities, *shipped_watchlist("markets").entities]))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dollar slips against euro", ["currency:USD", "currency:EUR"]),
        ("EUR/USD holds near highs, $EURUSD", ["currency:EURUSD"]),
        ("A deal worth 500 million euros, or EUR 480m, or 9 billion yen", []),
        ("A pound of butter, a million dollar deal, one real estate deal that won", []),
        ("The pound falls as BoE holds rates", ["currency:GBP", "central_bank:BOE"]),
        ("Dollar General and Ingersoll Rand rise", ["DG"]),
        ("Gold prices rise as the dollar weakens", ["commodity:GOLD", "currency:USD"]),
        ("Gold Kist, Goldman and a gold medal; a silver lining", ["GS"]),
        ("Oil falls 3%; the oil painting, palm oil", ["commodity:OIL", "commodity:PALM_OIL"]),
        ("Barrick Gold falls", ["GOLD"]),
        ("Corn futures climb, and popcorn and corn syrup do not", ["commodity:CORN"]),
        ("Dow, Nasdaq and S&P 500 close lower", ["index:DJI", "index:IXIC", "index:SPX"]),
        ("Dow Chemical and Nasdaq-listed firms", []),
        ("S&P Global raises its guidance", ["SPGI"]),
        ("US-China trade talks", ["country:US", "country:CN"]),
        ("They told us; US$5 million", []),
        ("Turkey and Turkish voters, and a turkey sandwich", ["country:TR"]),
        ("China Mobile and American Airlines; China Minsheng Investment", ["0941.HK", "AAL"]),
        ("Fed holds; FedEx delivers, fed up", ["FDX", "central_bank:FED"]),
        ("Bank of England, Bank of China", ["3988.HK", "central_bank:BOE"]),
        ("Powell speaks, Colin Powell does not", ["person:JEROME_POWELL"]),
        ("Fed Chair Jerome H. Powell said", ["central_bank:FED", "person:JEROME_POWELL"]),
        ("Warren E. Buffett buys", ["person:WARREN_BUFFETT"]),
        ("Janet L. Yellen speaks", ["person:JANET_YELLEN"]),
        ("GM's Mary T. Barra", ["GM", "person:MARY_BARRA"]),
        ("Tesla CEO Elon Musk", ["TSLA", "person:ELON_MUSK"]),
        ("\u7f8e\u8054\u50a8\u52a0\u606f\uff0c\u7f8e\u5143\u8d70\u5f3a\uff0c\u9ec4\u91d1\u4e0b\u8dcc",
         ["central_bank:FED", "currency:USD", "commodity:GOLD"]),
        ("\u6295\u8d445\u4ebf\u7f8e\u5143", []),
        ("\u4e2d\u56fd\u94f6\u884c\u4e0e\u4e2d\u56fd\u79fb\u52a8", ["3988.HK", "0941.HK"]),
        ("\u0411\u0430\u043d\u043a \u0420\u043e\u0441\u0441\u0438\u0438 \u0438 \u0415\u0426\u0411",
         ["central_bank:CBR", "central_bank:ECB"]),
    ],
)  # fmt: skip
def test_what_is_meant(linker: Linker, text: str, found: list[str]):
    assert [match.ticker for match in linker.find(text)] == found


def test_companies_come_first_and_are_found_as_without_the_others(linker: Linker):
    countries = "US, China, Japan, Germany, France, Italy, Spain, Brazil, India, Russia: "
    text = countries + "Boeing, Airbus, Siemens and Toyota"
    alone, both = Linker(shipped_watchlist()).find(text), linker.find(text)
    assert both[: len(alone)] == alone and len(alone) == 4 and len(both) == 8
    assert {match.entity_type for match in both[4:]} == {"country"}


def test_a_name_may_be_a_companys_and_something_elses():
    dow = Entity("DOW", "Dow", "materials", "Materials", ordinary=["Dow"])
    index = Entity("index:DJI", "Dow Jones", "macro", aliases=["Dow"], entity_type="index")
    linker = Linker(Watchlist([dow, index]))
    assert [one.ticker for one in linker.find("Dow CEO leaves")] == ["DOW"]
    assert [one.ticker for one in linker.find("Dow falls 300 points")] == ["index:DJI"]
    assert Watchlist([index, dow]).by_name["dow"] == "DOW"


def test_the_shipped_list_has_all_types_and_its_leaders_are_known():
    both = Watchlist([*shipped_watchlist().entities, *shipped_watchlist("markets").entities])
    counts = Counter(one.entity_type for one in both.entities)
    assert set(counts) == set(ENTITY_TYPES)
    assert min(counts[one] for one in ("currency", "index", "person", "country")) >= 30
    assert counts["central_bank"] >= 20 and counts["commodity"] >= 25
    assert all(one.ticker.startswith(f"{one.entity_type}:") for one in both.entities if not one.is_company)
    assert {one.leads for one in both.entities} - {""} <= both.by_ticker.keys()


def test_the_setting_takes_several_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mine = tmp_path / "mine.yaml"
    mine.write_text("- {ticker: ACME, name: Acme, desk: d, sector: s}\n")
    monkeypatch.delenv("FINSENT_WATCHLIST", raising=False)
    assert {one.entity_type for one in load_watchlist().entities} == {"company"}
    monkeypatch.setenv("FINSENT_WATCHLIST", f"{mine}, markets")
    found = load_watchlist()
    assert [one.ticker for one in found.companies] == ["ACME"] and found.other_types["currency:EUR"] == "currency"
    monkeypatch.setenv("FINSENT_WATCHLIST", f"{mine},{mine}")
    with pytest.raises(BadWatchlist, match=r"mine.yaml together \(FINSENT_WATCHLIST\): ticker 'ACME' stands twice"):
        load_watchlist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {ticker: A, name: X, desk: d, entity_type: planet}", "Invalid enum value 'planet'"),
        (
            "- {ticker: A, name: X, desk: d, sector: s, leads: B}",
            "only a person leads a company, and this is a company",
        ),
        (
            "- {ticker: A, name: X, desk: d, entity_type: country}\n"
            "- {ticker: B, name: Y, desk: d, entity_type: person, leads: A}",
            "B leads A, a country: it must be a company or central bank",
        ),
        (
            "- {ticker: A, name: X, desk: d, entity_type: country}\n"
            "- {ticker: B, name: x, desk: d, entity_type: currency}",
            "is A's already",
        ),
    ],
)
def test_a_wrong_entry_is_explained(tmp_path: Path, text: str, message: str):
    path = tmp_path / "list.yaml"
    path.write_text(text)
    with pytest.raises(BadWatchlist, match=message):
        load_watchlist(path)
