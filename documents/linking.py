"""Which companies and other entities of the watch list a text is about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

import ahocorasick

from documents.market_names import fits_market
from documents.name_context import ends_a_name, has_capitals, word_after, word_before
from documents.ordinary_words import is_people, is_seen, is_word
from documents.records import Via
from documents.symbols import EXCHANGES, exchange_symbols, national_numbers, vendor_symbols
from documents.watchlist import Entity, EntityType, Watchlist

MOST_MENTIONS = 8
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z0-9.\-]{0,9})")
_ONE_WAY_OF_WRITING = str.maketrans(
    "\u2018\u2019\u201b\u02bc\u00b4`\u2032\u2010\u2011\u2012\u2013\u2014\u2212-", "'''''''       "
) | str.maketrans(
    dict(
        line.split("\t")
        for line in (resources.files("documents") / "traditional.tsv").read_text(encoding="utf-8").splitlines()
    )
)
"""Apostrophes as typesetters write them, and as lists of companies do; hyphens, for which lists may have blanks; and
traditional Chinese characters, as Taipei and Hong Kong write a name, with the simplified ones for them (after OpenCC).
None changes a place."""
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_BUSINESS_AFTER = re.compile(
    r"^(?:['\u2019]s)?,?\s\(?(?:stock|shares?|shareholders?|ceo|cfo|chief|inc|corp|corporation|ltd|limited|plc|co|company|ipo|q[1-4]"
    r"|first[- ]quarter|second[- ]quarter|third[- ]quarter|fourth[- ]quarter|investors?|bonds|eps)\b",
    re.IGNORECASE,
)
_BUSINESS_BEFORE = re.compile(r"\b(?:shares of|stock of|shares in|stake in|ceo of|investors in)\s$", re.IGNORECASE)
"""What stands beside a name that is an ordinary word, where it means the company."""

_HYPHENATED = re.compile(r"-[A-Z]")
_JOINED = re.compile(r"[a-z][A-Z]")
"""As in "Franco-German": what stands in front is no company's name, unless it has a capital letter within, as in
"BorgWarner-Wolfspeed"."""
_IN_BRACKETS = re.compile(r"\(\$?([A-Z]{1,5}(?:[.-][A-Z])?)\)")
_SYMBOL_BEHIND = re.compile(r"^,?(?: [A-Z][a-z]+\.?,?)?\s\((?:[A-Za-z]+:\s?)?([A-Z]{1,5})\)")
"""Also where a legal form stands between the name and the brackets."""
_LISTED = re.compile(r"(?<![\w$.])[A-Z]{1,5}(?:, ?(?:and )?[A-Z]{1,5}){2,}(?![\w.])")
_HEADED = re.compile(r"([A-Z]{4,5}):\s")
"""At the beginning of a headline, as in "CPRT: Rating increased". Shorter ones are newspapers and offices."""
_SPEAKERS = EXCHANGES | {"FOMC"}
"""What stands there and speaks, though companies have such symbols."""
NAME_BEFORE = 60
"""A symbol in brackets stands at most so many characters behind the company's name."""


class Match(NamedTuple):
    """An entity that a text is about. ``surface`` is its name there, from ``start`` to ``end``.

    If the text does not name it, and only its ticker came with the message, ``surface`` is its name and both places
    are -1.
    """

    ticker: str
    surface: str
    start: int
    end: int
    via: Via
    entity_type: EntityType = "company"


def whole_name(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is a name by itself and no part of a longer word.

    Chinese and Japanese are written without spaces: a name in Chinese characters may stand beside anything, one in
    katakana beside anything but katakana. Korean puts particles behind a name, and nothing before it.
    """
    before, after = text[start - 1] if start else " ", text[end] if end < len(text) else " "
    if before in "$@#_" or after == "_":
        return False
    if before in "./" and text[max(0, start - 4) : start].lower().endswith(("www.", "://")):
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
    """Finds the entities of a watch list by Aho and Corasick (1975), in a time that does not grow with the list."""

    def __init__(self, watchlist: Watchlist) -> None:
        self._entities = watchlist.by_ticker
        self._by_symbol = {ticker.upper(): ticker for ticker in self._entities}
        companies = watchlist.companies
        companies_first = sorted(watchlist.entities, key=lambda one: not one.is_company)
        for company in companies:
            for symbol in (*company.symbols, *company.identifiers, *national_numbers(company.isin)):
                self._by_symbol.setdefault(symbol.upper(), company.ticker)
        for company in companies:
            # A cashtag is a symbol without the exchange's suffix. If several companies share it, it is the first one's.
            self._by_symbol.setdefault(company.ticker.split(".")[0].upper(), company.ticker)
        for other in companies_first[len(companies) :]:
            for symbol in other.symbols:
                self._by_symbol.setdefault(symbol.upper(), other.ticker)
        owners: dict[str, dict[tuple[str, int], tuple[str, Entity]]] = defaultdict(dict)
        for entity in companies_first:
            for name in entity.names:
                # "Take-Two" and "Take Two" are looked for as one, but may need different care.
                written = entity.ticker, name.count(" ")
                owners[name.lower().translate(_ONE_WAY_OF_WRITING)].setdefault(written, (name, entity))
        self._automaton = ahocorasick.Automaton()
        for lowered, owned in owners.items():
            self._automaton.add_word(lowered, tuple(owned.values()))
        self._automaton.make_automaton()
        self._others_too = bool(watchlist.other_types)
        self._around = {
            one.ticker: tuple(
                tuple(word.lower().translate(_ONE_WAY_OF_WRITING) for word in words)
                for words in (one.not_before, one.not_after)
            )
            for one in companies
            if one.not_before or one.not_after
        }

    def ticker(self, symbol: str) -> str:
        """The watch list's ticker for ``symbol``, which may be a former ticker or one of another exchange. An unknown
        symbol is returned as it is."""
        return self._known(symbol) or symbol

    def find(self, text: str, tickers: Sequence[str] = ()) -> list[Match]:
        """The entities that ``text`` is about, each once and at most ``MOST_MENTIONS``: companies, and then others.

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
                surface, start, end = at[1:4] if at else (self._entities[ticker].name, -1, -1)
                found[ticker] = self._match(ticker, surface, start, end, "given")
        for match in _CASHTAG.finditer(text) if "$" in text else ():
            ticker = self._by_symbol.get(match.group(1).rstrip(".-").upper())
            if ticker and ticker not in found:
                surface = match.group().rstrip(".-")
                found[ticker] = self._match(ticker, surface, match.start(), match.start() + len(surface), "cashtag")
        for mention in named:
            found.setdefault(mention.ticker, mention)
        for symbol in exchange_symbols(text):
            if ticker := self._first_known(symbol.names):
                end = symbol.start + len(symbol.surface)
                found.setdefault(ticker, self._match(ticker, symbol.surface, symbol.start, end, "cashtag"))
        for bare in self._bare_symbols(text):
            found.setdefault(bare.ticker, bare)
        matches = list(found.values())
        if self._others_too:
            matches.sort(key=lambda match: match.entity_type != "company")
        return matches[:MOST_MENTIONS]

    def _match(self, ticker: str, surface: str, start: int, end: int, via: Via) -> Match:
        return Match(ticker, surface, start, end, via, self._entities[ticker].entity_type)

    def _known(self, symbol: str) -> str | None:
        """The ticker of a symbol that came with a message: AAPL, $AAPL, NASDAQ:AAPL, AAPL.O, AAPL US Equity."""
        found = self._by_symbol.get(symbol.lstrip("$").upper())
        if not found and (" " in symbol or "-" in symbol):
            found = self._first_known(vendor_symbols(" ".join(symbol.upper().split())))
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
            if ticker and _first_words(self._entities[ticker]) & {
                _plain(word) for word in [*before.split(), *_words(before)]
            }:
                yield self._match(ticker, bracket[1], bracket.start(1), bracket.end(1), "cashtag")
        first = _HEADED.match(text)
        if first and first[1] in self._by_symbol and first[1] not in _SPEAKERS and not is_seen(first[1]):
            yield self._match(self._by_symbol[first[1]], first[1], 0, first.end(1), "cashtag")
        for listed in _LISTED.finditer(text) if "," in text else ():
            symbols = [(one.group(), listed.start() + one.start()) for one in re.finditer(r"[A-Z]+", listed.group())]
            known = [(one, at, t) for one, at in symbols if (t := self._by_symbol.get(one))]
            if len(known) >= max(3, 0.7 * len(symbols)):
                for symbol, at, ticker in known:
                    yield self._match(ticker, symbol, at, at + len(symbol), "cashtag")

    def _named(self, text: str) -> list[Match]:
        # Lower case may be longer than the letter itself (as of "İ"), but places must stay the same.
        lowered = text.lower()
        if len(lowered) != len(text):
            lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
        lowered = lowered.translate(_ONE_WAY_OF_WRITING)
        companies: list[Match] = []
        others: list[Match] = []
        for last, owners in self._automaton.iter(lowered):
            start, end = last - len(owners[0][0]) + 1, last + 1
            if not whole_name(text, start, end) or _in_number(text, start):
                continue
            if len(owners) > 1:  # Nexo-Tech and Nexo Tech may be two companies
                blanks = text.count(" ", start, end)
                owners = sorted(owners, key=lambda one: (not one[1].is_company, one[0].count(" ") != blanks))
            for name, entity in owners:
                if entity.is_company:
                    if self._fits(entity, name, text, start, end) and not self._runs_on(entity, lowered, start, end):
                        companies.append(Match(entity.ticker, text[start:end], start, end, "name"))
                        break
                elif fits_market(entity, name, text, start, end):
                    others.append(Match(entity.ticker, text[start:end], start, end, "name", entity.entity_type))
                    break
        return _beside(_longest(companies), _longest(others)) if others else _longest(companies)

    def _runs_on(self, company: Entity, folded: str, start: int, end: int) -> bool:
        """Whether the text runs on without a blank, as Chinese does, with what makes the name something else."""
        if company.ticker not in self._around:
            return False
        not_before, not_after = self._around[company.ticker]
        return folded.startswith(not_before, end) or folded.endswith(not_after, 0, start)

    def _fits(self, company: Entity, name: str, text: str, start: int, end: int) -> bool:
        surface = text[start:end]
        if self._is_another_s(company, text, start, end):
            return False
        if surface.count(" ") != name.count(" ") and not _are_names(surface, name):
            return False
        if len(name) < 4 and name.isupper():
            # A short abbreviation ("GE", "ING") is one only in capitals.
            if surface != name:
                return False
        elif (name in company.ordinary or name in company.capitalised) and not has_capitals(surface):
            return False
        if name in company.ordinary:
            behind, in_front = text[end : end + 40], text[max(0, start - 20) : start]
            if ends_a_name(in_front):
                return False
            return bool(_BUSINESS_AFTER.match(behind) or _BUSINESS_BEFORE.search(in_front))
        if name not in company.capitalised:
            return True
        if " " not in name and (
            (_HYPHENATED.match(text[end : end + 3]) and not _JOINED.search(surface))
            or ends_a_name(text[max(0, start - 20) : start])
        ):
            return False
        after, before = word_after(text, end), word_before(text, start)
        return not (
            (after and after in {word.lower() for word in company.not_before})
            or (before and before in {word.lower() for word in company.not_after})
        )

    def _is_another_s(self, company: Entity, text: str, start: int, end: int) -> bool:
        """Whether a symbol in brackets says that the name is another company's: the name stands in them itself, as in
        "Alder Foods (ALDR)", or it is the first word of the company with this symbol, as in "Vertex (VRTX)"."""
        surface = text[start:end]
        if text[end : end + 1] == ")" and self._by_symbol.get(surface, company.ticker) != company.ticker:
            return True
        bracket = _SYMBOL_BEHIND.match(text[end : end + 40]) if text.find("(", end, end + 40) > 0 else None
        ticker = self._by_symbol.get(bracket[1]) if bracket else None
        if not ticker or ticker == company.ticker:
            return False
        return bool(_first_words(self._entities[ticker]) & {_plain(surface.split()[0]), _plain(_words(surface)[0])})


def _are_names(surface: str, name: str) -> bool:
    """Whether ``surface`` is ``name`` although it has blanks for hyphens, or hyphens for blanks: "take two" is not
    Take-Two, and hyphens make something else of ordinary words and peoples, as in "East-West" and "Anglo-American"."""
    parts = _words(surface)
    if any(part[0].islower() for part in parts):
        return False
    if surface.count(" ") > name.count(" "):
        return True
    return not (all(map(is_word, parts)) or is_people(parts[-1]) or parts[-1].lower().endswith("ican"))


def _longest(hits: list[Match]) -> list[Match]:
    """Those that do not overlap: of several, the one that begins first, and the longest of these."""
    hits.sort(key=lambda hit: (hit.start, -hit.end))
    found: list[Match] = []
    for hit in hits:
        if not found or hit.start >= found[-1].end:
            found.append(hit)
    return found


def _beside(companies: list[Match], others: list[Match]) -> list[Match]:
    """Both in the order of the text. Of two that overlap, the company counts, unless its name is only a part of the
    other one, as in "Nasdaq Composite"."""
    for other in others:
        within = [one for one in companies if one.start < other.end and other.start < one.end]
        if all(other.start <= one.start and one.end <= other.end and other[2:4] != one[2:4] for one in within):
            companies = [*(one for one in companies if one not in within), other]
    return sorted(companies, key=lambda hit: hit.start)


def _in_number(text: str, start: int) -> bool:
    """Whether a digit at ``start`` is one of a longer number, as in "37.3M"."""
    return start > 1 and text[start].isdigit() and text[start - 1] in ".," and text[start - 2].isdigit()


def _first_words(company: Entity) -> set[str]:
    """The first words of its names: of Coca-Cola both "coca" and "cocacola"."""
    return {_plain(first) for name in company.names for first in (name.split()[0], _words(name)[0])}


def _words(text: str) -> list[str]:
    """The words of ``text``, where hyphens are blanks; of nothing else than these one that is empty."""
    return text.translate(_ONE_WAY_OF_WRITING).split() or [""]


def _plain(word: str) -> str:
    return re.sub(r"['\u2019]s?$|[^\w&]", "", word.lower())
