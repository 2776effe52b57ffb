"""Which desk a company goes to, by its sector."""

from __future__ import annotations

from collections.abc import Mapping

UNCLASSIFIED = "Not classified"
"""The sector of companies of which no list says one."""

_DESKS = {
    "technology": ("information technology", "technology", "communication services", "telecommunications", "software"),
    "financials": ("financials", "financial services", "finance", "banks", "insurance"),
    "healthcare": ("health care", "healthcare"),
    "consumer": ("consumer discretionary", "consumer staples", "consumer cyclical", "consumer defensive", "retail"),
    "industrials": ("industrials", "transportation", "capital goods"),
    "energy": ("energy", "oil & gas"),
    "materials": ("materials", "basic materials", "mining"),
    "utilities": ("utilities",),
    "real estate": ("real estate",),
}
_BY_SECTOR = {sector: desk for desk, sectors in _DESKS.items() for sector in sectors}


class DeskRules:
    """``given`` maps sectors to desks, in any case; "*" is for all others. It goes before the desks that finsent's own
    list has for the sectors of GICS, ICB and NASDAQ."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        own = {sector.lower(): desk for sector, desk in (given or {}).items()}
        self._other = own.pop("*", "")
        self._own = own

    def desk(self, sector: str) -> str:
        """The desk for the companies of ``sector``."""
        known = sector.lower()
        return self._own.get(known) or self._other or _BY_SECTOR.get(known) or "other"
