"""Personal data in texts: e-mail addresses, and account, card and telephone numbers become words in brackets."""

from __future__ import annotations

import re

from documents.redaction.accounts import without_cards, without_ibans
from documents.redaction.addresses import without_addresses
from documents.redaction.identifiers import holds_personal_data, redact_url
from documents.redaction.telephones import without_telephones

_FEWEST_DIGITS = re.compile(r"(?:\d[^\d]{0,4}){7}")
"""A quick test. Every number that is removed has at least seven digits, with at most four other characters between two
of them."""


def redact(text: str) -> str:
    """``text`` with ``[email]``, ``[iban]``, ``[card]`` and ``[phone]`` in place of the addresses and numbers.

    Prices, percentages, dates and identifiers of securities stay as they are. The time grows with the text's length.
    """
    if "@" in text:
        text = without_addresses(text)
    if not _FEWEST_DIGITS.search(text):
        return text
    return without_telephones(without_cards(without_ibans(text)))


__all__ = ["holds_personal_data", "redact", "redact_url"]
