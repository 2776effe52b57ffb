"""The kinds of source: syndication (RSS, Atom, JSON Feed), JSON interfaces, web sockets, EDGAR, GDELT, folder, IMAP."""

from __future__ import annotations

from pathlib import Path

from feeds.fetching import Fetcher
from feeds.plan import Feed, mapping_of
from feeds.sources.contract import BadAnswer, Polled, Source
from feeds.sources.edgar import Edgar
from feeds.sources.folder import Folder
from feeds.sources.gdelt import Gdelt
from feeds.sources.interface import Interface
from feeds.sources.mailbox import Mailbox
from feeds.sources.syndication import Syndication
from feeds.sources.watched import Watched
from feeds.sources.web_socket import WebSocket

__all__ = ["BadAnswer", "Polled", "Source", "publisher_of", "source_of", "topic_of"]


def source_of(feed: Feed, fetcher: Fetcher) -> Source:
    """What reads ``feed``."""
    source = _source_of(feed, fetcher)
    return Watched(source) if feed.watchlist else source


def _source_of(feed: Feed, fetcher: Fetcher) -> Source:
    if mapped := mapping_of(feed):
        if mapped.socket:
            return WebSocket(mapped, mapped.socket, fetcher, feed.params, feed.given)
        return Interface(mapped, fetcher, feed.params, feed.given)
    if feed.edgar is not None:
        return Edgar(feed.edgar, fetcher, feed.address)
    if feed.gdelt is not None:
        return Gdelt(feed.gdelt, fetcher, feed.address)
    if feed.folder:
        return Folder(Path(feed.folder).expanduser(), topic_of(feed))
    if feed.imap:
        return Mailbox(feed.imap, fetcher)
    return Syndication(feed.url, fetcher)


def topic_of(feed: Feed) -> str:
    """The topic of its messages: what the file says, or else what its preset says, or news."""
    mapped = mapping_of(feed)
    return feed.topic or (mapped.topic if mapped else "news")


def publisher_of(feed: Feed) -> str:
    """The source of messages whose items name none: what the file says, or its preset, or the feed's name."""
    mapped = mapping_of(feed)
    return feed.source or (mapped.source if mapped else "") or feed.name
