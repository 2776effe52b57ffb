import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from documents import BadRecord, Document, Position
from documents.events import Event, EventRole, EventState
from documents.messages import InvalidMessage, dead_letter, decode, scored
from documents.schemas import RECEIVED, SENT, differences, schema


def test_the_committed_schemas_are_those_of_the_code():
    assert differences() == []


def test_every_schema_is_a_schema():
    for topic in RECEIVED | SENT:
        Draft202012Validator.check_schema(schema(topic))


def test_what_is_sent_fits_its_schema():
    row = Document(Position("news", "id", 1, 2), "news", "d", label="negative", model_version="m")
    row.scored_at = row.published_at = datetime(2026, 1, 5, tzinfo=UTC)
    row.events = [Event("ACME", "cyber_breach", 0.9, EventRole.SUBJECT, EventState.RUMOURED, 80, 4, -1)]
    sent = json.loads(scored(row))
    Draft202012Validator(schema("scored")).validate(sent)
    assert (sent["events"][0]["type"], sent["events"][0]["state"]) == ("cyber_breach", "rumoured")
    bad = BadRecord(Position("news", "id", 1, 3), "not_json", sentence="no", raw=b"\xff")
    Draft202012Validator(schema("dead-letters")).validate(json.loads(dead_letter(bad)))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["news", "comments", "labels"]),
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "source", "title", "text", "published_at", "labelled_at", "label", "annotator", "tickers"]
                ),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_any_bytes_are_a_message_or_a_bad_record(topic: str, raw: bytes):
    try:
        decode(topic, raw)
    except InvalidMessage as error:
        assert error.kind in {"too_large", "encoding", "not_json", "invalid", "empty_text", "absurd_date"}
