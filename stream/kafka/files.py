"""Reads files of documents as records for Kafka: JSON lines as they are, and all others as ``documents.files`` has it.

Nothing is judged here: a line of JSON that is no message is sent as it is, and the worker makes a dead letter of it. A
row of another file that cannot become a message is counted in ``Produced.skipped``. ``finsent produce`` checks files
first.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from documents.files import BadFile, Messages, Outgoing, Reading, RowFault, read_table
from documents.messages import CLOCK_TOLERANCE, EARLIEST_PUBLICATION


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
        if _is_json(path, stream):
            if topic is None:
                raise BadFile(f"{path}: JSON lines do not say what topic they are for; name it with --topic")
            yield from _json_rows(stream, topic)
        else:
            yield from as_rows(Messages(read_table(path), topic, Reading(zone=zone, undated=undated)), skipped)
    except (EOFError, OSError, zlib.error) as error:
        raise BadFile(f"{path} breaks off or is damaged: {error}") from error


def as_rows(made: Iterable[Outgoing | RowFault], skipped: Counter[str]) -> Iterator[Row]:
    """The messages among ``made``; what is wrong with the others is counted in ``skipped``."""
    for one in made:
        if isinstance(one, Outgoing):
            yield Row(one.at, one.topic, one.key, one.value)
        else:
            skipped[f"{one.field}: {one.sentence}" if one.field else one.sentence] += 1


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
