"""E-mail addresses in a text."""

from __future__ import annotations

import re

# An address is searched for by its @, and its first side is matched backwards from there: a search that begins with the
# first side would begin at every letter.
MOST_LOCAL = 64
_AT = re.compile(r"(?<=[\w.+-])@(?=[\w-]{1,63}\.[\w-])")
_LOCAL, _DOMAIN = re.compile(r"[\w.+-]+"), re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")


def without_addresses(text: str) -> str:
    """``text`` with ``[email]`` in place of each address."""
    parts, done = [], 0
    for match in _AT.finditer(text):
        at = match.start()
        local = _LOCAL.match(text[max(done, at - MOST_LOCAL) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        if local and domain and at >= done:
            parts += [text[done : at - local.end()], "[email]"]
            done = domain.end()
    return "".join([*parts, text[done:]])
