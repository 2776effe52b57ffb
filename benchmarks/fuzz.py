"""Throws generated records at the decoder and the pipeline: ``python -m benchmarks.fuzz --records 1000000``.

Half are bytes mutated from good records; of the others most are JSON whose fields hold anything, and some are texts
that repeat a few characters, as those do on which patterns are slow. Each must end on one side, as a document that can
be stored and sent on or as a dead letter that keeps its bytes. Exit code 1 and the record at the first one that does
not, that raises, or that takes longer than ``--limit`` seconds of processor time.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from documents import BadRecord, Document, Linker, Position, Pseudonymiser, Row, Tombstone, load_watchlist
from documents.messages import dead_letter, scored
from stream.kafka import Received
from stream.steps import Read

TOPICS = ("news", "comments")
IDS = {topic: f"id-of-{topic}" for topic in TOPICS}
KINDS = {"too_large", "too_long", "encoding", "not_json", "invalid", "empty_text", "absurd_date"}
GOOD = (
    {"title": "Siemens &amp; SAP rise 3% after <b>strong</b> quarter", "body": "Call +49 89 1234567 or a@b.example"},
    {"title": "A\u200bp\u200bple fa\u0301lls", "url": "https://example.com/?a=1", "lang": "en", "tickers": ["AAPL"]},
    {"text": "$TSLA to the moon \U0001f680\U0001f680 @bob #yolo http://x.example/y", "author": "Jane", "tickers": []},
    {"text": "\u80a1\u4ef7\u5927\u8dcc", "lang": "zh", "in_reply_to": "c1"},
)
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**400, 1e308, -0.0, "", " ", "\x00", "\ud800", "\uffff", "a" * 5000,
    "<" * 3000, "&" * 3000, "<a>" * 1500, "@" * 3000, "1" * 3000, "a@" * 1500, "\u0301" * 3000, "\u202e" * 100,
    "\ufdfa" * 500, "$A" * 1500, "https://" * 300, "\n" * 2000, "+49 " * 500, "\U000e0041" * 500, "en", "xx-YY",
    "2024-01-05T10:00:00Z", "2024-01-05T10:00:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2024-02-30T10:00:00Z", "2024-01-05T24:00:00Z", "2024-01-05T10:00:60Z", "1990-01-01T00:00:00+23:59",
)  # fmt: skip


REPEATING, LONGEST = 0.1, 10_000
"""The share of records that repeat characters, and how many characters they have at most."""

PIECES = (
    "A", "a", " ", "(", ")", ".", ",", "-", "&", "<", ">", "/", "'", "\"", "@", "$", "#", "1", "12", "+", "_", ":", ";",
    "\n", "<a ", "</p>", "<!--", "-->", "<script>", "&amp;", "&#1;", "http://a", "update ", "(Reuters) - ", "Siemens ",
    "comp any ", "DE89 ", "GB11AAAA ", "billion ", "\u2019s ", "\u2014", "\u0300", "\u0316", "\u0e33", "\u0130",
    "\ufdfa", "\u200d", "\u3316", "\U0001f600", "\u0410", "\u4e2d", "\uff46", "\xe9", "\ud7a3",
)  # fmt: skip


def generate(rng: random.Random) -> tuple[str, bytes | None]:
    """(topic, value) of one record."""
    template = rng.choice(GOOD)
    topic = "news" if "title" in template else "comments"
    message: dict[str, Any] = {"id": "1", "source": "s", "published_at": "2024-01-05T10:00:00Z", **template}
    if rng.random() < REPEATING:
        message[rng.choice(["title", "body"] if topic == "news" else ["text"])] = _repeating(rng)
        return topic, json.dumps(message).encode()
    if rng.random() < 0.5:
        for _ in range(rng.randint(1, 3)):
            message[rng.choice([*message, "body", "lang", "tickers", "author", "unknown"])] = _anything(rng, 3)
        try:
            return topic, json.dumps(message, ensure_ascii=rng.random() < 0.5).encode()
        except UnicodeEncodeError:
            return topic, json.dumps(message).encode()
    raw = bytearray(json.dumps(message, ensure_ascii=rng.random() < 0.5).encode())
    for _ in range(rng.randint(0, 4)):
        at, end = sorted((rng.randrange(len(raw) + 1), rng.randrange(len(raw) + 1)))
        action = rng.randrange(6)
        if action == 0:
            raw[at:at] = rng.randbytes(rng.randint(1, 8))
        elif action == 1:
            del raw[at:end]
        elif action == 2:
            raw[at:at] = raw[at:end] * rng.randint(1, 3)
        elif action == 3 and at < len(raw):
            raw[at] ^= 1 << rng.randrange(8)
        elif action == 4:
            raw[at:at] = rng.choice([b'"', b"\\", b"{", b"}", b"[", b",", b"null", b"\\ud800", b"\xef\xbb\xbf", b"NaN"])
        else:
            raw = raw[:at]
    return topic, None if rng.random() < 0.001 else bytes(raw)


def _repeating(rng: random.Random) -> str:
    """A text that begins like a headline and then repeats up to three pieces."""
    unit = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 3)))
    start, end = rng.choice(("", "A (", "Siemens says ", "1", *PIECES)), rng.choice(("", "!", *PIECES))
    return start + unit * (rng.randint(1, LONGEST) // len(unit)) + end


def _anything(rng: random.Random, depth: int) -> Any:
    kind = rng.random()
    if depth and kind < 0.1:
        return [_anything(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    if depth and kind < 0.2:
        return {str(_anything(rng, 0))[:20]: _anything(rng, depth - 1) for _ in range(rng.randint(0, 3))}
    if kind < 0.5:
        return "".join(chr(rng.choice((rng.randrange(128), rng.randrange(0xD800)))) for _ in range(rng.randrange(60)))
    return rng.choice(SCALARS)


MOST_SHOWN = 1000
STUCK_S = 600
"""A thousand records that take longer have one that is stuck: the process dumps where, and ends."""


def reading() -> Read:
    """The worker's own step."""
    return Read(Linker(load_watchlist()), Pseudonymiser("k" * 32), lambda topic, partition: IDS[topic])


def check(read: Read, topic: str, value: bytes | None) -> Row:
    """Read one record; raises ``AssertionError`` where it does not end on exactly one side, whole."""
    (row,) = read.run([Received(topic, 3, 17, value)])
    assert row.position == Position(topic, IDS[topic], 3, 17)
    if isinstance(row, Tombstone):
        assert value is None
        return row
    if isinstance(row, BadRecord):
        assert row.kind in KINDS and row.sentence and row.raw == value
        dead_letter(row)
        return row
    assert isinstance(row, Document)
    assert row.document_id and row.source and (row.title or row.text)
    assert datetime(1990, 1, 1, tzinfo=UTC) <= row.published_at and 0 <= row.story_id < 2**64
    surfaces = [mention.surface for mention in row.mentions]
    for text in (row.title, row.text, row.url, row.author, row.in_reply_to, row.lang, *surfaces):
        text.encode()  # a lone surrogate could not be stored
    row.label, row.scored_at = "neutral", row.published_at
    for mention in row.mentions:
        mention.label = "neutral"
    scored(row)
    return row


def _shown(value: bytes | None) -> str:
    """``value`` for a line of text; ``--seed`` and ``--records`` give the whole of it again."""
    return repr(value) if value is None or len(value) < MOST_SHOWN else f"{value[:MOST_SHOWN]!r}... {len(value)} bytes"


def _seconds(read: Read, topic: str, value: bytes | None) -> float:
    """The processor time that a record takes."""
    before = time.thread_time()
    check(read, topic, value)
    return time.thread_time() - before


def main() -> None:
    """Generate, check, count."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=0.05, help="seconds of processor time that one record may take")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rng, read = random.Random(arguments.seed), reading()
    read.warm_up()
    counts: Counter[str] = Counter()
    slowest, started = 0.0, time.monotonic()
    for number in range(arguments.records):
        topic, value = generate(rng)
        if number % 1000 == 0:
            faulthandler.dump_traceback_later(STUCK_S, exit=True)
        before = time.thread_time()
        try:
            row = check(read, topic, value)
        except BaseException:
            print(f"record {number} of seed {arguments.seed}: {topic} {_shown(value)}", file=sys.stderr)
            raise
        taken = time.thread_time() - before
        if taken > arguments.limit:  # or was the machine slow just then?
            taken = min(_seconds(read, topic, value) for _ in range(5))
        slowest = max(slowest, taken)
        if taken > arguments.limit:
            sys.exit(f"record {number} of seed {arguments.seed} took {taken * 1000:.0f} ms: {topic} {_shown(value)}")
        counts[row.kind if isinstance(row, BadRecord) else "good"] += 1
    result = {"records": arguments.records, "seed": arguments.seed, **dict(sorted(counts.items())),
              "slowest_ms": round(slowest * 1000, 1), "seconds": round(time.monotonic() - started)}  # fmt: skip
    print(json.dumps(result))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
