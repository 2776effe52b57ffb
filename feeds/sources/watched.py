"""Of another source, only what names a company of the watch list."""

from __future__ import annotations

from functools import cache
from typing import Any

from documents import Linker, load_watchlist, normalise
from feeds.item import Item
from feeds.sources.contract import Polled, Source


class Watched:
    """What ``source`` has, less the items that name no company. The list is read once, when this is made."""

    def __init__(self, source: Source) -> None:
        self._source, self._linker = source, _linker()

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        polled = self._source.poll(remembered)
        polled.items = [one for one in polled.items if self._names_a_company(one)]
        return polled

    def _names_a_company(self, item: Item) -> bool:
        return bool(self._linker.find(normalise(f"{item.title}\n{item.body}"), item.tickers))


@cache
def _linker() -> Linker:
    return Linker(load_watchlist())
