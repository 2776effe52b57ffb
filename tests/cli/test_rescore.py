"""History scored again by another version: beside what is stored, once, and not in what was known before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_driver import Client

import model
from documents import BadRecord, Document, Mention, Position
from model.registry import publish
from settings import ModelSettings
from storage import write_documents
from storage.reads import Rescoring
from storage.writes import write_rescored
from tests.support import cooled, eventually
from tests.support.commands import within

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def document(offset: int, version: str = "old", **values: object) -> Document:
    position = Position("news", "id", offset % 2, offset)
    made = Document(position, document_id=f"d{offset}", model_version=version)
    made.title, made.published_at = f"Siemens wins order {offset}", START + timedelta(minutes=offset)
    made.label, made.sentiment, made.scored_at = "neutral", 0.0, datetime.now(UTC)
    made.mentions = [Mention("SIE.DE", "Siemens", "name", "neutral", 0.0, 1.0, 0.0, 0.0)]
    for name, value in values.items():
        setattr(made, name, value)
    return made


def scored(batch: list[Document], sentiment: float = 0.5) -> list[Document]:
    for row in batch:
        row.model_version, row.label, row.sentiment, row.scored_at = "new", "positive", sentiment, datetime.now(UTC)
        (mention,) = row.mentions
        mention.label, mention.sentiment = "positive", sentiment
        mention.p_negative, mention.p_neutral, mention.p_positive = 0.0, 0.5, 0.5
    return batch


def one(client: Client, sql: str) -> object:
    return client.execute(sql)[0][0]


def test_what_is_left_is_done_once_wherever_it_was_broken_off(client: Client):
    write_documents(client, [document(offset) for offset in range(100)])
    write_documents(client, [document(100, version="new"), document(101, unscored="unsupported_language")])
    write_documents(client, [BadRecord(Position("news", "id", 0, 102), "invalid"), document(103, published_at=END)])
    work = Rescoring(client, "new", START, END)
    assert work.left == 100
    batches = work.batches(30)
    write_rescored(client, scored(next(batches)))
    write_rescored(client, scored(next(batches)))  # and here it is killed
    work = Rescoring(client, "new", START, END)
    assert work.left == 50
    again = [row for batch in work.batches(30) for row in batch]
    assert {row.position.offset for row in again} == {offset for offset in range(100) if offset % 2}
    assert [mention.surface for mention in again[0].mentions] == ["Siemens"] and again[
        0
    ].title == "Siemens wins order 1"
    write_rescored(client, scored(again))
    assert Rescoring(client, "new", START, END).left == 0
    assert one(client, "SELECT count() FROM record_log") == 104


def test_what_was_known_at_a_time_does_not_change(client: Client):
    write_documents(client, [document(offset) for offset in range(10)])
    before = one(client, "SELECT now64(3)")
    assert isinstance(before, datetime)
    # Times are stored in milliseconds: what is written within the same one counts as known at it.
    eventually(lambda: one(client, "SELECT now64(3)") > before, 5, "the next millisecond")
    write_documents(client, [document(10)])
    (batch, *others) = Rescoring(client, "new", START, START + timedelta(minutes=6, seconds=30)).batches(100)
    for rows in (batch, *others):
        write_rescored(client, scored(rows))
    assert one(client, "SELECT count() FROM documents_by_model") == 11 + 7
    sums = "model_version, count(), round(sum(sentiment), 1)"
    as_of = f"SELECT {sums} FROM documents_as_of(moment = '{{}}') GROUP BY 1 ORDER BY 1"
    assert client.execute(as_of.format(before.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3])) == [("old", 10, 0.0)]
    assert client.execute(as_of.format("2100-01-01 00:00:00")) == [("new", 7, 3.5), ("old", 4, 0.0)]
    assert one(client, "SELECT count() FROM documents WHERE model_version = 'new'") == 0


def test_the_first_of_two_scores_of_one_version_stays(client: Client):
    write_documents(client, [document(0)])
    (batch,) = Rescoring(client, "new", START, END).batches(10)
    write_rescored(client, scored(batch, 0.5))
    write_rescored(client, scored(batch, 0.9))
    assert client.execute("SELECT sentiment FROM documents_by_model WHERE model_version = 'new'") == [(0.5,)]


def test_the_command_scores_with_the_version_named(client: Client, clickhouse_url: str, tmp_path: Path):
    adapter = cooled(tmp_path / "adapter", 2.5)
    version = publish(tmp_path / "models", adapter)
    write_documents(client, [document(0, title="Siemens beats all forecasts, profit soars"), document(1)])
    environment = {"CLICKHOUSE_URL": clickhouse_url, "MODEL_REGISTRY": str(tmp_path / "models")}
    done = within("rescore", "--since", "2026-01-01", "--until", "2026-01-02", "--model", version, **environment)
    assert done.returncode == 0 and f"2 documents scored with {version}" in done.stdout
    wanted = model.load(model.version_folder(tmp_path / "models", version), ModelSettings()).score(
        ["Siemens beats all forecasts, profit soars"], ["Siemens"]
    )
    rows = client.execute(
        "SELECT label, p_positive, `mentions.p_positive` FROM documents_by_model "
        "WHERE offset = 0 AND model_version = %(version)s",
        {"version": version},
    )
    assert rows[0][0] == "positive" and rows[0][1] == pytest.approx(wanted.probabilities[0, 2], abs=1e-6)
    assert rows[0][2] == [rows[0][1]]
    done = within("rescore", "--since", "2026-01-01", "--model", version, **environment)
    assert done.returncode == 0 and f"0 documents scored with {version}" in done.stdout
    done = within("rescore", "--since", "2026-01-01", "--model", "nope", **environment)
    assert done.returncode == 1 and "nope" in done.stderr and len(done.stderr.splitlines()) == 1
