"""Sends files of documents to Kafka: JSON lines as they are, CSV rows as messages, at full speed or paced.

Nothing is judged here: a line that is no message is sent as it is, and the worker makes a dead letter of it. Only a CSV
row without a date (or a label without an annotator) cannot become a message. It is counted in ``Produced.skipped``.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import heapq
import io
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from documents.messages import CLOCK_TOLERANCE, EARLIEST_PUBLICATION, RECEIVED, Comment, Label, News
from errors import FinsentError
from stream.kafka.topics import CONNECT_MS, MAX_MESSAGE_BYTES

OnAcknowledged = Callable[[str, int, int, float], None]
"""Called with (topic, partition, offset, Unix time of the acknowledgement) from the producer's own thread."""

OnProgress = Callable[[int, float], None]
"""Called with the count of records sent and the share of the files' bytes that has been read (0 to 1)."""

TOPIC_OF_KIND = {"news": "news", "comment": "comments", "comments": "comments", "label": "labels"}
LATENCY_MS, THROUGHPUT_MS = 5, 50  # how long a batch waits for company: paced, and at full speed
BATCH_BYTES = 256 * 1024
MAX_LEAD_S = 0.002  # a paced record goes out when it is due within this


class ProduceError(FinsentError):
    """A file cannot be read as messages of its topic. The text says which line, and what to do."""


class Row(NamedTuple):
    """One record to send. ``at`` is its time in Unix seconds, or its predecessor's if it has none."""

    at: float
    topic: str
    key: bytes | None
    value: bytes


@dataclass(slots=True)
class Produced:
    """What became of the records of one call. Each one is acknowledged, has failed, or was not sent (skipped)."""

    sent: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    by_topic: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    @property
    def failed(self) -> int:
        """Records that were sent and that the broker did not acknowledge."""
        return self.failures.total()

    @property
    def records_per_second(self) -> float:
        """Acknowledged records over the seconds from the first send to the last acknowledgement."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


def produce(path: Path, topic: str | None, bootstrap: str, speed: float | None = None, **options: Any) -> Produced:
    """``produce_many`` for one file."""
    return produce_many([(path, topic)], bootstrap, speed, **options)


def produce_many(
    files: Sequence[tuple[Path, str | None]],
    bootstrap: str,
    speed: float | None = None,
    *,
    zone: tzinfo = UTC,
    undated: datetime | None = None,
    on_acknowledged: OnAcknowledged | None = None,
    progress: OnProgress | None = None,
    delivery_timeout: float = 120.0,
) -> Produced:
    """Send every record of ``files``, merged in the order of their dates, and wait for all acknowledgements.

    Each file is JSON lines or CSV (by its name, or else by its first character), plain or gzipped (by its first
    bytes). If its topic is None, the CSV's column ``kind`` names the topic of each row. ``speed`` is seconds of the
    records' times per second of real time; None sends as fast as the broker takes them. ``zone`` is that of CSV times
    without one. CSV rows without a date get ``undated``, or are skipped and counted. ``progress`` is called every 100
    records and at the end.

    Ctrl-C, a broker that takes no more, and a file that breaks off end the sending. The records on their way are waited
    for, and ``stopped`` gives the reason.

    Raises ``ProduceError`` or ``OSError`` for a file that cannot be read at all, and
    ``kafka.errors.KafkaError`` if no broker answers.
    """
    result = Produced()
    raws = [path.open("rb") for path, _ in files]
    size = sum(path.stat().st_size for path, _ in files) or 1
    streams = [
        _rows(path, raw, topic, zone, undated, result.skipped) for (path, topic), raw in zip(files, raws, strict=True)
    ]
    rows = heapq.merge(*streams, key=lambda row: row.at) if len(streams) > 1 else streams[0]
    producer = _producer(bootstrap, paced=speed is not None, delivery_timeout=delivery_timeout)

    def acknowledged(metadata: Any) -> None:
        result.acknowledged += 1
        if on_acknowledged:
            on_acknowledged(metadata.topic, metadata.partition, metadata.offset, time.time())

    def failed(error: Exception) -> None:
        result.failures[f"{type(error).__name__}: {str(error)[:200]}"] += 1

    started = time.monotonic()
    try:
        for row in _paced(rows, speed) if speed is not None else rows:
            result.sent += 1
            result.by_topic[row.topic] += 1
            try:
                future = producer.send(row.topic, value=row.value, key=row.key)
            except KafkaTimeoutError as error:  # no metadata, or a full buffer: the broker takes nothing more
                failed(error)
                result.stopped = f"the broker at {bootstrap} takes no more records"
                break
            except KafkaError as error:
                failed(error)
                continue
            future.add_callback(acknowledged).add_errback(failed)
            if progress and result.sent % 100 == 0:
                progress(result.sent, sum(raw.tell() for raw in raws) / size)
    except KeyboardInterrupt:
        result.stopped = "interrupted"
    except ProduceError as error:
        if not result.sent:
            raise
        result.stopped = str(error)
    finally:
        try:
            producer.flush(timeout=delivery_timeout + 10)
        except KafkaTimeoutError:
            unanswered = result.sent - result.acknowledged - result.failed
            result.failures[f"no answer within {delivery_timeout:g} s"] += unanswered
        producer.close(timeout=5)
        for raw in raws:
            raw.close()
    result.seconds = time.monotonic() - started
    if progress:
        progress(result.sent, 1.0)
    return result


def read(
    path: Path,
    topic: str | None,
    *,
    zone: tzinfo = UTC,
    undated: datetime | None = None,
    skipped: Counter[str] | None = None,
) -> Iterator[Row]:
    """The records of one file, in its own order; see ``produce_many`` for the parameters and the errors."""
    with path.open("rb") as raw:
        yield from _rows(path, raw, topic, zone, undated, Counter() if skipped is None else skipped)


def _rows(
    path: Path,
    raw: BinaryIO,
    topic: str | None,
    zone: tzinfo,
    undated: datetime | None,
    skipped: Counter[str],
) -> Iterator[Row]:
    try:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if _peek(raw)[:2] == b"\x1f\x8b" else raw
        if not _is_json(path, stream):
            yield from _csv_rows(path, stream, topic, zone, undated, skipped)
        elif topic is not None:
            yield from _json_rows(stream, topic)
        else:
            raise ProduceError(f"{path}: JSON lines do not say what topic they are for; name it with --topic")
    except (EOFError, OSError, zlib.error) as error:
        raise ProduceError(f"{path} breaks off or is damaged: {error}") from error


def _producer(bootstrap: str, paced: bool, delivery_timeout: float) -> KafkaProducer:
    servers = bootstrap.split(",")
    with KafkaAdminClient(bootstrap_servers=servers, bootstrap_timeout_ms=CONNECT_MS) as admin:
        # The embedded broker gives a producer id, but not a second one after it was started again: an
        # idempotent producer would fail for good.
        idempotent = not str(admin.describe_cluster().get("cluster_id")).startswith("tansu")
    return KafkaProducer(
        bootstrap_servers=servers,
        bootstrap_timeout_ms=CONNECT_MS,
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=LATENCY_MS if paced else THROUGHPUT_MS,
        batch_size=BATCH_BYTES,
        max_request_size=MAX_MESSAGE_BYTES,
        delivery_timeout_ms=int(delivery_timeout * 1000),
        request_timeout_ms=min(30_000, int(delivery_timeout * 1000) - 1000),
        max_block_ms=int(delivery_timeout * 1000),
    )


def _paced(rows: Iterable[Row], speed: float) -> Iterator[Row]:
    """``rows``, each held back until its time has come; time runs ``speed`` times as fast as it did."""
    started, origin = time.monotonic(), None
    for row in rows:
        if origin is None and row.at > 0:
            origin = row.at
        if origin is not None:
            wait = started + (row.at - origin) / speed - time.monotonic()
            if wait > MAX_LEAD_S:
                time.sleep(wait)
        yield row


def _peek(stream: Any) -> bytes:
    return stream.peek(64)


def _is_json(path: Path, stream: BinaryIO) -> bool:
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if suffixes & {".csv", ".json", ".jsonl", ".ndjson"}:
        return ".csv" not in suffixes
    return _peek(stream).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


class _Head(msgspec.Struct):
    id: str | None = None
    document_id: str | None = None
    published_at: datetime | None = None
    labelled_at: datetime | None = None


_HEAD = msgspec.json.Decoder(_Head)


def _json_rows(stream: BinaryIO, topic: str) -> Iterator[Row]:
    at = 0.0
    for line in stream:
        value = line.rstrip(b"\r\n")
        if not value:
            continue
        key = None
        try:
            head = _HEAD.decode(value)
            moment = head.published_at or head.labelled_at
            # The worker judges absurd dates. Here one would make the producer wait for centuries.
            if moment and moment.tzinfo and EARLIEST_PUBLICATION <= moment <= datetime.now(UTC) + CLOCK_TOLERANCE:
                at = moment.timestamp()
            name = head.id or head.document_id
            key = name.encode() if name else None
        except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):
            pass  # the worker judges it; it is sent after its predecessor, without a key
        yield Row(at, topic, key, value)


def _csv_rows(
    path: Path,
    stream: BinaryIO,
    topic: str | None,
    zone: tzinfo,
    undated: datetime | None,
    skipped: Counter[str],
) -> Iterator[Row]:
    csv.field_size_limit(MAX_MESSAGE_BYTES * 2)
    # Bytes that are not UTF-8 stay as they are in the JSON, and in the dead letter that the worker makes of it.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.DictReader(text, restkey="")
    columns = set(reader.fieldnames or ())
    if not columns & {"text", "title", "headline", "body"}:
        raise ProduceError(
            f"{path}: neither JSON lines nor a CSV with a header that names a column 'text' or 'title' "
            f"(first line: {', '.join(sorted(columns))[:120]!r})"
        )
    if topic is not None and topic not in RECEIVED:
        raise ProduceError(f"{path}: rows of a CSV become messages of {', '.join(RECEIVED)}, not of {topic!r}")
    if topic is None and "kind" not in columns:
        raise ProduceError(f"{path}: there is no column 'kind' to tell the topic by; name it with --topic")
    at = 0.0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise ProduceError(f"{path}, line {reader.line_num}: {error}") from error
        if row is None:
            return
        cells = {name: value for name, value in row.items() if name and value}
        target = topic or TOPIC_OF_KIND.get(cells.get("kind", ""))
        if target is None:
            skipped[f"of no known kind ({', '.join(TOPIC_OF_KIND)})"] += 1
            continue
        date = cells.get("labelled_at") or cells.get("published_at") or cells.get("date")
        moment, written = _moment(date, zone) if date else (undated, _rfc3339(undated) if undated else "")
        if not written:
            skipped["without a date"] += 1
            continue
        message = _message(target, cells, written, path)
        if target == "labels" and "annotator" not in message:
            skipped["without an annotator"] += 1
            continue
        at = moment.timestamp() if moment else at
        key = message.get("id") or message.get("document_id") or ""
        value = _encode(message)
        yield Row(at, target, key.encode("utf-8", "surrogateescape") or None, value)


def _encode(message: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        return json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _moment(date: str, zone: tzinfo) -> tuple[datetime | None, str]:
    """A CSV date as a moment and in RFC 3339. A day alone is its midnight in UTC. What is no date stays as it is."""
    try:
        moment = datetime.fromisoformat(date.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone if len(date.strip()) > 10 else UTC)
        return moment, _rfc3339(moment)
    except (ValueError, OverflowError):
        return None, date


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _message(topic: str, cells: dict[str, str], date: str, path: Path) -> dict[str, Any]:
    """One CSV row as the message of its topic, from columns with the names of its fields, or with other usual names."""
    schema: type[News] | type[Comment] | type[Label] = RECEIVED[topic]  # type: ignore[assignment]
    fields = set(schema.__struct_fields__)
    message: dict[str, Any] = {name: cells[name] for name in fields & cells.keys()}
    if topic == "labels":
        message["labelled_at"] = date
        if "document_id" in message:
            message.pop("text", None)
        if annotator := cells.get("annotator") or cells.get("source"):
            message["annotator"] = annotator
        return message
    text_field = "title" if topic == "news" else "text"
    names = ("title", "headline", "text", "body") if topic == "news" else ("text", "body", "title", "headline")
    message[text_field] = next((cells[name] for name in names if name in cells), "")
    message["published_at"] = date
    message["source"] = cells.get("source") or path.name.split(".")[0]
    message["tickers"] = [t for t in re.split(r"[\s,;|]+", cells.get("tickers") or cells.get("ticker") or "") if t]
    if "id" not in message:
        content = f"{message['source']}\n{message[text_field]}".encode("utf-8", "surrogateescape")
        message["id"] = hashlib.blake2b(content, digest_size=16).hexdigest()
    return message
