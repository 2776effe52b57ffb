"""The watch list: the companies that finsent recognises in texts, and the YAML file that they are read from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from errors import FinsentError
from settings import read_replaceable, watchlist_file


class Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the watch list.

    ``capitalised`` holds those of its names that are ordinary words, too. They count only with a capital letter, and
    not where the next word is in ``not_before`` or the word in front is in ``not_after``. ``symbols`` are further
    cashtags, such as a former ticker.
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

    @property
    def names(self) -> list[str]:
        """All names."""
        return [self.name, *self.aliases]


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

    def make(text: bytes) -> Watchlist:
        return Watchlist(msgspec.yaml.decode(text, type=list[Company]))

    path = path or watchlist_file()
    return read_replaceable(path, "documents", "watchlist.yaml", "FINSENT_WATCHLIST", make, BadWatchlist)
