"""Files to Kafka and back: what arrives at the real broker is what the files hold, in the order they tell."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaConsumer, TopicPartition

from documents.files import BadFile
from documents.messages import decode
from stream.kafka import ensure_topics, produce, produce_many, read, watermarks
from stream.kafka.files import Row
from stream.kafka.producer import _steady
from tests.support import kafka_at
from tests.support.commands import within

_names = itertools.count()


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    """A new topic of one partition, so that the order of arrival can be told."""
    name = f"produced-{time.time_ns()}-{next(_names)}"
    ensure_topics(kafka_at(kafka_bootstrap), partitions=1, topics=[name])
    return name


def arrived(bootstrap: str, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning()
    _, high = watermarks(kafka_at(bootstrap), [topic])[topic, 0]
    values: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(values) < high and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=100).values():
            values += [record.value for record in records]
    consumer.close()
    return values


def comment(number: int, at: str, **more: object) -> bytes:
    return json.dumps({"id": f"c{number}", "source": "s", "text": "t", "published_at": at, **more}).encode()


def write_csv(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


MALFORMED = [
    b"not json",
    b'{"id": "c"',
    b"\xff\xfe\x00",
    b"[" * 5000,
    b'{"id": 3}',
    b'{"published_at": "x"}',
    b"17",
]


@pytest.mark.parametrize("zipped", [False, True])
def test_json_lines_arrive_byte_for_byte_also_malformed_ones(
    kafka_bootstrap: str, topic: str, tmp_path: Path, zipped: bool
) -> None:
    lines = [
        MALFORMED[0],
        comment(1, "2024-01-01T00:00:00Z"),
        *MALFORMED[1:],
        comment(2, "2024-01-02T00:00:00Z"),
    ]
    data = b"\n".join([*lines[:2], b"", *lines[2:]]) + b"\r\n"
    path = tmp_path / ("feed.jsonl.gz" if zipped else "feed.jsonl")
    path.write_bytes(gzip.compress(data) if zipped else data)
    acknowledged: list[tuple[str, int, int, float]] = []
    shown: list[tuple[int, float]] = []
    result = produce(
        path,
        topic,
        kafka_at(kafka_bootstrap),
        on_acknowledged=lambda *ack: acknowledged.append(ack),
        progress=lambda *state: shown.append(state),
    )
    assert arrived(kafka_bootstrap, topic) == lines
    assert (result.sent, result.acknowledged, result.failed, result.stopped) == (
        len(lines),
        len(lines),
        0,
        "",
    )
    assert [ack[:3] for ack in acknowledged] == [(topic, 0, offset) for offset in range(len(lines))]
    assert all(abs(time.time() - ack[3]) < 60 for ack in acknowledged)
    assert shown[-1] == (len(lines), 1.0)


def test_files_are_merged_by_date_and_a_malformed_line_follows_its_predecessor(
    kafka_bootstrap: str, topic: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    early, late = comment(1, "2024-01-01T00:00:00Z"), comment(2, "2024-01-03T01:00:00+01:00")
    first.write_bytes(b"\n".join([early, b"broken", late]))
    second.write_bytes(b"\n".join(comment(n, f"2024-01-0{n - 1}T00:00:00Z") for n in (3, 4, 5)))
    produce_many([(first, topic), (second, topic)], kafka_at(kafka_bootstrap))
    values = arrived(kafka_bootstrap, topic)
    assert values[:2] == [early, b"broken"]
    assert [json.loads(value)["id"] for value in values[2:]] == ["c3", "c2", "c4", "c5"]


def test_a_record_over_the_size_limit_arrives_and_one_over_the_producers_fails_alone(
    kafka_bootstrap: str, topic: str, tmp_path: Path
) -> None:
    path = tmp_path / "large.jsonl"
    lines = [comment(n, "2024-01-01T00:00:00Z", pad="x" * size) for n, size in enumerate((1_500_000, 3_000_000, 1))]
    path.write_bytes(b"\n".join(lines))
    result = produce(path, topic, kafka_at(kafka_bootstrap))
    assert (result.sent, result.acknowledged, result.failed) == (3, 2, 1)
    assert "MessageSizeTooLarge" in next(iter(result.failures))
    assert arrived(kafka_bootstrap, topic) == [lines[0], lines[2]]


def test_speed_is_event_time_over_wall_time(kafka_bootstrap: str, topic: str, tmp_path: Path) -> None:
    path = tmp_path / "paced.jsonl"
    path.write_bytes(b"\n".join(comment(n, f"2024-01-01T00:00:{n:02}Z") for n in range(0, 60, 6)))
    times: list[float] = []
    result = produce(path, topic, kafka_at(kafka_bootstrap), 60, on_acknowledged=lambda *ack: times.append(ack[3]))
    assert result.acknowledged == 10
    assert times[-1] - times[0] == pytest.approx(0.9, abs=0.3)


def test_a_broker_that_is_away_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kafka.errors import KafkaError

    monkeypatch.setattr("stream.kafka.clients.CONNECT_MS", 500)
    path = tmp_path / "a.jsonl"
    path.write_bytes(comment(1, "2024-01-01T00:00:00Z"))
    with pytest.raises(KafkaError):
        produce(path, "news", kafka_at("127.0.0.1:1"))


def rows_of(path: Path, topic: str | None, **options: object) -> list[Row]:
    return list(read(path, topic, **options))  # type: ignore[arg-type]


def test_csv_columns_become_the_message_of_the_topic(tmp_path: Path) -> None:
    row = {
        "id": "7",
        "text": 'two\nlines, "quoted"',
        "source": "wire",
        "entity": "Acme",
        "ticker": "BRK-A GM,TSLA",
        "published_at": "2024-01-01",
        "lang": "en",
        "kind": "news",
        "extra": "{}",
    }
    (news,) = rows_of(write_csv(tmp_path / "a.csv", row), None)
    assert (news.topic, news.key) == ("news", b"7")
    message = decode("news", news.value)
    assert (message.title, message.lang) == ('two\nlines, "quoted"', "en")  # type: ignore[union-attr]
    assert message.tickers == ["BRK-A", "GM", "TSLA"]  # type: ignore[union-attr]
    assert message.published_at == datetime(2024, 1, 1, tzinfo=UTC)  # type: ignore[union-attr]
    (row2,) = rows_of(write_csv(tmp_path / "b.csv", row), "comments")
    assert decode("comments", row2.value).text == row["text"]  # type: ignore[union-attr]
    (label,) = rows_of(write_csv(tmp_path / "c.csv", row | {"label": "neutral"}), "labels")
    assert decode("labels", label.value).annotator == "wire"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-07-01", "2024-07-01T00:00:00Z"),
        ("2024-07-01 10:20", "2024-07-01T14:20:00Z"),
        ("2024-07-01T10:20:30Z", "2024-07-01T10:20:30Z"),
        ("2024-07-01T10:20:30+02:00", "2024-07-01T08:20:30Z"),
        ("Mon, 01 Jul 2024 10:20:30 GMT", "2024-07-01T10:20:30Z"),
        ("1719829230", "2024-07-01T10:20:30Z"),
    ],
)
def test_csv_dates(tmp_path: Path, written: str, meant: str) -> None:
    path = write_csv(tmp_path / "a.csv", {"text": "t", "published_at": written})
    (row,) = rows_of(path, "comments", zone=ZoneInfo("America/New_York"))
    assert json.loads(row.value)["published_at"] == meant


def test_csv_rows_without_id_date_text_or_kind(tmp_path: Path) -> None:
    from collections import Counter

    path = write_csv(
        tmp_path / "feed.csv",
        {"text": "same", "published_at": "2024-01-01", "kind": "news"},
        {"text": "same", "published_at": "2024-01-02", "kind": "comment"},
        {"text": "other", "published_at": "", "kind": "comment"},
        {"text": "", "published_at": "2024-01-03", "kind": "comment"},
        {"text": "t", "published_at": "yesterday", "kind": "comment"},
        {"text": "t", "published_at": "2024-01-03", "kind": "poem"},
    )
    skipped: Counter[str] = Counter()
    first, second = rows_of(path, None, skipped=skipped)
    assert first.key == second.key
    assert json.loads(first.value)["source"] == "feed"
    assert [one.partition(":")[0] for one in skipped] == ["published_at", "text", "published_at", "kind"]
    dated = rows_of(path, "comments", undated=datetime(2020, 1, 1, tzinfo=UTC))
    assert json.loads(dated[2].value)["published_at"] == "2020-01-01T00:00:00Z"


def test_bytes_that_are_no_utf8_are_read_in_their_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(b"id,text,published_at\n1,caf\xe9,2024-01-01\n")
    (row,) = rows_of(path, "comments")
    assert json.loads(row.value)["text"] == "caf\u00e9"


LABELS = "text,label\nCaf\u00e9 \u2013 \u201cgood\u201d,positive\n"


@pytest.mark.parametrize(
    "data",
    [LABELS.encode("utf-16"), LABELS.encode("cp1252"), gzip.compress(LABELS.encode(), mtime=0)],
    ids=["utf-16", "cp1252", "gzip"],
)
def test_labels_are_imported_in_any_encoding_and_packed(
    kafka_bootstrap: str, topic: str, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "KAFKA_TOPIC_LABELS": topic, "KAFKA_PARTITIONS": "1"}
    done = within("label", "import", path, "--annotator", "ben", "--json", **kafka)
    assert json.loads(done.stdout) == {"sent": 1, "skipped": 0}, done.stderr
    (label,) = map(json.loads, arrived(kafka_bootstrap, topic))
    assert (label["text"], label["label"]) == ("Caf\u00e9 \u2013 \u201cgood\u201d", "positive")


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("scored.csv.gz", b"id,when\n1,2\n", "--map title=COLUMN"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"id,text\n1,t\n", "column 'kind'"),
        ("a.jsonl", b"{}\n", "--topic"),
        ("scored.csv", b"id,text,published_at\n1,t,2024-01-01\n", "not of 'scored'"),
        ("a.jsonl.gz", gzip.compress(b"{}\n" * 1000, mtime=0)[:20], "breaks off or is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_remedy(
    tmp_path: Path, name: str, data: bytes, complaint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadFile, match=complaint) as error:
        rows_of(path, {"scored.csv": "scored", "scored.csv.gz": "news", "a.jsonl.gz": "news"}.get(name))
    assert str(path) in str(error.value)


def test_an_absurd_date_does_not_hold_the_replay_up(tmp_path: Path) -> None:
    days = ("2020-06-15T00:00:00Z", "2999-01-01T00:00:00Z", "0620-01-01T00:00:00Z", "2020-06-15T00:00:01Z")
    path = tmp_path / "feed.jsonl"
    path.write_text("".join(json.dumps({"id": "x", "published_at": day}) + "\n" for day in days))
    moments = [row.at for row in read(path, "news")]
    assert moments[0] == moments[1] == moments[2] == moments[3] - 1


def test_a_row_with_a_wrong_date_holds_up_none_behind_it() -> None:
    def due(times: list[float]) -> list[float]:
        return [row.at for row in _steady(Row(at, "news", None, b"") for at in times)]

    assert due([1, 2, 3, 4, 5]) == [1, 2, 3, 4, 5] and due([]) == []
    assert due([1, 2, 3, 900, 5, 6, 7]) == [1, 2, 3, 5, 6, 6, 7]
    assert due([1, 2, 3, 4, -900, 6, 7, 8, 9])[3:6] == [3, 4, 6]


def test_what_was_read_before_a_file_broke_off_is_sent() -> None:
    def broken() -> Iterator[Row]:
        yield from (Row(float(n), "news", None, b"") for n in range(5))
        raise BadFile("cut short")

    rows = _steady(broken())
    assert [next(rows).at for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(BadFile, match="cut short"):
        next(rows)
