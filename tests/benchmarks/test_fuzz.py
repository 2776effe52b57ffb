"""Anything may come from Kafka: each record ends on exactly one side."""

from __future__ import annotations

import json
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import GOOD, TOPICS, check, generate, reading
from documents import BadRecord, Row, Tombstone

READ = reading()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("id", "source", "title", "text", "body", "published_at", "url", "lang", "tickers", "author", "in_reply_to")
RELAXED = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def fault(row: Row) -> str:
    return row.kind if isinstance(row, BadRecord | Tombstone) else ""


@RELAXED
@given(topic=st.sampled_from(TOPICS), value=st.none() | st.binary(max_size=300))
def test_bytes(topic: str, value: bytes | None):
    assert fault(check(READ, topic, value))


@RELAXED
@given(topic=st.sampled_from(TOPICS), message=JSON | st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_json_of_any_shape(topic: str, message: object):
    check(READ, topic, json.dumps(message).encode())


@RELAXED
@given(
    good=st.sampled_from(GOOD),
    text=st.text(min_size=1, max_size=300),
    at=st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
)
def test_any_text_at_any_time(good: dict, text: str, at: str):
    topic, name = ("news", "title") if "title" in good else ("comments", "text")
    message = {"id": "1", "source": "s", **good, name: text, "published_at": at}
    row = check(READ, topic, json.dumps(message).encode())
    assert fault(row) in ("", "empty_text", "absurd_date", "invalid")


def test_mutations_find_both_sides():
    rng = random.Random(7)
    rows = [check(READ, *generate(rng)) for _ in range(3000)]
    assert {fault(row) for row in rows} >= {"", "encoding", "not_json", "invalid", "empty_text", "absurd_date"}
