"""What is sent to a real broker: each item once, whatever dies on the way."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection

from feeds.delivery import Delivery
from feeds.item import Item
from feeds.plan import Feed, Mapped, Plan, Socket
from feeds.runner import LONGEST_PAUSE_S, Runner
from feeds.sources import Polled
from feeds.state import BadState, InUse, StateFile
from settings import KafkaSettings
from stream.kafka import KafkaAway, RecordOutlet, ensure_topics
from tests.support.socket_server import socket_server

FEED = Feed(name="wire", url="https://e.test/rss")
MANY = 700
"""More than a consumer takes in one go."""


class Killed(BaseException):
    """Ends a delivery in the middle, as a SIGKILL does: nothing after it is written."""


class Dying(RecordOutlet):
    """Sends so many of the records, and dies."""

    def __init__(self, kafka: KafkaSettings, share: float) -> None:
        super().__init__(kafka)
        self._share = share

    def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
        super().send(topic, records[: int(len(records) * self._share)])
        raise Killed


@pytest.fixture
def kafka(kafka_bootstrap: str) -> KafkaSettings:
    """A topic of the test's own."""
    settings = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_news=f"news-{uuid.uuid4().hex[:8]}")
    ensure_topics(settings, 2, ["news"])
    return settings


def polled(numbers: Iterable[int], **remember: str) -> Polled:
    return Polled(
        [Item(f"i{n}", f"Title {n}", published_at=datetime(2024, 1, 31, tzinfo=UTC)) for n in numbers], remember
    )


def keys_in(kafka: KafkaSettings) -> list[str]:
    """All keys in the topic, each as often as it is there."""
    outlet = RecordOutlet(kafka)
    found = outlet.positions("news")
    keys = sorted(key.decode() for key in outlet.keys_since("news", dict.fromkeys(found, 0)))
    assert sum(found.values()) == len(keys), (
        f"{sum(found.values())} records with {len(keys)} keys: some were sent twice"
    )
    return keys


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_death_while_sending_sends_nothing_twice_and_leaves_nothing_out(
    kafka: KafkaSettings, tmp_path: Path, share: float
) -> None:
    path = tmp_path / "state.json"
    first = StateFile(path)
    assert Delivery(first, RecordOutlet(kafka)).deliver(FEED, polled(range(10))) == (10, [])
    with pytest.raises(Killed):
        Delivery(first, Dying(kafka, share)).deliver(FEED, polled(range(MANY), since="now"))
    first.close()

    state = StateFile(path)
    assert state.of("wire").remember == {}, "what was not sent was not read"
    delivery = Delivery(state, RecordOutlet(kafka))
    arrived = int((MANY - 10) * share)
    assert delivery.recover() == arrived and delivery.recover() == 0
    sent, faults = delivery.deliver(FEED, polled(reversed(range(MANY + 5)), since="later"))
    assert (sent, faults) == (MANY + 5 - 10 - arrived, [])
    assert keys_in(kafka) == sorted(f"wire/i{n}" for n in range(MANY + 5))
    assert state.of("wire").sent == MANY + 5 and state.of("wire").remember == {"since": "later"}
    state.close()


def test_what_a_broker_did_not_take_is_sent_when_it_is_back(kafka: KafkaSettings, tmp_path: Path) -> None:
    class Failing(RecordOutlet):
        away = True

        def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
            super().send(topic, records[:1])
            if self.away:
                raise KafkaAway("it went away after the first record")
            super().send(topic, records[1:])

    state, outlet = StateFile(tmp_path / "state.json"), Failing(kafka)
    delivery = Delivery(state, outlet)
    with pytest.raises(OSError, match="went away"):
        delivery.deliver(FEED, polled(range(3)))
    outlet.away = False
    assert delivery.deliver(FEED, polled(range(3))) == (2, [])
    assert keys_in(kafka) == ["wire/i0", "wire/i1", "wire/i2"]


def test_items_that_are_no_messages_are_told_once_and_keep_back_no_other(kafka: KafkaSettings, tmp_path: Path) -> None:
    delivery = Delivery(StateFile(tmp_path / "state.json"), RecordOutlet(kafka))
    mixed = Polled([Item("good", "A title"), Item("empty"), Item("half", "\ud800"), Item("good", "The same again")])
    sent, faults = delivery.deliver(FEED, mixed)
    assert sent == 1 and len(faults) == 2 and "'empty'" in faults[0]
    assert delivery.deliver(FEED, mixed) == (0, [])
    assert keys_in(kafka) == ["wire/good"]


def test_the_state_is_written_again_only_if_it_changed(kafka: KafkaSettings, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = StateFile(path)
    delivery = Delivery(state, RecordOutlet(kafka))
    assert delivery.deliver(FEED, polled(range(3), etag="a")) == (3, [])
    first = path.stat()
    assert delivery.deliver(FEED, polled(range(3), etag="a")) == (0, [])
    assert delivery.deliver(FEED, polled([], etag="a")) == (0, [])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    state.close()
    again = StateFile(path)
    again.save()
    assert path.stat().st_mtime_ns == first.st_mtime_ns
    delivery = Delivery(again, RecordOutlet(kafka))
    assert delivery.deliver(FEED, polled(range(3), etag="b")) == (0, [])
    assert path.stat().st_mtime_ns != first.st_mtime_ns and '"b"' in path.read_text()
    again.close()


def test_a_clock_that_lies_dates_nothing_in_the_future(kafka: KafkaSettings, tmp_path: Path) -> None:
    now, state = datetime(2024, 1, 31, 12, tzinfo=UTC), StateFile(tmp_path / "state.json")
    ahead = Polled([Item("a", "T", published_at=datetime(2031, 1, 1, tzinfo=UTC)), Item("b", "T")])
    assert Delivery(state, RecordOutlet(kafka)).deliver(FEED, ahead, now) == (2, [])
    assert state.of("wire").last_item == now.timestamp()


def test_a_state_that_is_no_state_and_one_in_use_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"feeds": 3}')
    with pytest.raises(BadState, match=r"state\.json"):
        StateFile(path)
    path.unlink()
    held = StateFile(path)
    with pytest.raises(InUse, match="another process"):
        StateFile(path)
    held.close()
    StateFile(path).close()


def test_a_web_socket_goes_on_where_a_killed_process_was(kafka: KafkaSettings, tmp_path: Path) -> None:
    numbers, stop = 1200, threading.Event()

    def send(connection: ServerConnection, params: dict[str, str]) -> None:
        for number in range(int(params.get("from", 0)), numbers):
            connection.send(json.dumps({"id": f"i{number}", "t": f"Title {number}", "n": number}))

    class Once(RecordOutlet):
        """Sends the first records, and dies with half of the next ones."""

        def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
            first = not sum(self.positions(topic).values())
            super().send(topic, records if first else records[: len(records) // 2])
            if not first:
                raise Killed

    class Ending(RecordOutlet):
        """Ends the runner when all is there."""

        def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
            super().send(topic, records)
            if sum(self.positions(topic).values()) >= numbers:
                stop.set()

    with socket_server() as server:
        server.script = send
        socket = Socket(cursor="$[*].n", param="from", overlap=10)
        mapped = Mapped(url=server.url, items="$[*]", fields={"id": "$.id", "title": "$.t"}, socket=socket)
        feed = Feed(name="wire", json=mapped, every="0.1s")
        plan = Plan(contact="me@firm.test", feeds=[feed], allow_private=True, host_pause_s=0)
        state = StateFile(tmp_path / "state.json")
        with pytest.raises(Killed):
            Runner(plan, state, Once(kafka)).run(stop)
        state.close()
        state = StateFile(tmp_path / "state.json")
        runner = Runner(plan, state, Ending(kafka))
        runner.run(stop)
    assert keys_in(kafka) == sorted(f"wire/i{number}" for number in range(numbers))
    assert state.of("wire").sent == numbers and state.of("wire").remember == {"cursor": numbers - 1}
    assert len(server.asked) == 2 and int(server.asked[1]["from"]) > 0 and runner.failed == []
    state.close()


def test_the_pauses_after_failures_grow_to_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    state = StateFile(tmp_path / "state.json")
    feeds = [Feed(name=every, url="https://e.test/rss", every=every) for every in ("10m", "2h")]
    runner = Runner(Plan(contact="me@firm.test", feeds=feeds), state, RecordOutlet(KafkaSettings()))  # nothing is sent
    often, seldom = runner._turns
    pauses = []
    for _ in range(2000):
        runner._failed(often, "no answer")
        pauses.append(often.due)
    assert pauses[:3] == [1200, 2400, LONGEST_PAUSE_S] and set(pauses[3:]) == {LONGEST_PAUSE_S}
    runner._failed(seldom, "no answer")
    assert seldom.due == 7200  # failing is no reason to ask more often
    runner._failed(often, "asked too often", retry_after=86_400)
    assert often.due == 86_400
    state.close()
