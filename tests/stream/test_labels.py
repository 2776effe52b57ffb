"""Labels from Kafka to ClickHouse, each once, on the real broker and ClickHouse."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local import BrokerKind, Service
from finsent import app
from storage.reads import dead_letters, latest_labels
from stream.kafka import produce
from tests.support import Asking, data_folder, eventually, kafka_at


@pytest.fixture(scope="module")
def service(broker: BrokerKind, english: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = data_folder(tmp_path_factory.mktemp("service"), english)
    with Service(folder, broker=broker, extra={"STREAM_ANNOTATORS": "anna, ben"}) as started:
        yield started


@pytest.fixture(scope="module")
def client(service: Service) -> Asking:
    return Asking(service.stack.clickhouse_url)


def send(service: Service, path: Path, topic: str, values: list[bytes]) -> None:
    path.write_bytes(b"\n".join(values) + b"\n")
    assert produce(path, topic, kafka_at(service.stack.kafka_bootstrap)).acknowledged == len(values)


def label(text: str, value: str = "positive", annotator: str = "anna", at: str = "2026-01-06T10:00:00Z") -> bytes:
    return json.dumps({"text": text, "label": value, "annotator": annotator, "labelled_at": at}).encode()


def test_labels_are_stored_once_each_although_the_worker_is_killed(service: Service, client: Asking, tmp_path: Path):
    bad = [
        b"not json",
        label("x", "great"),
        label("x", annotator="nobody who may label"),
        b'{"label":"neutral","annotator":"a","labelled_at":"2026-01-06T10:00:00Z"}',
    ]
    for number in range(3):
        good = [label(f"text {number} {n}") for n in range(100)]
        send(service, tmp_path / "labels.jsonl", "labels", good[:50] + bad + good[50:])
        service.kill_worker(0)
    count = "SELECT count(), uniqExact(topic, partition, offset), countIf(error_kind != '') FROM label_log"
    eventually(lambda: client.execute(count)[0][0] >= 312, 60, "all labels are stored")
    assert client.execute(count) == [(312, 312, 12)]
    assert client.execute("SELECT count() FROM labels") == [(300,)]
    found = [row for row in client(dead_letters) if row["topic"] == "labels"]
    assert sorted(row["error_kind"] for row in found) == ["invalid"] * 9 + ["not_json"] * 3


def test_the_latest_judgement_counts_and_knows_its_document(service: Service, client: Asking, tmp_path: Path):
    news = {"id": "n-1", "source": "desk", "title": "Siemens wins an order", "published_at": "2026-01-05T10:00:00Z"}
    send(service, tmp_path / "news.jsonl", "news", [json.dumps(news).encode()])
    first = {"document_id": "n-1", "label": "neutral", "annotator": "anna", "labelled_at": "2026-01-06T10:00:00Z"}
    second = first | {"label": "positive", "labelled_at": "2026-01-06T11:00:00Z"}
    send(service, tmp_path / "labels.jsonl", "labels", [json.dumps(row).encode() for row in (second, first)])
    eventually(lambda: client.execute("SELECT count() FROM documents")[0][0] == 1, 30, "the document is stored")
    log = "SELECT count() FROM label_log WHERE document_id = 'n-1'"
    eventually(lambda: client.execute(log)[0][0] == 2, 30, "both versions are kept")
    found = [row for row in client(latest_labels) if row["document_id"] == "n-1"]
    assert [(row["label"], row["title"], row["surface"]) for row in found] == [("positive", news["title"], "Siemens")]
    assert client.execute("SELECT count() FROM documents") == [(1,)]  # a label is no document


def test_a_list_of_what_to_label_is_filled_in_and_imported(
    service: Service, client: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in service.stack.environment().items():
        monkeypatch.setenv(name, value)
    news = [
        {"id": f"q-{n}", "source": "desk", "title": f"{text} at Siemens", "published_at": "2026-01-05T10:00:00Z"}
        for n, text in enumerate(["Profit fell", "Meeting is held", "Record orders", "Workers walk out over pensions"])
    ]
    send(service, tmp_path / "news.jsonl", "news", [json.dumps(row).encode() for row in news])
    asked = "SELECT count() FROM documents WHERE document_id LIKE 'q-%'"
    eventually(lambda: client.execute(asked)[0][0] == 4, 30, "the documents are stored")
    listed = CliRunner().invoke(app, ["label", "queue", "--limit", "10", "--format", "csv"])
    assert listed.exit_code == 0, listed.output
    rows = list(csv.DictReader(listed.stdout.splitlines()))
    assert {row["document_id"] for row in rows} == {"q-0", "q-1", "q-2", "q-3"}  # n-1 is labelled
    for row in rows[:3]:
        row["label"] = "negative"
    path = tmp_path / "todo.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    nobody = CliRunner().invoke(app, ["label", "import", str(path)])
    assert nobody.exit_code == 1 and "annotator" in nobody.stderr and "nothing was sent" in nobody.stderr
    done = CliRunner().invoke(app, ["label", "import", str(path), "--annotator", "ben", "--json"])
    assert json.loads(done.stdout) == {"sent": 3, "skipped": 1}, done.output
    stored = "SELECT count() FROM labels WHERE annotator = 'ben'"
    eventually(lambda: client.execute(stored)[0][0] == 3, 30, "the labels are stored")
