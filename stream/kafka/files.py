"""Reads files of documents as records for Kafka: JSON lines as they are, CSV rows as messages.

Nothing is judged here: a line that is no message is sent as it is, and the worker makes a dead letter of it. Only a CSV
row without a date (or a label without an annotator) cannot become a message. It is counted in ``Produced.skipped``.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from documents.messages import CLOCK_TOLERANCE, EARLIEST_PUBLICATION, RECEIVED, Comment, Label, News
from errors import FinsentError
from stream.kafka.topics import MAX_MESSAGE_BYTES

TOPIC_OF_KIND = {"news": "news", "comment": "comments", "comments": "comments", "label": "labels"}


class ProduceError(FinsentError):
    """A file cannot be read as messages of its topic. The text says which line, and what to do."""


class Row(NamedTuple):
    """One record to send. ``at`` is its time in Unix seconds, or its predecessor's if it has none."""

    at: float
    topic: str
    key: bytes | None
    value: bytes


def read(
    path: Path,
    topic: str | None,
    *,
    zone: tzinfo = UTC,
    undated: datetime | None = None,
    skipped: Counter[str] | None = None,
) -> Iterator[Row]:
    """The records of one file, in its own order. Parameters and errors are those of ``stream.kafka.produce_many``."""
    with path.open("rb") as raw:
        yield from rows_of(path, raw, topic, zone, undated, Counter() if skipped is None else skipped)


def rows_of(
    path: Path,
    raw: BinaryIO,
    topic: str | None,
    zone: tzinfo,
    undated: datetime | None,
    skipped: Counter[str],
) -> Iterator[Row]:
    """``read`` for a file that is open already. Rows that cannot become messages are counted in ``skipped``."""
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
