"""Drift: quiet while the documents stay as they are, told once when they do not, over when they are as before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from clickhouse_driver import Client

from documents import Document, Position
from retrain import drift, upcoming
from retrain.data import queue
from settings import RetrainSettings
from storage.connection import WHOLE_INSERT
from storage.reads import drift_now, unlabelled_documents
from storage.record import columns_of
from storage.writer import INSERT
from storage.writes import ShadowRow, write_shadow_rows
from tests.support.commands import within

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
EVERY = timedelta(minutes=1)
SETTINGS = RetrainSettings(drift_documents=200, drift_hours=0.1)
FORMAL = [f"formal{n}" for n in range(15)]
SLANG = [f"slang{n}" for n in range(15)]


class Writer:
    """A feed: documents of made-up words and vectors around the centre of their register."""

    def __init__(self, client: Client) -> None:
        self._client, self._rng, self.count = client, np.random.default_rng(5), 0
        self._centres = {"formal": self._rng.normal(size=384), "slang": self._rng.normal(size=384)}

    @property
    def at(self) -> datetime:
        return START + self.count * EVERY

    def write(
        self, count: int, sources: Sequence[str] = ("wire",), register: str = "formal", sure: float = 6.0
    ) -> None:
        """``sure`` is how sharp the predictions are."""
        rows = []
        for _ in range(count):
            at = Position("news", "t", 0, self.count)
            row = Document(at, ingested_at=self.at, model_version="v1", lang="en")
            row.document_id, row.story_id = f"d{self.count}", self.count
            row.source = str(self._rng.choice(sources))
            words = FORMAL if register == "formal" else SLANG
            row.text = " ".join([*self._rng.choice(words, 8), f"x{self._rng.integers(200)}"])
            vector = self._centres[register] + self._rng.normal(size=384)
            row.embedding = np.rint(vector / np.linalg.norm(vector) * 127).astype(np.int8).tobytes()
            p = self._rng.dirichlet(np.eye(3)[self._rng.integers(3)] * sure + 1)
            row.p_negative, row.p_neutral, row.p_positive = p.tolist()
            row.sentiment, row.label = float(p[2] - p[0]), ("negative", "neutral", "positive")[int(p.argmax())]
            rows.append(row)
            self.count += 1
        self._client.execute(INSERT, columns_of(rows, []), columnar=True, settings=WHOLE_INSERT)


@pytest.fixture
def feed(client: Client) -> Writer:
    return Writer(client)


def look(client: Client, feed: Writer, told: list[tuple[str, str, str, str]]) -> set[tuple[str, str]]:
    """The alarms (source, measure) that last after a look at the feed's time."""
    drift.announce_alarms(client, SETTINGS, feed.at, lambda *event: told.append(event))
    return {(row["source"], row["measure"]) for row in drift.lasting_alarms(client)}


def test_another_register_is_told_once_and_asks_for_labels_until_it_ends(client: Client, feed: Writer):
    told: list[tuple[str, str, str, str]] = []
    feed.write(1200, ["wire", "forum"])
    for _ in range(3):
        feed.write(200, ["wire", "forum"])
        assert look(client, feed, told) == set() and told == []
    rows = drift_now(client)
    assert {row["measure"] for row in rows} == {*drift.MEASURES, *drift.MEASURES_OF_A_KIND}
    assert {row["source"] for row in rows} == {"", "wire", "forum"}

    for _ in range(8):  # the forum changes its register; the wire does not
        feed.write(40, ["wire"])
        feed.write(40, ["forum"], "slang", sure=1.0)
    found = look(client, feed, told)
    assert {("forum", "embedding"), ("forum", "vocabulary"), ("forum", "confidence")} <= found
    assert not any(source == "wire" for source, _ in found)
    began = [event for event in told if event[0] == "drift"]
    assert len(began) == len(told) == len(found)
    ids = {row["alarm"] for row in drift.lasting_alarms(client)}
    assert ids == {event[3].split(":")[0] for event in began}
    events = client.execute("SELECT event, detail FROM model_events ORDER BY detail")
    assert events == sorted((event[0], event[3]) for event in told)
    onset = next(
        row for row in drift.lasting_alarms(client) if (row["source"], row["measure"]) == ("forum", "vocabulary")
    )
    assert abs(onset["began_at"] - (START + 1800 * EVERY)) < timedelta(hours=4)

    # It is not told again while it lasts, also once it has become what is usual.
    for _ in range(6):
        feed.write(200, ["wire"])
        feed.write(200, ["forum"], "slang", sure=1.0)
        assert ("forum", "vocabulary") in look(client, feed, told)
    of_forum = [event[3] for event in told if "vocabulary of news, source forum" in event[3]]
    assert len(of_forum) == 1
    assert drift.announce_alarms(client, SETTINGS, feed.at, lambda *event: told.append(event)) == [], (
        "this moment was looked at"
    )

    asked = queue(unlabelled_documents(client, 2000), 20, random_share=0)
    assert sum("drifting source" in row["reason"] for row in asked) >= 15
    assert all(
        row["source"] == "forum" for row in asked if "drifting source" in row["reason"] and not everywhere(client)
    )
    assert upcoming(client, RetrainSettings(on_drift=7)).wanted == 7
    assert upcoming(client, RetrainSettings()).wanted == 200

    feed.write(1000, ["wire", "forum"])
    assert ("forum", "vocabulary") not in look(client, feed, told)
    assert any(event[0] == "drift_ended" and "vocabulary of news, source forum" in event[3] for event in told)


def everywhere(client: Client) -> bool:
    return any(not row["source"] for row in drift.lasting_alarms(client))


def test_a_flood_from_a_new_source_is_told_by_the_mix(client: Client, feed: Writer):
    told: list[tuple[str, str, str, str]] = []
    feed.write(1400, ["wire", "agency", "paper"])
    assert look(client, feed, told) == set()
    feed.write(220, ["farm"])
    assert ("", "sources") in look(client, feed, told)


def test_a_new_version_begins_anew(client: Client, feed: Writer):
    told: list[tuple[str, str, str, str]] = []
    feed.write(1000)
    feed.write(220, register="slang")
    assert look(client, feed, told)
    at = Position("news", "t", 0, feed.count)
    row = Document(at, ingested_at=feed.at, model_version="v2", source="wire")
    client.execute(INSERT, columns_of([row], []), columnar=True)
    feed.count += 1
    assert look(client, feed, told) == set()
    assert {event[0] for event in told} == {"drift", "drift_ended"}


def test_stable_values_raise_hardly_an_alarm_and_a_moved_mean_always_one():
    rng = np.random.default_rng(3)
    looks, alarms, missed = 400, 0, 0
    for _ in range(looks):
        values = rng.beta(5, 2, 3000)
        found = drift.change(values, 500, RetrainSettings().drift_delta)
        alarms += found.began is not None and abs(found.effect) >= RetrainSettings().drift_effect
        values[-500:] = rng.beta(2, 5, 500)
        missed += drift.change(values, 500, RetrainSettings().drift_delta).began is None
    assert alarms <= 2 and missed == 0


def test_the_queue_asks_where_another_version_says_otherwise(client: Client, feed: Writer):
    feed.write(60, sure=50.0)
    rows = unlabelled_documents(client)
    against = next(row for row in rows if row["label"] == "positive")
    number = int(against["document_id"][1:])
    said = ShadowRow(
        "news", "t", 0, number, START, "w", "news", "wire", against["document_id"], "v1", "v2", "positive",
        "negative", [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], 0.0, 0.0,
    )  # fmt: skip
    write_shadow_rows(client, [said])
    first = queue(unlabelled_documents(client), 1, random_share=0)[0]
    assert first["document_id"] == against["document_id"] and "against another version" in first["reason"]
    assert first["other_sentiment"] == -1.0


def test_the_command_shows_what_was_found(client: Client, feed: Writer, clickhouse_url: str, tmp_path):
    environment = {"CLICKHOUSE_URL": clickhouse_url, "RETRAIN_DRIFT_DOCUMENTS": "200", "RETRAIN_DRIFT_HOURS": "0.1"}
    environment |= {"RETRAIN_FOLDER": str(tmp_path), "RETRAIN_DRIFT_DAYS": "20000"}
    done = within("drift", **environment)
    assert done.returncode == 0 and "needs 600 documents" in done.stdout
    feed.write(900)
    assert within("drift", "--now", "--json", str(tmp_path / "drift.json"), **environment).returncode == 0
    rows = json.loads((tmp_path / "drift.json").read_text())
    assert {row["measure"] for row in rows} == {*drift.MEASURES, *drift.MEASURES_OF_A_KIND}
    assert all(row["alarm"] == "" and row["current_documents"] == 200 for row in rows)
    assert "vocabulary" in within("drift", **environment).stdout
