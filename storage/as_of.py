"""Questions about the present, asked as of an earlier moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime

PRESENT = {
    "alerts_now": "alerts_as_of",
    "events_now": "events_as_of",
    "incidents": "incidents_as_of",
    "movers": "movers_as_of",
    "sentiment_now": "sentiment_as_of",
}
"""The views that show documents or alerts as they are now, each with the view that shows them at a moment."""

_NAMED = re.compile(
    rf"'(?:[^'\\]|\\.)*'|--[^\n]*|/\*.*?\*/|\b(?P<before>(?:FROM|JOIN)\s+)(?P<view>{'|'.join(PRESENT)})\b(?!\s*[(.])",
    re.IGNORECASE | re.DOTALL,
)
"""Such a view where a query reads it. Texts and comments come first, so that nothing in them is taken for one."""

_KNOWN = re.compile(r"\bknown = \{\w+:[^}]+\}")
_TODAY = "known = now64(3)"


def views_of_the_present(query: str) -> list[str]:
    """The views of ``PRESENT`` that ``query`` reads, in their order."""
    return [found["view"].lower() for found in _NAMED.finditer(query) if found["view"]]


def as_of(query: str, moment: datetime) -> str:
    """``query`` with the views of ``PRESENT`` as they were at ``moment``, by all that is stored today."""
    at = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

    def then(found: re.Match[str]) -> str:
        if not found["view"]:
            return found[0]
        return f"{found['before']}{PRESENT[found['view'].lower()]}(moment = '{at}', {_TODAY})"

    return _NAMED.sub(then, query)


def by_what_is_stored_today(query: str) -> str:
    """``query`` with what is stored today in place of what was stored at the moment of a parameter: history that was
    loaded later is then seen. A query that compares the two is left as it is."""
    return query if _TODAY in query else _KNOWN.sub(_TODAY, query)
