"""Personal data: authors become keyed pseudonyms, and e-mail addresses and numbers are taken out of texts."""

from __future__ import annotations

import hashlib
import hmac
import re

SHORTEST_KEY = 32

# An address is searched for by its @, and its first side is matched backwards from there: a search that begins with the
# first side would begin at every letter.
MOST_LOCAL = 64
_AT = re.compile(r"(?<=[\w.+-])@(?=[\w-]{1,63}\.[\w-])")
_LOCAL, _DOMAIN = re.compile(r"[\w.+-]+"), re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
# Lengths by country, from the IBAN registry of ISO 13616.
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("NL", "DK", "FI"), 18),
    **dict.fromkeys(("AT", "LU", "LT"), 20),
    **dict.fromkeys(("CH", "LV", "HR"), 21),
    **dict.fromkeys(("DE", "GB", "IE", "BG"), 22),
    **dict.fromkeys(("ES", "SE", "CZ", "SK", "RO"), 24),
    **dict.fromkeys(("PT",), 25),
    **dict.fromkeys(("FR", "IT", "GR"), 27),
    **dict.fromkeys(("PL", "HU", "CY"), 28),
}
_IBAN = re.compile(
    rf"\b(?:{'|'.join(_IBAN_LENGTHS)})\d{{2}}(?: ?[A-Z0-9]{{4}}){{2,6}}(?: ?[A-Z0-9]{{1,4}})?(?![A-Za-z0-9])"
)
_CARD = re.compile(r"(?<![\w.,-])(?:\d[ -]?){12,18}\d(?![\w%-]|[.,]\d)")
_PHONE = re.compile(
    r"(?<![\w.,$€£¥+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,8}){1,4}|\+\d{9,14}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[ .-]\d{3}[ .-]\d{4}|\d{3}-\d{4})(?![\w%-]|[.,]\d)"
)


def redact(text: str) -> str:
    """``text`` with ``[email]``, ``[iban]``, ``[card]`` and ``[phone]`` in place of the addresses and numbers.

    Prices, percentages, dates and identifiers of securities stay as they are.
    """
    if "@" in text:
        text = _without_addresses(text)
    if sum(map(str.isdigit, text)) < 7:
        return text
    text = _IBAN.sub(_iban, text)
    text = _CARD.sub(lambda match: "[card]" if _is_card(match.group()) else match.group(), text)
    return _PHONE.sub("[phone]", text)


def _without_addresses(text: str) -> str:
    parts, done = [], 0
    for match in _AT.finditer(text):
        at = match.start()
        local = _LOCAL.match(text[max(done, at - MOST_LOCAL) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        if local and domain and at >= done:
            parts += [text[done : at - local.end()], "[email]"]
            done = domain.end()
    return "".join([*parts, text[done:]])


def _is_card(text: str) -> bool:
    """Whether the check digit of ISO/IEC 7812 (Luhn) is right."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _iban(match: re.Match[str]) -> str:
    """The match, with ``[iban]`` for a valid IBAN at its start: of its country's length, and 1 modulo 97."""
    found = match.group()
    length, held = _IBAN_LENGTHS[found[:2]], 0
    for end, c in enumerate(found, start=1):
        held += c != " "
        if held == length:
            compact = found[:end].replace(" ", "")
            number = "".join(str(int(c, 36)) for c in compact[4:] + compact[:4])
            return "[iban]" + found[end:] if int(number) % 97 == 1 else found
    return found


class Pseudonymiser:
    """Turns an author's id into a keyed HMAC-SHA256. Without the key, nobody can find the author by trying names."""

    def __init__(self, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(
                f"the pseudonym key has {len(key)} characters, at least {SHORTEST_KEY} are needed; make one with "
                "`python -c 'import secrets; print(secrets.token_hex(32))'` and set FINSENT_PSEUDONYM_KEY"
            )
        self._key = key.encode()

    def author(self, source: str, author: str) -> str:
        """32 hexadecimal digits, the same for the same author of the same source."""
        return hmac.new(self._key, f"{source}\0{author}".encode(), hashlib.sha256).hexdigest()[:32]

    def __repr__(self) -> str:
        return "Pseudonymiser(key hidden)"
