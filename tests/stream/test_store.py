"""The writer's retries against a real ClickHouse that goes away."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from clickhouse_driver import Client

from benchmarks.proxy import Fault, Proxy
from documents import BadRecord, Document, Label, Position, Row
from settings import ClickHouseSettings
from storage import audited, connect
from stream.kafka import Received
from stream.kafka.message import Message
from stream.steps import Isolation, Store
from stream.upkeep import Metrics
from stream.upkeep.patient_client import GaveUp, PatientClient, TopicReplaced

IDS = {"news": "id", "labels": "id-2"}


def batch(first: int, count: int = 10) -> list[Row]:
    return [Document(Position("news", "id", 0, offset)) for offset in range(first, first + count)]


class Ids:
    """The topics of the broker, and those whose partitions were assigned."""

    def __init__(self, assigned: dict[str, str]) -> None:
        self.assigned = assigned

    def __call__(self) -> dict[str, str]:
        return IDS


def store(connecting: Callable[[], Client], patience_s: float = 60, assigned: dict[str, str] = IDS) -> Store:
    return storing(patient(connecting, patience_s), assigned)


def storing(
    client: PatientClient,
    assigned: dict[str, str] = IDS,
    send: Callable[[str, Sequence[Message]], None] = lambda *_: None,
    on_stored: Callable[[Sequence[Row], str], None] = lambda rows, table: None,
) -> Store:
    isolation = Isolation(lambda topic, partition, first, end: [Received(topic, partition, first, b"as it came")])
    return Store(client, Ids(assigned), Metrics(), isolation, send, lambda rows: None, on_stored=on_stored)


def patient(connecting: Callable[[], Client], patience_s: float = 60) -> PatientClient:
    return PatientClient(connecting, patience_s, Metrics())


def test_after_a_batch_that_was_given_up_none_is_stored(client: Client, clickhouse_url: str):
    """ClickHouse is away while the worker stops and back an instant later: the next batch would hide the gap."""
    urls = iter(["clickhouse://127.0.0.1:1/x", *[clickhouse_url] * 10])
    connection = patient(lambda: connect(ClickHouseSettings(url=next(urls))))
    made = storing(connection)
    connection.stop()
    for first in (0, 10):
        with pytest.raises(GaveUp):
            made.run(batch(first))
    assert audited(client) == []


def test_patience_ends(clickhouse_url: str):
    made = store(lambda: connect(ClickHouseSettings(url="clickhouse://127.0.0.1:1/x")), patience_s=0.3)
    with pytest.raises(GaveUp, match="STREAM_STORE_PATIENCE_S"):
        made.run(batch(0))


def test_records_of_a_topic_that_was_made_anew_are_not_stored(client: Client, clickhouse_url: str):
    made = store(lambda: connect(ClickHouseSettings(url=clickhouse_url)), assigned={"news": "another"})
    with pytest.raises(TopicReplaced):
        made.run(batch(0))
    assert audited(client) == []


def through(proxy: Proxy, url: str) -> str:
    """The same user and database as ``url``, by way of ``proxy``."""
    return re.sub(r"@[^/]*", f"@127.0.0.1:{proxy.port}", url)


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_connection_cut_in_an_insert_stores_the_batch_once(client: Client, clickhouse_url: str, when: str):
    with Proxy(lambda: clickhouse_url) as proxy:
        settings = ClickHouseSettings(url=through(proxy, clickhouse_url), send_receive_timeout_s=5)
        connection = patient(lambda: connect(settings))
        made = storing(connection)
        made.run(batch(0))
        fault = Fault(when)  # type: ignore[arg-type]
        proxy.arm(fault)
        made.run(batch(10))
        made.run(batch(20))
        connection.close()
    assert fault.done.is_set()
    (found,) = audited(client)
    assert (found.first, found.last, found.stored, found.repeats, found.missing) == (0, 29, 30, 0, [])


def test_an_insert_that_arrives_after_its_retry_is_seen_once(client: Client, clickhouse_url: str):
    with Proxy(lambda: clickhouse_url) as proxy:
        settings = ClickHouseSettings(url=through(proxy, clickhouse_url), send_receive_timeout_s=1)
        connection = patient(lambda: connect(settings))
        made = storing(connection)
        late = Fault("before", hold_s=2)
        proxy.arm(late)
        made.run(batch(0))
        assert late.done.wait(20)
        connection.close()
    (found,) = audited(client)
    assert (found.stored, found.repeats, found.missing, found.doubled) == (10, 10, [], [])


@pytest.mark.parametrize(
    "value",
    [{"title": "\ud800"}, {"tokens": 70_000}, {"label": "odd"}, {"text": None}],
    ids=lambda value: next(iter(value)),
)
def test_a_row_that_cannot_be_stored_becomes_a_dead_letter_and_its_neighbours_are_stored(
    client: Client, clickhouse_url: str, value: dict[str, Any]
):
    sent: list[bytes] = []
    connection = patient(lambda: connect(ClickHouseSettings(url=clickhouse_url)))
    made = storing(connection, send=lambda topic, messages: sent.extend(message.value for message in messages))
    rows = batch(0, 20)
    rows[7] = Document(Position("news", "id", 0, 7), **value)
    rows.append(Label(Position("labels", "id-2", 0, 0), "positive", "anna\ud800"))
    rows.append(Label(Position("labels", "id-2", 0, 1), "positive", "anna"))
    made.run(rows)
    assert [n for n, row in enumerate(rows) if isinstance(row, BadRecord)] == [7, 20] and len(sent) == 2
    labels, news = sorted(audited(client), key=lambda one: one.topic)
    assert (news.stored, news.dead_lettered, news.last, news.missing, news.repeats) == (19, 1, 19, [], 0)
    assert (labels.stored, labels.dead_lettered, labels.repeats) == (1, 1, 0)
    found = client.execute("SELECT offset, error_kind, raw FROM dead_letters ORDER BY topic DESC")
    assert found == [(7, "failed", "as it came"), (0, "failed", "as it came")]
    connection.close()
