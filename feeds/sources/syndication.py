"""RSS, Atom and JSON Feed."""

from __future__ import annotations

import json
import re
from calendar import timegm
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import feedparser
from defusedxml.common import DefusedXmlException
from defusedxml.sax import parseString

from documents.files import parse_date
from errors import many
from feeds.fetching import Answer, Fetcher, told
from feeds.item import Item
from feeds.sources.contract import BadAnswer, Polled, top

_END = re.compile(rb"</(?:[a-z]+:)?(?:rss|feed|rdf)>\s*(?:<!--.*?-->\s*)*$", re.IGNORECASE | re.DOTALL)
_CHANNEL = re.compile(rb"<(?:\w+:)?channel[\s/>]", re.IGNORECASE)
_REQUIRED = {"title", "id", "updated"}
_DATES = ("published", "created", "updated")


class Syndication:
    """One address. Nothing is read again that the server says has not changed."""

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self._url, self._fetcher = url, fetcher

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        answer = self._fetcher.get(
            self._url, etag=str(remembered.get("etag", "")), modified=str(remembered.get("modified", ""))
        )
        if answer.body is None:
            return Polled(remember=remembered)
        return Polled(items_of(answer), {"etag": answer.etag, "modified": answer.modified})


def items_of(answer: Answer) -> list[Item]:
    """The items of a feed. Raises ``BadAnswer`` where the answer is none, breaks off, or is an attack."""
    body = answer.body or b""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _json_feed(body)
    refuse_entities(body)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    kept = {name: headers[name] for name in ("content-type",) if name in headers}
    # It is not told the address: it would make one of every id, also of those that are none.
    found = feedparser.parse(body, response_headers=kept, resolve_relative_uris=False)
    if not found.get("version"):
        what = "a web page" if b"<html" in body[:1000].lower() else "no feed"
        raise BadAnswer(f"the answer is {what}, and neither RSS, Atom nor JSON Feed")
    if not _END.search(body[-2000:].replace(b"\x00", b"")):
        raise BadAnswer("the answer breaks off")
    if not found.entries and not _has_place(found, body):
        names = ", ".join(repr(str(name)) for name in found.feed) or "nothing"
        raise BadAnswer(f"the answer begins as a feed, and has neither items nor a channel for them; it has {names}")
    return [_item(entry, found.feed, told(answer.url)) for entry in found.entries]


def _has_place(found: Any, body: bytes) -> bool:
    """Whether a feed without items has the place where they would be: the channel of RSS; Atom's is the feed itself, if
    it has Atom's namespace or what every feed must have."""
    if str(found.version).startswith("rss"):
        return bool(_CHANNEL.search(body.replace(b"\x00", b"")))
    return found.version != "atom" or bool(_REQUIRED & found.feed.keys())


def refuse_entities(body: bytes) -> None:
    """Raises ``BadAnswer`` for XML that declares entities: a few lines of those become gigabytes."""
    from xml.sax import SAXException
    from xml.sax.handler import ContentHandler

    try:
        parseString(body, ContentHandler(), forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise BadAnswer(
            f"the answer declares entities of its own, which feeds need not: {type(error).__name__}"
        ) from error
    except (SAXException, ValueError, LookupError):
        pass  # feeds are often no XML; feedparser knows what to do


def _item(entry: Any, feed: Any, base: str) -> Item:
    title, link = _plain(entry.get("title")), _absolute(base, _plain(entry.get("link")))
    content = [_plain(part.get("value")) for part in entry.get("content") or []]
    body = max([*content, _plain(entry.get("summary"))], key=len)
    return Item(
        key=_plain(entry.get("id")) or link or f"{title}\n{_plain(entry.get('published'))}",
        title=title,
        body="" if body == title else body,
        url=link,
        published_at=_date(entry),
        author=_plain(entry.get("author")),
        lang=_plain(entry.get("language")) or _plain(feed.get("language")),
        tickers=tuple(_symbols(entry)),
    )


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link) if link else ""
    except ValueError:  # such as a broken IPv6 address
        return ""


def _date(entry: Any) -> datetime | None:
    for name in _DATES:
        parsed = entry.get(f"{name}_parsed")
        if parsed:
            try:
                return datetime.fromtimestamp(timegm(parsed), UTC)
            except (ValueError, TypeError, OverflowError):
                continue
        if (found := parse_date(entry.get(name))) is not None:
            return found
    return None


def _symbols(entry: Any) -> list[str]:
    """Tickers that a feed gives in a category whose scheme says that they are: as GlobeNewswire and Nasdaq do."""
    return [
        _plain(tag.get("term"))
        for tag in entry.get("tags") or []
        if re.search(r"stock|ticker|symbol", str(tag.get("scheme") or ""), re.IGNORECASE)
    ]


def _plain(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _json_feed(body: bytes) -> list[Item]:
    try:
        feed = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"the answer is no JSON, or breaks off: {error}") from error
    entries = feed.get("items")
    if "jsonfeed.org" not in str(feed.get("version")):
        advice = "a feed of kind 'json' says where its items are"
        raise BadAnswer(f"the answer is JSON, and no JSON Feed; {top(feed)}; {advice}")
    if not isinstance(entries, list):
        raise BadAnswer(f"the JSON Feed has no list of items at $.items; {top(feed)}")
    if entries and not any(isinstance(entry, dict) for entry in entries):
        raise BadAnswer(
            f"the JSON Feed has {many(len(entries), 'item')}, and none is an object: {str(entries[0])[:80]!r}"
        )
    return [
        Item(
            key=str(entry.get("id") or entry.get("url") or entry.get("title")),
            title=_plain(entry.get("title")),
            body=_plain(entry.get("content_text")) or _plain(entry.get("content_html")) or _plain(entry.get("summary")),
            url=_plain(entry.get("url")),
            published_at=parse_date(entry.get("date_published") or entry.get("date_modified")),
            author=", ".join(_plain(one.get("name")) for one in entry.get("authors") or [] if isinstance(one, dict)),
            lang=_plain(entry.get("language")) or _plain(feed.get("language")),
        )
        for entry in entries
        if isinstance(entry, dict)
    ]
