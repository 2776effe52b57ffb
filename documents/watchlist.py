"""Which companies of the watch list a text is about: cashtags and given tickers first, then names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import ahocorasick
import msgspec

from errors import FinsentError
from settings import watchlist_file

MOST_MENTIONS = 8
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z0-9.\-]{0,9})")
_WORD_BEFORE = re.compile(r"([\w-]+)\W{0,2}$")
_WORD_AFTER = re.compile(r"^(?:['\u2019]s)?\W{0,2}(\w+)")


class Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. Names in ``capitalised`` are ordinary words too: they count only with a capital letter, and not
    next to the words in ``not_before`` (the word that follows) and ``not_after`` (the word in front). ``symbols``
    are further cashtags, such as a former ticker."""

    ticker: str
    name: str
    desk: str
    sector: str
    aliases: list[str] = []
    symbols: list[str] = []
    capitalised: list[str] = []
    not_before: list[str] = []
    not_after: list[str] = []

    @property
    def names(self) -> list[str]:
        """All names."""
        return [self.name, *self.aliases]


class BadWatchlist(FinsentError, ValueError):
    """The watch list's file cannot be used; the sentence says which entry and why."""


class Watchlist:
    """The companies, by ticker. Raises ``BadWatchlist`` for a ticker or name that two companies claim."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self.by_ticker: dict[str, Company] = {}
        claimed: dict[str, str] = {}
        for company in companies:
            if company.ticker in self.by_ticker:
                raise BadWatchlist(f"ticker {company.ticker!r} stands twice")
            self.by_ticker[company.ticker] = company
            for name in company.names:
                other = claimed.setdefault(name.lower(), company.ticker)
                if other != company.ticker:
                    raise BadWatchlist(f"{company.ticker}: the name {name!r} is {other}'s already")
            if unknown := set(company.capitalised) - set(company.names):
                raise BadWatchlist(f"{company.ticker}: {sorted(unknown)} in `capitalised` is none of its names")

    @property
    def companies(self) -> list[Company]:
        """In the file's order."""
        return list(self.by_ticker.values())


def load_watchlist(path: Path | None = None) -> Watchlist:
    """The watch list in the YAML file ``path``: by default the file that ``FINSENT_WATCHLIST`` names, or else the list
    that ships with finsent. Raises ``BadWatchlist``.
    """
    path = path or watchlist_file()
    where = str(path or "the shipped watch list")
    try:
        text = path.read_bytes() if path else (resources.files("documents") / "watchlist.yaml").read_bytes()
        return Watchlist(msgspec.yaml.decode(text, type=list[Company]))
    except OSError as error:
        raise BadWatchlist(f"{where}: {error.strerror}; FINSENT_WATCHLIST names the file") from error
    except (msgspec.ValidationError, msgspec.DecodeError, BadWatchlist) as error:
        raise BadWatchlist(f"{where}: {error}") from error


class Mention(NamedTuple):
    """A company found: ``surface`` is how the text calls it, at ``start`` to ``end``; a ticker that was only given
    with the message has the company's name as surface and no place (-1)."""

    ticker: str
    surface: str
    start: int
    end: int
    via: str


class Linker:
    """Finds companies by Aho-Corasick (1975): the time does not grow with the watch list."""

    def __init__(self, watchlist: Watchlist) -> None:
        self._companies = watchlist.by_ticker
        self._by_symbol: dict[str, str] = {}
        for ticker in self._companies:
            # A cashtag names the symbol without the exchange's suffix; the first company with it has it.
            self._by_symbol.setdefault(ticker.split(".")[0].upper(), ticker)
        for ticker, company in self._companies.items():
            self._by_symbol[ticker.upper()] = ticker
            self._by_symbol.update(dict.fromkeys(company.symbols, ticker))
        self._automaton = ahocorasick.Automaton()
        for company in watchlist.companies:
            for name in company.names:
                self._automaton.add_word(name.lower(), (name, company.ticker))
        self._automaton.make_automaton()

    def ticker(self, symbol: str) -> str:
        """The watch list's ticker of ``symbol``, which may be a former or another exchange's; itself if unknown."""
        return self._by_symbol.get(symbol.lstrip("$").upper(), symbol)

    def find(self, text: str, tickers: Sequence[str] = ()) -> list[Mention]:
        """At most ``MOST_MENTIONS`` mentions, one a company: given tickers, cashtags, then names, each kind in the
        order of the text. A name is a whole word; the longest at a place wins."""
        found: dict[str, Mention] = {}
        named = self._named(text)
        for given in tickers:
            ticker = self._by_symbol.get(given.lstrip("$").upper())
            if ticker and ticker not in found:
                at = next((mention for mention in named if mention.ticker == ticker), None)
                surface, start, end = at[1:4] if at else (self._companies[ticker].name, -1, -1)
                found[ticker] = Mention(ticker, surface, start, end, "given")
        for match in _CASHTAG.finditer(text):
            ticker = self._by_symbol.get(match.group(1).rstrip(".-").upper())
            if ticker and ticker not in found:
                surface = match.group().rstrip(".-")
                found[ticker] = Mention(ticker, surface, match.start(), match.start() + len(surface), "cashtag")
        for mention in named:
            found.setdefault(mention.ticker, mention)
        return list(found.values())[:MOST_MENTIONS]

    def _named(self, text: str) -> list[Mention]:
        # Lower-casing may change a text's length (as of "İ"); places must stay what they are.
        lowered = text.lower()
        if len(lowered) != len(text):
            lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
        hits = []
        for last, (name, ticker) in self._automaton.iter_long(lowered):
            start, end = last - len(name) + 1, last + 1
            if (start and (text[start - 1].isalnum() or text[start - 1] in "$@#_")) or (
                end < len(text) and (text[end].isalnum() or text[end] == "_")
            ):
                continue
            if self._fits(self._companies[ticker], name, text, start, end):
                hits.append(Mention(ticker, text[start:end], start, end, "name"))
        return hits

    def _fits(self, company: Company, name: str, text: str, start: int, end: int) -> bool:
        surface = text[start:end]
        if len(name) < 4 and not any(c.islower() for c in name):
            # A short abbreviation ("GE", "ING") is one only in capitals.
            return surface == name
        if name not in company.capitalised:
            return True
        if not surface[0].isupper():
            return False
        after, before = _WORD_AFTER.match(text[end : end + 40]), _WORD_BEFORE.search(text[max(0, start - 40) : start])
        return not (
            (after and after.group(1).lower() in {word.lower() for word in company.not_before})
            or (before and before.group(1).lower() in {word.lower() for word in company.not_after})
        )
