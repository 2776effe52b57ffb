"""Records that end a worker's process, or keep it busy for ever, are found and set aside; no other is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

from deploy.local import BrokerKind, Service
from storage import deaths, write_owner
from stream import trial
from stream.kafka import Received, produce
from stream.takeover import Takeover
from stream.trial import NoTrial
from tests.support import Asking, data_folder, eventually, kafka_at

SITE = """
import os, signal, sys
if sys.orig_argv[1:4] == ["-m", "finsent", "worker"] or "--multiprocessing-fork" in sys.orig_argv:
    import stream.steps.read as read
    plain = read.normalise
    def normalise(text, *rest):
        if "deadly" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        while "endless" in text:
            pass
        return plain(text, *rest)
    read.normalise = normalise
"""
"""Python runs this at the start of every process: workers, and what they start, have a fault then."""

TITLES = ["one", "a deadly one", "two", "an endless one", "three"]


@pytest.fixture
def service(broker: BrokerKind, english: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("STREAM_RECORD_SECONDS", "5")
    with Service(data_folder(tmp_path, english), broker=broker) as started:
        yield started


def test_records_with_which_workers_died_are_set_aside(service: Service, tmp_path: Path) -> None:
    client = Asking(service.stack.clickhouse_url)
    message = {"source": "s", "published_at": "2026-01-05T10:00:00Z"}
    lines = [json.dumps(message | {"id": f"n{n}", "title": title}) for n, title in enumerate(TITLES)]
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(lines) + "\n")
    first = service.stack.children["worker-0"].pid
    assert produce(path, "news", kafka_at(service.stack.kafka_bootstrap)).acknowledged == len(TITLES)
    eventually(lambda: client.execute("SELECT count() FROM documents") == [(3,)], 480, "the neighbours are stored")
    assert client.execute("SELECT title FROM documents ORDER BY document_id") == [("one",), ("two",), ("three",)]
    found = client.execute("SELECT error_kind, error, raw FROM dead_letters ORDER BY raw")
    assert [(kind, raw) for kind, _, raw in found] == [("deadly", lines[1]), ("deadly", lines[3])]
    assert "2 workers died" in found[0][1] and found[0][1].endswith("ended with SIGKILL")
    assert found[1][1].endswith("was not done within 5 s")
    assert service.stack.children["worker-0"].pid != first


HERE = ("news", "id", 0)


def test_owners_that_died_without_storing_anything_are_counted(client: Client) -> None:
    def count(at: int, asking: str = "new") -> int:
        return deaths(client, asking, {HERE: at})[HERE]

    assert count(0) == 0
    write_owner(client, "a", {HERE: 0})
    assert count(7) == 1, "wherever it began, it died at 7"
    write_owner(client, "b", {HERE: 7})
    assert (count(7), count(9)) == (2, 1), "what stored something before it died is the first one of a new place"
    assert count(7, "b") == 1, "who asks is alive"
    write_owner(client, "c", {HERE: 7})
    assert count(7) == 3
    write_owner(client, "c", {HERE: 7}, given_back=True)
    assert count(7) == 2
    write_owner(client, "b", {HERE: 7}, given_back=True)
    assert count(7) == 1, "one that was slow to give it back was not dead"
    assert deaths(client, "new", {("news", "another topic of that name", 0): 7}) == {
        ("news", "another topic of that name", 0): 0
    }


class Dying:
    """Partition 0 of ``news``, whose owner dies again and again at offset 5 with 100 records waiting."""

    def __init__(self, deadly: set[int], starts: bool = True) -> None:
        self.deadly, self.starts = deadly, starts
        self.tried: list[int] = []

    def records(self, positions: dict[tuple[str, int], int], most: int) -> list[Received]:
        return [Received(*where, n, b"{}") for where, at in positions.items() for n in range(at, min(at + most, 105))]

    def trial(self, records: list[Received]) -> dict[tuple[str, int, int], str]:
        if not self.starts:
            raise NoTrial("it does not start")
        self.tried.append(len(records))
        return {(r.topic, r.partition, r.offset): "ended" for r in records if r.offset in self.deadly}


class Calling:
    """A patient client without patience."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def call(self, action):
        return action(self.client)


def owner(name: str, client: Client, dying: Dying) -> Takeover:
    return Takeover(name, Calling(client), lambda: {"news": "id"}, dying.records, dying.trial, 10)  # type: ignore[arg-type]


@pytest.mark.parametrize("starts", [True, False], ids=["", "no trial"])
def test_records_are_tried_after_two_deaths_and_more_of_them_after_each_further_one(
    client: Client, starts: bool
) -> None:
    dying = Dying({30}, starts)
    for n in range(2):
        made = owner(f"w{n}", client, dying)
        made.take({("news", 0): 5})
        assert not dying.tried and not made.deadly
    for n in range(2, 5):
        made = owner(f"w{n}", client, dying)
        made.take({("news", 0): 5})
    assert dying.tried == ([10, 20, 40] if starts else [])
    assert list(made.deadly) == ([("news", 0, 30)] if starts else [])
    made.give_back()
    owner("w9", client, dying).take({("news", 0): 31})
    assert dying.tried == ([10, 20, 40] if starts else []), "it went on, so nothing is tried"


class Ending:
    """A process that ends with every record."""

    started = 0

    def __init__(self, *_: object) -> None:
        Ending.started += 1

    def try_one(self, record: Received, seconds: float) -> str:
        return "ended with SIGSEGV"

    def close(self) -> None:
        pass


def test_partitions_do_not_wait_until_each_of_many_deadly_records_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_Tester", Ending)
    made = trial.Trial(1, {})
    assert len(made.deadly(Received("news", 0, n, b"{}") for n in range(1000))) == trial.MOST_DEADLY == Ending.started
