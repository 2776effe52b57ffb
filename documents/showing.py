"""Text from feeds, made harmless for where people see it: a terminal, or a cell of a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

_FORMULA = re.compile(r"[\s\x00-\x20]*[=+\-@＝＋－＠﹢﹣﹦﹫−]|[\t\r\n]")
_SAID_PLAIN = re.compile(r"'(?=[\s\x00-\x20]*[=+\-@＝＋－＠﹢﹣﹦﹫−]|[\t\r\n])")
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_PLAIN = frozenset("\n\t\u200c\u200d")
"""Line's end, tab, and the two joiners that languages and emoji are written with."""


def shown(text: str) -> str:
    """``text`` for a terminal: control characters (so escape sequences, too), direction marks and invisible characters
    are spelled out, as in ``\\u001b``; a line's end and a tab stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in _PLAIN or unicodedata.category(c) not in _HIDDEN else _spelled_out(ord(c)) for c in text)


def spreadsheet_cell(text: str) -> str:
    """``text`` for a cell of a CSV file: a ' is put in front of what a spreadsheet would take for a formula.
    Numbers stay as they are."""
    if not _FORMULA.match(text) or _is_number(text):
        return text
    return "'" + text


def from_spreadsheet(text: str) -> str:
    """The text of which ``spreadsheet_cell`` made ``text``."""
    return _SAID_PLAIN.sub("", text, count=1) if _SAID_PLAIN.match(text) else text


def _spelled_out(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", text) is not None
