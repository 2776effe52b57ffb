"""Symbols of securities in a text, other than cashtags: NYSE:BA, BA.N, 0700.HK and #TSLA."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_AMERICAN = ("NYSE", "NASDAQ", "NASDAQGS", "NASDAQGM", "NASDAQCM", "AMEX", "NYSEARCA", "NYSEAMERICAN", "BATS", "CBOE",
             "OTC", "OTCMKTS", "OTCQX", "OTCQB")  # fmt: skip
_SUFFIXES = {
    **dict.fromkeys(_AMERICAN, ""),
    "LON": ".L", "LSE": ".L", "ETR": ".DE", "XETRA": ".DE", "FRA": ".DE", "FWB": ".DE", "EPA": ".PA", "AMS": ".AS",
    "EBR": ".BR", "BIT": ".MI", "BME": ".MC", "SWX": ".SW", "SIX": ".SW", "VTX": ".SW", "STO": ".ST", "CPH": ".CO",
    "HEL": ".HE", "OSL": ".OL", "TYO": ".T", "TSE": ".T", "HKG": ".HK", "HKEX": ".HK", "SEHK": ".HK", "TSX": ".TO",
    "ASX": ".AX", "NSE": ".NS", "BSE": ".BO", "BOM": ".BO", "KRX": ".KS", "SSE": ".SS", "SHA": ".SS", "SZSE": ".SZ",
    "SHE": ".SZ", "TPE": ".TW", "TWSE": ".TW", "SGX": ".SI", "JSE": ".JO", "BVMF": ".SA", "BMV": ".MX",
}  # fmt: skip
"""What an exchange is called in front of a symbol, and the suffix that a ticker of the watch list has for it: BA is
Boeing in New York and another company in London."""

EXCHANGES = frozenset(_SUFFIXES)

_AT_EXCHANGE = re.compile(
    rf"(?<![\w$#@])({'|'.join(sorted(_SUFFIXES, key=len, reverse=True))})(?:[ -](?:Arca|American|GS))?\x20?:\x20?"
    r"([A-Z\d][A-Z\d]{0,9}(?:[.-][A-Z]{1,2})?)(?!\w)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w$#@./-])([A-Z\d]{1,9})\.(OQ|PK|[A-Z]{1,2})(?![\w-]|\.\w)")
"""As Reuters writes it. One letter before the point is taken in brackets only: elsewhere it is somebody's initial."""
_REUTERS_AMERICAN = frozenset({"N", "O", "OQ", "K", "A", "PK"})
_HASHTAG = re.compile(r"(?<![\w&])#([A-Z]{2,5})(?!\w)")
_ORDINARY = """
AI ALL AND ANY ARE BE BIG BUY CAN CAR CAT CEO CFO COIN COST DIS DAY EV EPS ETF FAST FOR FREE FUN GAP GO GOLD GOOD
HAS HOOD IPO IT KEY LIVE LOVE LOW MA MAIN MET NET NEW NEXT NICE NOW OF OIL ON ONE OPEN OR OUT PLAY REAL RUN SEE SELL
SHOP SNOW SO SPOT TEAM TECH TRIP TRUE TV US USA USD WELL WORK YOU
"""
_WORDS = frozenset(_ORDINARY.split())
"""A hashtag of one of these is a word, also where a company has it as its symbol."""


_BLOOMBERG = {
    **dict.fromkeys(("US", "UN", "UQ", "UW", "UR", "UA", "UP"), ""),
    **dict.fromkeys(("GY", "GR"), ".DE"), "LN": ".L", "FP": ".PA", "NA": ".AS", "BB": ".BR", "IM": ".MI",
    **dict.fromkeys(("SM", "SQ"), ".MC"), **dict.fromkeys(("SW", "SE", "VX"), ".SW"), "SS": ".ST", "DC": ".CO",
    "FH": ".HE", "NO": ".OL", **dict.fromkeys(("JP", "JT"), ".T"), "HK": ".HK", **dict.fromkeys(("CN", "CT"), ".TO"),
    **dict.fromkeys(("AU", "AT"), ".AX"), **dict.fromkeys(("IN", "IS"), ".NS"), "IB": ".BO",
    **dict.fromkeys(("KS", "KP"), ".KS"), "CG": ".SS", "CS": ".SZ", "TT": ".TW", "SP": ".SI", "SJ": ".JO",
    **dict.fromkeys(("BZ", "BS"), ".SA"), "MM": ".MX",
}  # fmt: skip
"""Bloomberg's codes of exchanges, and the suffix that a ticker of the watch list has there."""

_FACTSET = {
    "US": "", "GB": ".L", "DE": ".DE", "FR": ".PA", "NL": ".AS", "BE": ".BR", "IT": ".MI", "ES": ".MC", "CH": ".SW",
    "SE": ".ST", "DK": ".CO", "FI": ".HE", "NO": ".OL", "JP": ".T", "HK": ".HK", "CA": ".TO", "AU": ".AX", "IN": ".NS",
    "KR": ".KS", "TW": ".TW", "SG": ".SI", "ZA": ".JO", "BR": ".SA", "MX": ".MX",
}  # fmt: skip
"""FactSet's regions, likewise."""

_OF_BLOOMBERG = re.compile(r"([A-Z\d/]+) ([A-Z]{2})(?: EQUITY)?")
_OF_FACTSET = re.compile(r"([A-Z\d.]+)-([A-Z]{2})")


def national_numbers(isin: str) -> tuple[str, ...]:
    """The CUSIP or SEDOL within ``isin``; the CUSIP also without the zeros in front, which spreadsheets take away."""
    if len(isin) == 12 and isin[:2] in ("US", "CA"):
        return tuple(dict.fromkeys((isin[2:11], isin[2:11].lstrip("0"))))
    return (isin[4:11],) if len(isin) == 12 and isin[:4] in ("GB00", "IE00") else ()


def vendor_symbols(symbol: str) -> tuple[str, ...]:
    """The tickers that ``symbol``, in capital letters, may stand for where a terminal's export has it: AAPL US Equity,
    700 HK (Bloomberg), AAPL-US (FactSet)."""
    for pattern, suffixes in ((_OF_BLOOMBERG, _BLOOMBERG), (_OF_FACTSET, _FACTSET)):
        match = pattern.fullmatch(symbol)
        if match and match[2] in suffixes:
            suffix, share = suffixes[match[2]], match[1].rstrip("/").replace("/", "-")
            padded = share.zfill(4) if suffix == ".HK" else share
            return tuple(f"{share}{suffix}" for share in (padded, padded.replace("-", "."), padded.replace(".", "-")))
    return ()


class Symbol(NamedTuple):
    """A symbol as it is written at ``start``; ``names`` are the tickers that it may stand for, the likeliest first."""

    names: tuple[str, ...]
    surface: str
    start: int


def exchange_symbols(text: str) -> Iterator[Symbol]:
    """The symbols of ``text``: first those with an exchange, then hashtags. Whether a company has them is not known
    here."""
    if ":" in text:
        for match in _AT_EXCHANGE.finditer(text):
            suffix = _SUFFIXES[match[1].upper()]
            yield Symbol((f"{match[2].upper()}{suffix}",), match.group(), match.start())
    if "." in text:
        for match in _CODE.finditer(text):
            before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
            if len(match[1]) == 1 and not (before in ("<", "(") and after in (">", ")")):
                continue
            names = (match[1],) if match[2] in _REUTERS_AMERICAN else ()
            yield Symbol((match.group(), *names), match.group(), match.start())
    if "#" in text:
        for match in _HASHTAG.finditer(text):
            if match[1] not in _WORDS:
                yield Symbol((match[1],), match.group(), match.start())
