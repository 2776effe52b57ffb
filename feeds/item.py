"""One thing that a source has published, and the message that it becomes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from documents.messages import EARLIEST_PUBLICATION, InvalidMessage, decode

LONGEST_ID = 300
LONGEST_BODY = 190_000
"""A message may have a little more; what is longer is cut, as nobody reads so much."""


_ADDRESS = re.compile(r"://|@|^tag:")
"""Keys that are addresses: of a post, they commonly hold the name of who wrote it."""


@dataclass(frozen=True, slots=True)
class Item:
    """What a source says of one item. ``key`` tells it from all others of its source, for ever, and ``in_reply_to`` is
    the key of the item that it answers."""

    key: str
    title: str = ""
    body: str = ""
    url: str = ""
    published_at: datetime | None = None
    source: str = ""
    author: str = ""
    in_reply_to: str = ""
    lang: str = ""
    tickers: Sequence[str] = field(default_factory=tuple)


class NoMessage(ValueError):
    """An item cannot be a message. The text says why."""


def message_of(item: Item, topic: str, feed: str, source: str, now: datetime) -> tuple[bytes, bytes]:
    """(key, value) of the record for ``item``. Raises ``NoMessage``.

    Clocks lie: an item without a date, of before 1990 or of the future is dated ``now``, when it was seen.
    """
    at = item.published_at
    if at is None or not EARLIEST_PUBLICATION <= at <= now:
        at = now
    message: dict[str, object] = {
        "id": document_id(topic, feed, item.key),
        "source": (item.source or source)[:512],
        "published_at": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "tickers": [one for one in dict.fromkeys(item.tickers) if 0 < len(one) <= 32][:64],
    }
    if topic == "news":
        title, body = (item.title, item.body) if item.title.strip() else (item.body, "")
        message |= {"title": title[:LONGEST_BODY], "body": body[:LONGEST_BODY] or None, "url": item.url or None}
    else:
        text = "\n".join(filter(str.strip, (item.title, item.body)))
        answered = document_id(topic, feed, item.in_reply_to) if item.in_reply_to else None
        message |= {"text": text[:LONGEST_BODY], "author": item.author or None, "in_reply_to": answered}
    if item.lang:
        message["lang"] = item.lang
    try:
        value = msgspec.json.encode(message)
        decode(topic, value, now)
    except (InvalidMessage, UnicodeEncodeError) as error:
        raise NoMessage(f"item {item.key[:100]!r}: {error}") from error
    return str(message["id"]).encode(), value


def document_id(topic: str, feed: str, key: str) -> str:
    """The id of the document: the source's own, after the feed's name, as two sources may give the same.

    It is a hash if it is long or cannot be printed, and for a comment also if it is an address: ids are stored as they
    are, and an author's name must not be.
    """
    if len(key) > LONGEST_ID or not key.isprintable() or (topic == "comments" and _ADDRESS.search(key)):
        key = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{feed}/{key}"
