"""The filings that the SEC has just accepted (EDGAR's Atom feed), with what the item codes of an 8-K mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from feeds.fetching import Fetcher
from feeds.item import Item
from feeds.sources.contract import BadAnswer, Polled
from feeds.sources.syndication import items_of

ADDRESS = "https://www.sec.gov/cgi-bin/browse-edgar"
COUNT, MOST_PAGES = 100, 5

ITEMS = {
    "1.01": "entry into a material definitive agreement",
    "1.02": "termination of a material definitive agreement",
    "1.03": "bankruptcy or receivership",
    "1.04": "mine safety: reporting of shutdowns and patterns of violations",
    "1.05": "material cybersecurity incident",
    "2.01": "completion of acquisition or disposition of assets",
    "2.02": "results of operations and financial condition",
    "2.03": "creation of a direct financial obligation",
    "2.04": "triggering events that accelerate a direct financial obligation",
    "2.05": "costs associated with exit or disposal activities",
    "2.06": "material impairments",
    "3.01": "notice of delisting or failure to satisfy a listing rule",
    "3.02": "unregistered sales of equity securities",
    "3.03": "material modification to rights of security holders",
    "4.01": "changes in the certifying accountant",
    "4.02": "non-reliance on previously issued financial statements",
    "5.01": "changes in control of the registrant",
    "5.02": "departure or election of directors or certain officers",
    "5.03": "amendments to articles of incorporation or bylaws",
    "5.04": "temporary suspension of trading under employee benefit plans",
    "5.05": "amendments to the code of ethics",
    "5.07": "submission of matters to a vote of security holders",
    "5.08": "shareholder director nominations",
    "7.01": "Regulation FD disclosure",
    "8.01": "other events",
    "9.01": "financial statements and exhibits",
}
_TITLE = re.compile(r"(?P<form>\S+(?: \S+)??) - (?P<company>.+?) \((?P<cik>\d{10})\) \((?P<role>[^)]+)\)")
_ACCESSION = re.compile(r"accession-number=([\d-]+)")
_CODE = re.compile(r"\bItem (\d\.\d\d)")
_ROLES = ("Filer", "Subject", "Issuer")
"""Whom a filing is about; it is listed once for each of those that it names."""


class Edgar:
    """Filings of the ``forms``, such as 8-K. As many pages are read as there are new filings on."""

    def __init__(self, forms: Sequence[str | int], fetcher: Fetcher, address: str = "") -> None:
        self._forms = [str(form) for form in forms]
        self._fetcher, self._address = fetcher, address or ADDRESS

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        found = Polled(remember=dict(remembered))
        for form in self._forms:
            last, newest = str(remembered.get(form, "")), ""
            for page in range(MOST_PAGES):
                filings, listed = self._page(form, page, found)
                newest = max(newest, *(key for key, _ in filings), "")
                found.items += [item for _, item in filings]
                if listed < 2 or not last or any(key == last for key, _ in filings):
                    break
            else:
                found.faults.append(
                    f"more than {MOST_PAGES * COUNT} filings since the last time: older ones are left out"
                )
            found.remember[form] = newest or last
        found.items = _merged(found.items)
        return found

    def _page(self, form: str, page: int, found: Polled) -> tuple[list[tuple[str, Item]], int]:
        """The filings of ``form`` by their keys, and how many entries the page has: the SEC also lists forms that begin
        alike, as 424B2 for 4."""
        params = {"action": "getcurrent", "type": form, "owner": "include", "count": str(COUNT), "output": "atom",
                  "start": str(page * COUNT)}  # fmt: skip
        answer = self._fetcher.get(self._address, params=params)
        filings, faults, listed = [], [], items_of(answer)
        for item in listed:
            filing = _filing(item)
            if filing is None:
                faults.append(f"no filing: {item.title[:80]!r}")
            elif filing.source == form or filing.source == f"{form}/A":
                filings.append((filing.key, replace(filing, source="sec.gov")))
        if page == 0 and len(faults) == len(listed) > 0:
            raise BadAnswer(f"the answer has no filing that can be read; {faults[0]}")
        found.faults += faults
        return filings, len(listed)


def _filing(item: Item) -> Item | None:
    """A filing; its ``source`` is the form for now, and its ``author`` whom it is about."""
    title, accession = _TITLE.fullmatch(" ".join(item.title.split())), _ACCESSION.search(item.key)
    if title is None or accession is None:
        return None
    codes = [code for code in dict.fromkeys(_CODE.findall(item.body)) if code in ITEMS]
    telling = [ITEMS[code] for code in codes if code != "9.01"] or [ITEMS[code] for code in codes]
    about = f": {'; '.join(telling)}" if telling else ""
    company = title["company"].strip()
    return replace(
        item,
        key=accession[1],
        title=f"{company} files {title['form']}{about}",
        body=". ".join(f"Item {code}: {ITEMS[code]}" for code in codes),
        source=title["form"],
        author=company if title["role"] in _ROLES else "",
    )


def _merged(items: list[Item]) -> list[Item]:
    """Each filing once: as the one that tells whom it is about."""
    kept: dict[str, Item] = {}
    for item in items:
        if item.key not in kept or (item.author and not kept[item.key].author):
            kept[item.key] = item
    return list(kept.values())
