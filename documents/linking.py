"""Which companies of the watch list a text is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import ahocorasick

from documents.ordinary_words import is_people, is_word
from documents.records import Via
from documents.symbols import exchange_symbols
from documents.watchlist import Company, Watchlist

MOST_MENTIONS = 8
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z0-9.\-]{0,9})")
_WORD_BEFORE = re.compile(r"([\w-]+)\W{0,2}$")
_TYPOGRAPHIC = str.maketrans(
    "\u2018\u2019\u201b\u02bc\u00b4`\u2032\u2010\u2011\u2012\u2013\u2014\u2212", "'''''''------"
)
"""Apostrophes and hyphens as typesetters write them, and as lists of companies do; none of them changes a place."""
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_WORD_AFTER = re.compile(r"^(?:['\u2019]s)?\W{0,2}(\w+)")
_BUSINESS_AFTER = re.compile(
    r"^(?:['\u2019]s)?,?\s\(?(?:stock|shares?|shareholders?|ceo|cfo|chief|inc|corp|corporation|ltd|limited|plc|co|company|ipo|q[1-4]"
    r"|first[- ]quarter|second[- ]quarter|third[- ]quarter|fourth[- ]quarter|investors?|bonds|eps)\b",
    re.IGNORECASE,
)
_BUSINESS_BEFORE = re.compile(r"\b(?:shares of|stock of|shares in|stake in|ceo of|investors in)\s$", re.IGNORECASE)
"""What stands beside a name that is an ordinary word, where it means the company."""

_HYPHENATED = re.compile(r"-[A-Z]")
"""As in "Franco-German": what begins there is no company's name."""
_NAME_BEFORE = re.compile(r"(?<![\w.'-])([A-Z][a-z]+)\s$")
_IN_BRACKETS = re.compile(r"\(\$?([A-Z]{1,5}(?:[.-][A-Z])?)\)")
_LISTED = re.compile(r"(?<![\w$.])[A-Z]{1,5}(?:, ?(?:and )?[A-Z]{1,5}){2,}(?![\w.])")
NAME_BEFORE = 60
"""A symbol in brackets stands at most so many characters behind the company's name."""


class Match(NamedTuple):
    """A company that a text is about. ``surface`` is its name there, from ``start`` to ``end``.

    If the text does not name the company, and only its ticker came with the message, ``surface`` is the company's name
    and both places are -1.
    """

    ticker: str
    surface: str
    start: int
    end: int
    via: Via


def whole_name(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is a name by itself and no part of a longer word.

    Chinese and Japanese are written without spaces: a name in Chinese characters may stand beside anything, one in
    katakana beside anything but katakana. Korean puts particles behind a name, and nothing before it.
    """
    before, after = text[start - 1] if start else " ", text[end] if end < len(text) else " "
    if before in "$@#_" or after == "_":
        return False
    return not (_one_word(before, text[start]) or (_one_word(text[end - 1], after) and not _HANGUL.match(after)))


def _one_word(left: str, right: str) -> bool:
    """Whether two neighbouring characters can be in one word."""
    if not (left.isalnum() and right.isalnum()):
        return False
    if _UNSPACED.match(left) or _UNSPACED.match(right):
        return bool(_KATAKANA.match(left) and _KATAKANA.match(right))
    return True


class Linker:
    """Finds the companies of a watch list by Aho and Corasick (1975), in a time that does not grow with the list."""

    def __init__(self, watchlist: Watchlist) -> None:
        self._companies = watchlist.by_ticker
        self._by_symbol = {ticker.upper(): ticker for ticker in self._companies}
        for ticker, company in self._companies.items():
            for symbol in (*company.symbols, *company.identifiers):
                self._by_symbol.setdefault(symbol.upper(), ticker)
        for ticker in self._companies:
            # A cashtag is a symbol without the exchange's suffix. If several companies share it, it is the first one's.
            self._by_symbol.setdefault(ticker.split(".")[0].upper(), ticker)
        self._automaton = ahocorasick.Automaton()
        for company in watchlist.companies:
            for name in company.names:
                self._automaton.add_word(name.lower().translate(_TYPOGRAPHIC), (name, company.ticker))
        self._automaton.make_automaton()

    def ticker(self, symbol: str) -> str:
        """The watch list's ticker for ``symbol``, which may be a former ticker or one of another exchange. An unknown
        symbol is returned as it is."""
        return self._known(symbol) or symbol

    def find(self, text: str, tickers: Sequence[str] = ()) -> list[Match]:
        """The companies that ``text`` is about, each once and at most ``MOST_MENTIONS``.

        First those whose ``tickers`` came with the message, then cashtags, then names, then other symbols (NYSE:BA,
        BA.N, #TSLA, and bare ones in brackets behind the name or in a list), each in the order of the text. A name is a
        whole word. Where several begin at one place, the longest counts.
        """
        found: dict[str, Match] = {}
        named = self._named(text)
        for given in tickers:
            ticker = self._known(given)
            if ticker and ticker not in found:
                at = next((mention for mention in named if mention.ticker == ticker), None)
                surface, start, end = at[1:4] if at else (self._companies[ticker].name, -1, -1)
                found[ticker] = Match(ticker, surface, start, end, "given")
        for match in _CASHTAG.finditer(text) if "$" in text else ():
            ticker = self._by_symbol.get(match.group(1).rstrip(".-").upper())
            if ticker and ticker not in found:
                surface = match.group().rstrip(".-")
                found[ticker] = Match(ticker, surface, match.start(), match.start() + len(surface), "cashtag")
        for mention in named:
            found.setdefault(mention.ticker, mention)
        for symbol in exchange_symbols(text):
            if ticker := self._first_known(symbol.names):
                end = symbol.start + len(symbol.surface)
                found.setdefault(ticker, Match(ticker, symbol.surface, symbol.start, end, "cashtag"))
        for bare in self._bare_symbols(text):
            found.setdefault(bare.ticker, bare)
        return list(found.values())[:MOST_MENTIONS]

    def _known(self, symbol: str) -> str | None:
        """The ticker of a symbol that came with a message: AAPL, $AAPL, NASDAQ:AAPL, AAPL.O."""
        found = self._by_symbol.get(symbol.lstrip("$").upper())
        if found or not (":" in symbol or "." in symbol):
            return found
        return next((one for read in exchange_symbols(symbol.upper()) if (one := self._first_known(read.names))), None)

    def _first_known(self, symbols: Sequence[str]) -> str | None:
        return next((one for one in map(self._by_symbol.get, symbols) if one), None)

    def _bare_symbols(self, text: str) -> Iterator[Match]:
        """Symbols without an exchange, where they can be nothing else: "Target (TGT)", or "TFC, LRCX, NFLX"."""
        for bracket in _IN_BRACKETS.finditer(text) if "(" in text else ():
            ticker = self._by_symbol.get(bracket[1])
            before = text[max(0, bracket.start() - NAME_BEFORE) : bracket.start()]
            if ticker and _first_words(self._companies[ticker]) & {_plain(word) for word in before.split()}:
                yield Match(ticker, bracket[1], bracket.start(1), bracket.end(1), "cashtag")
        for listed in _LISTED.finditer(text) if "," in text else ():
            symbols = [(one, listed.start() + one.start()) for one in re.finditer(r"[A-Z]+", listed.group())]
            known = [(one.group(), at, t) for one, at in symbols if (t := self._by_symbol.get(one.group()))]
            if len(known) >= max(3, 0.7 * len(symbols)):
                for symbol, at, ticker in known:
                    yield Match(ticker, symbol, at, at + len(symbol), "cashtag")

    def _named(self, text: str) -> list[Match]:
        # Lower case may be longer than the letter itself (as of "İ"), but places must stay the same.
        lowered = text.lower()
        if len(lowered) != len(text):
            lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
        lowered = lowered.translate(_TYPOGRAPHIC)
        hits = []
        for last, (name, ticker) in self._automaton.iter(lowered):
            start, end = last - len(name) + 1, last + 1
            whole = whole_name(text, start, end) and not _in_number(text, start)
            if whole and self._fits(self._companies[ticker], name, text, start, end):
                hits.append(Match(ticker, text[start:end], start, end, "name"))
        hits.sort(key=lambda hit: (hit.start, -hit.end))
        found: list[Match] = []
        for hit in hits:
            if not found or hit.start >= found[-1].end:
                found.append(hit)
        return found

    def _fits(self, company: Company, name: str, text: str, start: int, end: int) -> bool:
        surface = text[start:end]
        if text[end : end + 1] == ")" and self._by_symbol.get(surface, company.ticker) != company.ticker:
            return False  # the symbol of another company, in brackets
        if len(name) < 4 and not any(c.islower() for c in name):
            # A short abbreviation ("GE", "ING") is one only in capitals.
            if surface != name:
                return False
        elif (name in company.ordinary or name in company.capitalised) and not _has_capitals(surface):
            return False
        if name in company.ordinary:
            behind, in_front = text[end : end + 40], text[max(0, start - 20) : start]
            if _ends_a_name(in_front):
                return False
            return bool(_BUSINESS_AFTER.match(behind) or _BUSINESS_BEFORE.search(in_front))
        if name not in company.capitalised:
            return True
        if " " not in name and (
            _HYPHENATED.match(text[end : end + 3]) or _ends_a_name(text[max(0, start - 20) : start])
        ):
            return False
        after, before = _WORD_AFTER.match(text[end : end + 40]), _WORD_BEFORE.search(text[max(0, start - 40) : start])
        return not (
            (after and after.group(1).lower() in {word.lower() for word in company.not_before})
            or (before and before.group(1).lower() in {word.lower() for word in company.not_after})
        )


def _in_number(text: str, start: int) -> bool:
    """Whether a digit at ``start`` is one of a longer number, as in "37.3M"."""
    return start > 1 and text[start].isdigit() and text[start - 1] in ".," and text[start - 2].isdigit()


def _has_capitals(surface: str) -> bool:
    """Whether all words of a name have a capital letter, but for short ones such as "of"."""
    return surface[0].isupper() and all(word[0].isupper() for word in surface.split() if len(word) > 3)


def _ends_a_name(in_front: str) -> bool:
    """Whether a word behind ``in_front`` is the end of a longer name, as in "Jim Apple"."""
    other = _NAME_BEFORE.search(in_front)
    return bool(other) and not is_word(other[1]) and not is_people(other[1])  # type: ignore[index]


def _first_words(company: Company) -> set[str]:
    return {_plain(name.split()[0]) for name in company.names}


def _plain(word: str) -> str:
    return re.sub(r"['\u2019]s?$|[^\w&]", "", word.lower())
