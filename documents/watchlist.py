"""The watch list: the companies, currencies, countries and other things that finsent recognises in texts, and the files
that they are read from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import msgspec

from errors import FinsentError, with_article
from settings import read_replaceable, watchlist_files

EntityType = Literal["company", "currency", "commodity", "index", "country", "central_bank", "person"]
ENTITY_TYPES: tuple[EntityType, ...] = get_args(EntityType)

SHIPPED = {"companies": "watchlist.yaml", "markets": "markets.yaml"}
"""The lists that ship with finsent, by the names with which ``FINSENT_WATCHLIST`` asks for them."""

_LED = ("company", "central_bank")
"""What a person can lead."""


class FormerName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a company was called, and the last day on which it was; "" where nobody knows."""

    name: str
    until: str = ""


class Entity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of the watch list: a company, unless ``entity_type`` says something else.

    ``capitalised`` holds those of its names that are ordinary words, too. They count only with a capital letter, and
    not where the next word is in ``not_before`` or the word in front is in ``not_after``. No name counts where the text
    runs on without a blank with one of ``not_before``, or out of one of ``not_after``, as Chinese does. ``ordinary``
    are names that are rather the word than the company: they count with a capital letter beside a word of business
    alone, such as "shares" or "CEO". ``symbols`` are further cashtags, such as a former ticker. A company is found by
    its ``former`` names, too; ``isin``, ``figi``, ``lei`` and ``cik`` are found in the tickers that come with a
    message.

    Of other entities, ``not_before`` and ``not_after`` are about all names, and ``ordinary`` names count beside a word
    of the markets, such as "prices" or "falls", in small letters as well. ``ticker`` is then a name that no company has
    as its ticker, by custom with the type in front ("currency:EUR"). ``leads`` is the ticker of the company or central
    bank that a person leads.
    """

    ticker: str
    name: str
    desk: str
    sector: str = ""
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
    entity_type: EntityType = "company"
    leads: str = ""

    @property
    def is_company(self) -> bool:
        return self.entity_type == "company"

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
    """The entities, by ticker. Raises ``BadWatchlist`` for a ticker or name that two of them claim, and for fields that
    an entity of its type cannot have.

    A company and something else may have one name: "Dow" is the company where it is written as a company is.
    """

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.by_ticker: dict[str, Entity] = {}
        claimed: dict[tuple[bool, str], str] = {}
        for entity in entities:
            ticker = entity.ticker
            if ticker in self.by_ticker:
                raise BadWatchlist(f"ticker {ticker!r} stands twice")
            self.by_ticker[ticker] = entity
            for name in entity.names:
                other = claimed.setdefault((entity.is_company, name.lower()), ticker)
                if other != ticker:
                    raise BadWatchlist(f"{ticker}: the name {name!r} is {other}'s already")
            for field, guarded in (("capitalised", entity.capitalised), ("ordinary", entity.ordinary)):
                if unknown := set(guarded) - set(entity.names):
                    raise BadWatchlist(f"{ticker}: {sorted(unknown)} in `{field}` is none of its names")
            if entity.is_company and not entity.sector:
                raise BadWatchlist(f"{ticker}: missing required field `sector`: a company needs one")
            if entity.leads and entity.entity_type != "person":
                raise BadWatchlist(
                    f"{ticker}: only a person leads a company, and this is {with_article(_words(entity))}"
                )
        for entity in self.by_ticker.values():
            led = self.by_ticker.get(entity.leads)
            if led and led.entity_type not in _LED:
                raise BadWatchlist(
                    f"{entity.ticker} leads {led.ticker}, {with_article(_words(led))}: it must be a company or "
                    "central bank"
                )

    @property
    def entities(self) -> list[Entity]:
        """All of them, in the files' order."""
        return list(self.by_ticker.values())

    @property
    def companies(self) -> list[Entity]:
        """The companies alone, in the files' order."""
        return [one for one in self.by_ticker.values() if one.is_company]

    @property
    def by_name(self) -> dict[str, str]:
        """The tickers by name in small letters; of a company and something else of one name, the company's."""
        others_first = sorted(self.entities, key=lambda one: one.is_company)
        return {name.lower(): one.ticker for one in others_first for name in one.names}

    @property
    def other_types(self) -> dict[str, EntityType]:
        """The types of those that are no companies, by ticker."""
        return {one.ticker: one.entity_type for one in self.by_ticker.values() if not one.is_company}


def _words(entity: Entity) -> str:
    return entity.entity_type.replace("_", " ")


def load_watchlist(*lists: Path | str) -> Watchlist:
    """The watch list in some files, YAML or a JSON list, or in ``SHIPPED`` ones: by default those that
    ``FINSENT_WATCHLIST`` names, or else the companies that ship with finsent. Raises ``BadWatchlist``.
    """
    names = list(map(str, lists)) or watchlist_files() or ["companies"]
    read = [_read(name) for name in names]
    if len(read) == 1:
        return Watchlist(read[0])
    try:
        return Watchlist(entity for entities in read for entity in entities)
    except BadWatchlist as error:
        raise BadWatchlist(f"{', '.join(names)} together (FINSENT_WATCHLIST): {error}") from error


def shipped_watchlist(name: str = "companies") -> Watchlist:
    """A list that ships with finsent: ``companies``, or ``markets`` for everything else."""
    return Watchlist(_read(name))


def _read(name: str) -> list[Entity]:
    """The entities of one list: a shipped one, or the file of this name."""

    def make(text: bytes) -> list[Entity]:
        # A list of tens of thousands is JSON, which is read a hundred times as fast as YAML.
        decode = msgspec.json.decode if text.lstrip().startswith(b"[") else msgspec.yaml.decode
        entities = decode(text, type=list[Entity])
        Watchlist(entities)
        return entities

    path = None if name in SHIPPED else Path(name)
    return read_replaceable(path, "documents", SHIPPED.get(name, name), "FINSENT_WATCHLIST", make, BadWatchlist)
