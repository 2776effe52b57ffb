"""What several tests of the stream need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.collector import Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.shutdown()
    made.server_close()
