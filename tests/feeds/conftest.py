from __future__ import annotations

from collections.abc import Iterator

import pytest

from feeds.fetching import Fetcher
from tests.support.feed_server import FeedServer, feed_server


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    """One that may ask the loopback address, and that does not wait between two questions."""
    made = Fetcher(
        "me@firm.test", allow_private=True, most_bytes=1_000_000, timeout_s=10, host_pause_s=0, version="1.2"
    )
    yield made
    made.close()
