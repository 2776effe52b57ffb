"""Personal data in addresses of pages, and in the names that feeds give to documents and sources."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from documents.redaction.accounts import without_ibans
from documents.redaction.addresses import without_addresses
from documents.redaction.telephones import without_telephones

_TELEPHONE = re.compile(r"(?:\+|%2[Bb]|\b(?:tel|whatsapp|phone|mobile|sms)[:=/]|wa\.me/)\D{0,2}\d")
_MAY_HOLD = re.compile(rf"@|%40|[A-Za-z]{{2}}\d{{2}}[ .-]?[A-Za-z0-9]{{4}}|{_TELEPHONE.pattern}")
"""An address or id without any of this holds no personal data. Most have none, and are not examined further."""
_PART = re.compile(r"[^/&;=?:,]+")


def holds_personal_data(name: str) -> bool:
    """Whether an e-mail address, an account's number, or a telephone number with a sign that it is one is in ``name``.

    Bare digits are what feeds number their documents with.
    """
    if not _MAY_HOLD.search(name):
        return False
    plain = unquote(name)
    return _redacted(plain, bool(_TELEPHONE.search(name))) != plain


def redact_url(url: str) -> str:
    """``url`` without a user's name and password, and with words in brackets in place of personal data in its parts."""
    if not _MAY_HOLD.search(url):
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _redacted(url, True)
    called = bool(_TELEPHONE.search(url))
    rest = (parts.path, parts.query, parts.fragment)
    path, query, fragment = (_PART.sub(lambda part: _part(part.group(), called), one) for one in rest)
    if host == parts.netloc and (path, query, fragment) == rest:
        return url
    return SplitResult(parts.scheme, host, path, query, fragment).geturl()


def _part(part: str, called: bool) -> str:
    plain = unquote(part)
    redacted = _redacted(plain, called)
    return part if redacted == plain else quote(redacted, safe="[]@+ ").replace(" ", "%20")


def _redacted(plain: str, called: bool) -> str:
    found = without_ibans(without_addresses(plain) if "@" in plain else plain)
    return without_telephones(found) if called else found
