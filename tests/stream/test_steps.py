"""Every step keeps the contract of ``stream.steps.Step``."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from documents import (
    EMBEDDING_BYTES,
    BadRecord,
    Document,
    Label,
    Linker,
    Mention,
    Position,
    Pseudonymiser,
    Row,
    Tombstone,
    load_watchlist,
)
from model import Scores
from stream.kafka import Received
from stream.steps import Link, Publish, Read, Score, Step, Store
from stream.upkeep import Metrics
from stream.upkeep.patient_client import PatientClient

IDS = {"news": "id-1", "comments": "id-2", "labels": "id-3"}
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


class Broken(Exception):
    """What fails in this test."""


class Scorer:
    """Scores by the length of a text."""

    version = "v1"

    def __init__(self, fails: bool) -> None:
        self.topics = SimpleNamespace(classify=lambda texts, *_: [(["debt"], [0.5], 0.1)] * len(texts))
        self._fails = fails

    def score(self, texts: Sequence[str], *_: Any) -> Scores:
        if self._fails:
            raise Broken
        p = np.array([[0.2, 0.3, 0.5] if len(text) % 2 else [0.5, 0.3, 0.2] for text in texts], np.float32)
        vectors = np.eye(len(texts), EMBEDDING_BYTES, dtype=np.float32)
        return Scores(p, vectors, np.ones(len(texts), np.int32), np.log(p), np.ones(len(texts), bool))


class ClickHouse:
    """Takes every insert."""

    def __init__(self, fails: bool) -> None:
        self.inserts: list[tuple[str, int]] = []
        self._fails = fails

    def execute(self, sql: str, columns: Any = None, **_: Any) -> list[Any]:
        if self._fails:
            raise Broken
        self.inserts.append((sql.split()[2], len(columns[0])))
        return []


class Ids:
    assigned = IDS

    def __call__(self) -> dict[str, str]:
        return IDS


def score(fails: bool) -> Step:
    scorer: Any = Scorer(fails)
    return Score(scorer)


def link(fails: bool) -> Step:
    made = Link(100)
    if fails:
        made._novelty = SimpleNamespace(assign=_raise)  # type: ignore[assignment]
    return made


def publish(fails: bool) -> Step:
    async def send(topic: str, messages: Sequence[tuple[bytes, int]]) -> None:
        if fails:
            raise Broken

    return Publish(send)


def store(fails: bool) -> Step:
    client: Any = ClickHouse(fails)
    return Store(PatientClient(lambda: client, 1, Metrics()), Ids(), Metrics())


STEPS: dict[str, Callable[[bool], Step]] = {"score": score, "link": link, "publish": publish, "store": store}
FILLED = {
    "score": {"scored_at", "model_version", "label", "p_negative", "p_neutral", "p_positive", "sentiment", "tokens",
              "embedding", "topics", "strangeness", "mentions"},
    "link": {"story_id", "novelty"},
    "publish": set(),
    "store": {"ingested_at"},
}  # fmt: skip
"""The fields that each step fills in."""


def _raise(*_: Any) -> None:
    raise Broken


def rows() -> list[Row]:
    """A batch with every kind of row, as the steps before would leave it."""
    return [
        Document(Position("news", "id-1", 0, 0), "news", "n1", "s", "Siemens wins", published_at=AT,
                 mentions=[Mention("SIE.DE", "Siemens", "name")]),
        BadRecord(Position("news", "id-1", 0, 1), "not_json", sentence="no JSON", raw=b"?"),
        Label(Position("labels", "id-3", 0, 0), "positive", "anna", AT, "n1"),
        Document(Position("comments", "id-2", 0, 0), "comment", "c1", "s", "", "to the moon",
                 published_at=AT + timedelta(hours=1)),
        BadRecord(Position("labels", "id-3", 0, 1), "invalid", "label", "no label", b"{}"),
        Tombstone(Position("news", "id-1", 0, 2)),
        Tombstone(Position("labels", "id-3", 0, 2)),
    ]  # fmt: skip


def run(step: Step, batch: Sequence[Row]) -> None:
    done = step.run(batch)
    if inspect.iscoroutine(done):
        asyncio.run(done)


def changed(before: Row, after: Row) -> set[str]:
    """The names of the fields that differ."""
    return {name for name in type(before).__slots__ if getattr(before, name) != getattr(after, name)}


@pytest.mark.parametrize("name", STEPS)
def test_an_empty_batch_is_a_batch(name: str) -> None:
    run(STEPS[name](False), [])


@pytest.mark.parametrize("name", STEPS)
def test_no_row_is_added_dropped_or_moved(name: str) -> None:
    batch = rows()
    same = list(batch)
    run(STEPS[name](False), batch)
    assert len(batch) == len(same) and all(one is other for one, other in zip(batch, same, strict=True))
    assert [row.position for row in batch] == [row.position for row in rows()]


@pytest.mark.parametrize("name", STEPS)
def test_only_its_own_fields_are_filled_in(name: str) -> None:
    batch = rows()
    run(STEPS[name](False), batch)
    for before, after in zip(rows(), batch, strict=True):
        may = FILLED[name] if isinstance(after, Document) else FILLED[name] & {"ingested_at"}
        assert changed(before, after) <= may, type(after).__name__


@pytest.mark.parametrize("name", STEPS)
def test_run_again_it_leaves_the_rows_as_they_are(name: str) -> None:
    step, batch = STEPS[name](False), rows()
    run(step, batch)
    once = copy.deepcopy(batch)
    run(step, batch)
    for before, after in zip(once, batch, strict=True):
        assert changed(before, after) <= {"scored_at", "ingested_at"}  # the time of the call


@pytest.mark.parametrize("name", STEPS)
def test_what_it_cannot_finish_it_raises(name: str) -> None:
    with pytest.raises(Broken):
        run(STEPS[name](True), rows())


def test_documents_and_bad_records_are_one_insert_and_labels_another() -> None:
    client: Any = ClickHouse(False)
    run(Store(PatientClient(lambda: client, 1, Metrics()), Ids(), Metrics()), rows())
    assert client.inserts == [("record_log", 4), ("label_log", 3)]


def test_reading_makes_one_row_of_each_record_in_their_order() -> None:
    news = {"id": "n1", "source": "s", "title": "Siemens wins", "published_at": "2026-01-05T10:00:00Z"}
    comment = {"id": "c1", "source": "s", "text": "to the moon", "published_at": "2026-01-05T10:00:00Z"}
    label = {"document_id": "n1", "label": "positive", "annotator": "anna", "labelled_at": "2026-01-05T10:00:00Z"}
    values = [("news", news), ("labels", label), ("comments", comment), ("comments", news), ("labels", {})]
    received = [Received(topic, 1, 7 + n, json.dumps(value).encode()) for n, (topic, value) in enumerate(values)]
    received.append(Received("news", 1, 12, None))
    read = Read(Linker(load_watchlist()), Pseudonymiser("k" * 32), lambda: IDS)
    assert read.run([]) == []
    made = read.run(received)
    assert [type(row) for row in made] == [Document, Label, Document, BadRecord, BadRecord, Tombstone]
    assert [row.position for row in made] == [Position(r.topic, IDS[r.topic], 1, r.offset) for r in received]
    assert made == read.run(received)
