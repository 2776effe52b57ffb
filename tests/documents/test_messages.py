import json
from datetime import UTC, datetime

import pytest

from documents.messages import InvalidMessage, News, decode

NOW = datetime(2024, 5, 1, tzinfo=UTC)
GOOD = {"id": "1", "source": "wire", "title": "Acme raises guidance", "published_at": "2024-04-30T10:00:00Z"}


def record(**changes):
    return json.dumps({k: v for k, v in (GOOD | changes).items() if v is not ...}).encode()


def test_good_record_is_decoded_and_unknown_fields_are_tolerated():
    message = decode("news", record(colour="red"), NOW)
    assert isinstance(message, News)
    assert message.published_at == datetime(2024, 4, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "kind", "field"),
    [
        (None, "not_json", ""),
        (b"{", "not_json", ""),
        (b'{"x":' * 100_000, "not_json", ""),
        (b'{"id": "\xff"}', "encoding", ""),
        (b" " * 1_000_001, "too_large", ""),
        (record(title=...), "invalid", "title"),
        (record(title=7), "invalid", "title"),
        (record(title=""), "invalid", "title"),
        (record(title=" \n"), "empty_text", "title"),
        (record(tickers=["A", 1]), "invalid", "tickers[1]"),
        (record(published_at="yesterday"), "invalid", "published_at"),
        (record(published_at="2024-04-30T10:00:00"), "invalid", "published_at"),
        (record(published_at="1901-01-01T00:00:00Z"), "absurd_date", "published_at"),
        (record(published_at="2024-05-03T00:00:00Z"), "absurd_date", "published_at"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_record_says_what_and_where(raw, kind, field):
    with pytest.raises(InvalidMessage) as caught:
        decode("news", raw, NOW)
    assert (caught.value.kind, caught.value.field) == (kind, field)


def test_label_names_a_document_or_a_text():
    base = {"label": "neutral", "annotator": "a", "labelled_at": "2024-04-30T10:00:00Z"}
    assert decode("labels", json.dumps(base | {"text": "flat"}).encode(), NOW).text == "flat"
    for fields in ({}, {"text": "flat", "document_id": "1"}):
        with pytest.raises(InvalidMessage, match="either document_id or text"):
            decode("labels", json.dumps(base | fields).encode(), NOW)
