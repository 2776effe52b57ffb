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
