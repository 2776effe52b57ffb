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
from kafka.errors import KafkaTimeoutError

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
from model.events import load_event_reader
from settings import StreamSettings
from stream.kafka import Received
from stream.kafka.message import Message
from stream.steps import Isolation, Link, Publish, Read, Score, Step, Store
from stream.upkeep import Metrics
from stream.upkeep.patient_client import GaveUp, PatientClient

IDS = {"news": "id-1", "comments": "id-2", "labels": "id-3"}
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


class Broken(Exception):
    """What fails in this test."""


class Scorer:
    """Scores by the length of a text."""

    version = "v1"
    experimental: frozenset[str] = frozenset()

    def __init__(self, fails: bool) -> None:
        self.topics = SimpleNamespace(classify=lambda texts, *_: [(["debt"], [0.5], 0.1)] * len(texts))
        self._fails = fails

    def embed(self, texts: Sequence[str], *_: Any) -> np.ndarray:
        return np.zeros((len(texts), EMBEDDING_BYTES), np.float32)

    def score(self, texts: Sequence[str], *_: Any) -> Scores:
        if self._fails:
            raise Broken
        p = np.array([[0.2, 0.3, 0.5] if len(text) % 2 else [0.5, 0.3, 0.2] for text in texts], np.float32)
        vectors = np.eye(len(texts), EMBEDDING_BYTES, dtype=np.float32)
        n = len(texts)
        ones, whole, cut = np.ones(n, np.int32), np.full((n, 2), -1, np.int32), np.zeros(n, bool)
        return Scores(p, vectors, ones, np.log(p), np.ones(n, bool), whole, cut)


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
    return Score(scorer, EVENTS)


def link(fails: bool) -> Step:
    made = Link(100)
    if fails:
        made._novelty = SimpleNamespace(assign=_raise)  # type: ignore[assignment]
    return made


ISOLATION = Isolation(lambda topic, partition, first, end: [Received(topic, partition, first, b"as it came")])


def publish(fails: bool, refuses: bytes = b"?", check: Callable[[Sequence[Row]], None] = lambda rows: None) -> Step:
    async def send(topic: str, messages: Sequence[Message]) -> list[Message]:
        if fails:
            raise Broken
        return [message for message in messages if refuses in message.value]

    return Publish(send, ISOLATION, check)


def storing(client: Any) -> Store:
    patient = PatientClient(lambda: client, 1, Metrics())
    return Store(patient, Ids(), Metrics(), ISOLATION, lambda topic, messages: None, lambda rows: None)


def store(fails: bool) -> Step:
    client: Any = ClickHouse(fails)
    return storing(client)


EVENTS = load_event_reader()
STEPS: dict[str, Callable[[bool], Step]] = {"score": score, "link": link, "publish": publish, "store": store}
FILLED = {
    "score": {"scored_at", "model_version", "label", "lang_quality", "p_negative", "p_neutral", "p_positive",
              "sentiment", "tokens", "embedding", "topics", "strangeness", "events", "mentions"},
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


def run(step: Step, batch: list[Row]) -> None:
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
    run(storing(client), rows())
    assert client.inserts == [("record_log", 4), ("label_log", 3)]


def test_reading_makes_one_row_of_each_record_in_their_order() -> None:
    news = {"id": "n1", "source": "s", "title": "Siemens wins", "published_at": "2026-01-05T10:00:00Z"}
    comment = {"id": "c1", "source": "s", "text": "to the moon", "published_at": "2026-01-05T10:00:00Z"}
    label = {"document_id": "n1", "label": "positive", "annotator": "anna", "labelled_at": "2026-01-05T10:00:00Z"}
    values = [("news", news), ("labels", label), ("comments", comment), ("comments", news), ("labels", {})]
    received = [Received(topic, 1, 7 + n, json.dumps(value).encode()) for n, (topic, value) in enumerate(values)]
    received.append(Received("news", 1, 12, None))
    read = Read(Linker(load_watchlist()), Pseudonymiser("k" * 32), lambda topic, partition: IDS[topic])
    assert read.run([]) == []
    made = read.run(received)
    assert [type(row) for row in made] == [Document, Label, Document, BadRecord, BadRecord, Tombstone]
    assert [row.position for row in made] == [Position(r.topic, IDS[r.topic], 1, r.offset) for r in received]
    assert made == read.run(received)


def test_no_field_keeps_personal_data_as_it_came() -> None:
    mail, call, at = "jane@example.org", "call +44 20 7946 0958", "2026-01-05T10:00:00Z"
    where = {"id": f"{mail}/1", "source": f"list {mail}", "published_at": at}
    news = {**where, "title": f"Siemens, {call}", "body": f"write to {mail}", "url": f"https://{mail}/u/{mail}"}
    comment = {**where, "text": f"{mail} wins", "author": mail, "in_reply_to": f"{mail}/1"}
    judged = {"label": "positive", "annotator": "anna", "labelled_at": at}
    values = [
        *(("news", news), ("comments", comment)),
        *(("labels", judged | {"document_id": f"{mail}/1"}), ("labels", judged | {"text": f"Siemens, {call}"})),
    ]
    received = [Received(topic, 1, n, json.dumps(value).encode()) for n, (topic, value) in enumerate(values)]
    pseudonymiser = Pseudonymiser("k" * 32)
    made = Read(Linker(load_watchlist()), pseudonymiser, lambda topic, partition: IDS[topic]).run(received)
    assert [type(row) for row in made] == [Document, Document, Label, Label]
    assert not [row for row in made if any(one in str(row) for one in ("jane", "7946"))]
    name = pseudonymiser.identifier(f"{mail}/1")
    assert [made[0].document_id, made[1].in_reply_to, made[2].document_id] == [name] * 3, (
        "answers find what they answer"
    )
    assert (made[0].title, made[0].text) == ("Siemens, call [phone]", "write to [email]")
    assert (made[0].url, made[3].text) == ("https://example.org/u/[email]", "Siemens, call [phone]")


def test_only_those_who_are_named_may_label_and_nobody_from_the_future() -> None:
    tomorrow = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    made = {"document_id": "n1", "label": "positive", "labelled_at": tomorrow}
    received = [
        Received("labels", 1, n, json.dumps(made | {"annotator": name}).encode())
        for n, name in enumerate(["anna", "x"])
    ]
    linker, pseudonymiser = Linker(load_watchlist()), Pseudonymiser("k" * 32)
    allowed = StreamSettings(annotators="anna, ben").known_annotators
    read = Read(linker, pseudonymiser, lambda topic, partition: IDS[topic], annotators=allowed)
    anna, stranger = read.run(received)
    assert isinstance(anna, Label) and anna.labelled_at <= datetime.now(UTC)
    assert isinstance(stranger, BadRecord) and stranger.field == "annotator"
    anybody = Read(linker, pseudonymiser, lambda topic, partition: IDS[topic])
    assert [type(row) for row in anybody.run(received)] == [Label, Label]


def test_the_events_of_each_company_are_read_unless_nobody_wants_them() -> None:
    def documents() -> list[Document]:
        mentions = [Mention("SIE.DE", "Siemens", "name"), Mention("BA", "Boeing", "name")]
        title = "Boeing files for bankruptcy protection, Siemens says"
        quiet = Document(Position("news", "id-1", 0, 1), title="Markets are closed on Monday", lang="en")
        return [Document(Position("news", "id-1", 0, 0), title=title, lang="en", mentions=mentions), quiet]

    scorer: Any = Scorer(False)
    with_events, without = documents(), documents()
    Score(scorer, EVENTS).run(with_events)
    Score(scorer).run(without)
    found = {(one.entity, one.type, one.role) for one in with_events[0].events}
    assert ("BA", "bankruptcy", "subject") in found and ("SIE.DE", "bankruptcy", "subject") not in found
    assert with_events[1].events == without[0].events == without[1].events == []


def test_a_country_in_the_text_changes_neither_the_documents_own_score_nor_its_events() -> None:
    def document(*more: Mention) -> Document:
        title = "Boeing files for bankruptcy protection in the United States"
        mentions = [Mention("BA", "Boeing", "name"), *more]
        return Document(Position("news", "id-1", 0, 0), title=title, lang="en", mentions=mentions)

    scorer: Any = Scorer(False)
    alone, beside = document(), document(Mention("country:US", "United States", "name", entity_type="country"))
    Score(scorer, EVENTS).run([alone, beside])
    assert beside.events == alone.events and {one.entity for one in beside.events} == {"BA"}
    assert (beside.label, beside.sentiment) == (alone.label, alone.sentiment)
    assert [one.label != "unscored" for one in beside.mentions] == [True, True]


class Poisoned:
    """A step that fails wherever a title has ``poison`` in it, and counts its calls."""

    def __init__(self, error: Exception, poison: str = "poison") -> None:
        self.error, self.poison, self.calls = error, poison, 0
        self.done: set[int] = set()

    def __call__(self, batch: Sequence[Row]) -> None:
        self.calls += 1
        for row in batch:
            if isinstance(row, Document) and self.poison in row.title:
                raise self.error
        self.done |= {row.position.offset for row in batch}


def titled(*titles: str) -> list[Row]:
    return [Document(Position("news", "id-1", 0, n), title=title) for n, title in enumerate(titles)]


@pytest.mark.parametrize("bad", [{0}, {63}, {7, 8, 40}, set()], ids=str)
def test_a_document_at_which_a_step_fails_becomes_a_dead_letter_and_its_neighbours_go_on(bad: set[int]) -> None:
    batch = titled(*("poison" if n in bad else "good" for n in range(64)))
    step = Poisoned(ValueError("what is wrong"))
    ISOLATION.run("scoring", step, batch)
    assert {n for n, row in enumerate(batch) if isinstance(row, BadRecord)} == bad == set(range(64)) - step.done
    for row in (batch[n] for n in bad):
        assert isinstance(row, BadRecord) and (row.kind, row.raw) == ("failed", b"as it came")
        assert row.sentence == "scoring failed: ValueError: what is wrong"
    assert step.calls <= 1 + 14 * len(bad)


@pytest.mark.parametrize(
    "error", [ConnectionError(), KafkaTimeoutError(), GaveUp()], ids=lambda error: type(error).__name__
)
def test_no_record_is_blamed_for_what_is_away(error: Exception) -> None:
    batch = titled("good", "poison")
    with pytest.raises(type(error)):
        ISOLATION.run("scoring", Poisoned(error), batch)
    assert all(isinstance(row, Document) for row in batch)


def test_no_record_is_blamed_for_a_model_that_cannot_score_at_all() -> None:
    batch, step = titled("good", "good"), score(True)
    with pytest.raises(Broken):
        ISOLATION.run("scoring", step.run, batch, step.check)  # type: ignore[arg-type, attr-defined]
    assert all(isinstance(row, Document) for row in batch)


def test_a_document_that_its_topic_refuses_becomes_a_dead_letter_before_the_breaker_counts() -> None:
    checked: list[int] = []
    batch = rows()
    run(publish(False, b'"n1"', lambda seen: checked.append(sum(isinstance(row, BadRecord) for row in seen))), batch)
    assert isinstance(batch[0], BadRecord) and "refuses its message" in batch[0].sentence
    assert checked == [3]


def raise_at_poison(text: str, *_: object) -> str:
    if "poison" in text:
        raise RuntimeError("what is wrong")
    return text


def all_or_none(texts: Sequence[str], _: object) -> list[str]:
    return [raise_at_poison(text) for text in texts]


@pytest.mark.parametrize(
    "faults",
    [{"redact": raise_at_poison}, {"detect_all": all_or_none, "detect": raise_at_poison}],
    ids=["of its own", "of the batch"],
)
def test_an_error_of_reading_costs_only_its_record(monkeypatch: pytest.MonkeyPatch, faults: dict[str, Any]) -> None:
    for name, fault in faults.items():
        monkeypatch.setattr(f"stream.steps.read.{name}", fault)
    message = {"id": "n1", "source": "s", "published_at": "2026-01-05T10:00:00Z"}
    values = [json.dumps(message | {"title": title}).encode() for title in ("one", "poison", "two")]
    read = Read(Linker(load_watchlist()), Pseudonymiser("k" * 32), lambda topic, partition: IDS[topic])
    one, bad, two = read.run([Received("news", 0, n, value) for n, value in enumerate(values)])
    assert isinstance(one, Document) and isinstance(two, Document) and isinstance(bad, BadRecord)
    assert (bad.kind, bad.sentence, bad.raw) == ("failed", "reading failed: RuntimeError: what is wrong", values[1])
