"""The watch list: the companies that finsent recognises in texts, and the file that they are read from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from errors import FinsentError
from settings import read_replaceable, watchlist_file


class FormerName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a company was called, and the last day on which it was; "" where nobody knows."""

    name: str
    until: str = ""


class Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of the watch list.

    ``capitalised`` holds those of its names that are ordinary words, too. They count only with a capital letter, and
    not where the next word is in ``not_before`` or the word in front is in ``not_after``. ``ordinary`` are names that
    are rather the word than the company: they count with a capital letter beside a word of business alone, such as
    "shares" or "CEO". ``symbols`` are further cashtags, such as a former ticker. A company is found by its ``former``
    names, too; ``isin``, ``figi``, ``lei`` and ``cik`` are found in the tickers that come with a message.
    """

    ticker: str
    name: str
    desk: str
    sector: str
    aliases: list[str] = []
    symbols: list[str] = []
    capitalised: list[str] = []
    not_before: list[str] = []
    not_after: list[str] = []
    ordinary: list[str] = []
    exchange: str = ""
    isin: str = ""
    figi: str = ""
    lei: str = ""
    cik: str = ""
    country: str = ""
    former: list[FormerName] = []

    @property
    def names(self) -> list[str]:
        """All names, also those of earlier days."""
        return [self.name, *self.aliases, *(one.name for one in self.former)]

    @property
    def identifiers(self) -> list[str]:
        """What other systems call it."""
        return [one for one in (self.isin, self.figi, self.lei, self.cik) if one]


class BadWatchlist(FinsentError, ValueError):
    """The file of the watch list cannot be used. The text says which entry is wrong, and why."""


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
            for field, guarded in (("capitalised", company.capitalised), ("ordinary", company.ordinary)):
                if unknown := set(guarded) - set(company.names):
                    raise BadWatchlist(f"{company.ticker}: {sorted(unknown)} in `{field}` is none of its names")

    @property
    def companies(self) -> list[Company]:
        """In the file's order."""
        return list(self.by_ticker.values())


def load_watchlist(path: Path | None = None) -> Watchlist:
    """The watch list in the file ``path``, YAML or a JSON list: by default the file that ``FINSENT_WATCHLIST`` names,
    or else the list that ships with finsent. Raises ``BadWatchlist``.
    """
    return _read(path or watchlist_file())


def shipped_watchlist() -> Watchlist:
    """The list that ships with finsent."""
    return _read(None)


def _read(path: Path | None) -> Watchlist:
    def make(text: bytes) -> Watchlist:
        # A list of tens of thousands is JSON, which is read a hundred times as fast as YAML.
        decode = msgspec.json.decode if text.lstrip().startswith(b"[") else msgspec.yaml.decode
        return Watchlist(decode(text, type=list[Company]))

    return read_replaceable(path, "documents", "watchlist.yaml", "FINSENT_WATCHLIST", make, BadWatchlist)
