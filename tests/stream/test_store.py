"""The writer's retries against a real ClickHouse that goes away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clickhouse_driver import Client

from benchmarks.proxy import Fault, Proxy
from documents import Document, Position
from settings import ClickHouseSettings
from storage import audited, connect
from stream.steps.store import GaveUp, Store, TopicReplaced
from stream.upkeep.metrics import Metrics

IDS = {"news": "id"}


def batch(first: int, count: int = 10) -> list[Document]:
    return [Document(Position("news", "id", 0, offset)) for offset in range(first, first + count)]


def store(connecting: Callable[[], Client], patience_s: float = 60) -> Store:
    return Store(connecting, lambda: IDS, patience_s, Metrics())


def test_after_a_batch_that_was_given_up_none_is_stored(client: Client, clickhouse_url: str):
    """ClickHouse is away while the worker stops and back an instant later: the next batch would hide the gap."""
    urls = iter(["clickhouse://127.0.0.1:1/x", *[clickhouse_url] * 10])
    made = store(lambda: connect(ClickHouseSettings(url=next(urls))))
    made.stopping.set()
    for first in (0, 10):
        with pytest.raises(GaveUp):
            made.write(batch(first), IDS)
    assert audited(client) == []


def test_patience_ends(clickhouse_url: str):
    made = store(lambda: connect(ClickHouseSettings(url="clickhouse://127.0.0.1:1/x")), patience_s=0.3)
    with pytest.raises(GaveUp, match="STREAM_STORE_PATIENCE_S"):
        made.write(batch(0), IDS)


def test_records_of_a_topic_that_was_made_anew_are_not_stored(client: Client, clickhouse_url: str):
    made = store(lambda: connect(ClickHouseSettings(url=clickhouse_url)))
    with pytest.raises(TopicReplaced):
        made.write(batch(0), {"news": "another"})
    assert audited(client) == []


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_connection_cut_in_an_insert_stores_the_batch_once(client: Client, clickhouse_url: str, when: str):
    with Proxy(lambda: clickhouse_url) as proxy:
        database = clickhouse_url.rpartition("/")[2]
        settings = ClickHouseSettings(url=f"clickhouse://127.0.0.1:{proxy.port}/{database}", send_receive_timeout_s=5)
        made = store(lambda: connect(settings))
        made.write(batch(0), IDS)
        fault = Fault(when)  # type: ignore[arg-type]
        proxy.arm(fault)
        made.write(batch(10), IDS)
        made.write(batch(20), IDS)
        made.close()
    assert fault.done.is_set()
    (found,) = audited(client)
    assert (found.first, found.last, found.stored, found.repeats, found.missing) == (0, 29, 30, 0, [])


def test_an_insert_that_arrives_after_its_retry_is_seen_once(client: Client, clickhouse_url: str):
    with Proxy(lambda: clickhouse_url) as proxy:
        database = clickhouse_url.rpartition("/")[2]
        settings = ClickHouseSettings(url=f"clickhouse://127.0.0.1:{proxy.port}/{database}", send_receive_timeout_s=1)
        made = store(lambda: connect(settings))
        late = Fault("before", hold_s=2)
        proxy.arm(late)
        made.write(batch(0), IDS)
        assert late.done.wait(20)
        made.close()
    (found,) = audited(client)
    assert (found.stored, found.repeats, found.missing, found.doubled) == (10, 10, [], [])
