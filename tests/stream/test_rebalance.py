"""The moments in which the group has taken a partition away, and not everybody knows it yet."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer import AIOKafkaConsumer
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from stream.kafka.intake import Intake
from stream.kafka.ledger_consumer import LedgerConsumerThread
from stream.upkeep.lag import Lag
from stream.upkeep.metrics import Metrics
from stream.upkeep.watchdog import Watchdog
from tests.support import eventually


async def never(*_: Any) -> Any:
    raise AssertionError("not asked")


def test_the_lag_of_a_partition_that_was_just_taken_away_is_unknown_and_no_crash():
    async def scene() -> None:
        subscription: Any = SubscriptionState()
        subscription.subscribe({"news"})
        subscription.assign_from_subscribed({TP("news", 0), TP("news", 1)})
        client: Any = object.__new__(AIOKafkaConsumer)
        client._subscription, client._closed = subscription, True
        thread: Any = object.__new__(LedgerConsumerThread)
        thread._consumer = client
        intake = Intake(lambda *_: [])
        intake.assign({("news", 0): 5, ("news", 1): 7})
        subscription.subscription.assignment.state_value(TP("news", 0)).highwater = 9
        lag = Lag(intake, lambda *where: thread.highwater(TP(*where)), never, never, dict, Metrics())
        assert (lag.total(), lag.furthest_behind()) == (4, "news/0 at 5")
        subscription.assign_from_subscribed({TP("news", 1)})  # aiokafka does this before it tells Faust
        lag.report()
        assert (lag.total(), lag.furthest_behind()) == (0, "")
        intake.assign({})
        lag.report()

    asyncio.run(scene())


def test_what_is_fetched_does_not_change_while_it_is_fetched(monkeypatch: pytest.MonkeyPatch):
    """The event loop pauses and resumes partitions in the very set that it has handed to the consumer's thread."""
    asked: list[Any] = []

    async def fetch(self: Any, consumer: Any, active: set[TP], *_: Any) -> dict[TP, list[Any]]:
        live.add(TP("news", 1))
        asked.append(active)
        return {}

    monkeypatch.setattr(AIOKafkaConsumerThread, "_fetch_records", fetch)
    live = {TP("news", 0)}
    client: Any = SimpleNamespace(_subscription=SimpleNamespace(subscription=None))
    thread: Any = object.__new__(LedgerConsumerThread)
    asyncio.run(thread._fetch_records(client, live))
    assert asked == [{TP("news", 0)}]
    assert asyncio.run(thread._fetch_records(client, set())) == {} and len(asked) == 1


def test_a_fault_in_the_question_whether_it_is_stuck_does_not_end_the_watchdog():
    asked: list[int] = []

    def stuck() -> str:
        asked.append(len(asked))
        if len(asked) == 1:
            raise KeyError("a partition that was taken away")
        return ""

    watchdog = Watchdog(stuck, lambda: None, lambda why: None, 0.2)
    watchdog.start()
    eventually(lambda: len(asked) > 2, 5, "it goes on asking")
    watchdog.stop()
