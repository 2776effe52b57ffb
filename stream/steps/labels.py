"""People's judgements from the topic ``labels``: read by the same rules as documents, stored beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from documents.messages import BadRecord, Label, decode
from documents.privacy import redact
from documents.record import Record
from documents.text import normalise
from stream.steps.read import Received


def read(received: Sequence[Received], topic_ids: Mapping[str, str]) -> list[Record]:
    """One row a record: a label (``author`` is the annotator, ``published_at`` when it was given, ``mention_entity``
    what it is about), or a bad record with its error and raw bytes."""
    now = datetime.now(UTC)
    return [_read(record, topic_ids[record.topic], now) for record in received]


def _read(received: Received, topic_id: str, now: datetime) -> Record:
    row = Record(received.topic, topic_id, received.partition, received.offset, kind="label")
    try:
        message = decode(received.topic, received.value, now)
        assert isinstance(message, Label)
        text = redact(normalise(message.text or ""))
        if message.text and not text:
            raise BadRecord("empty_text", "nothing of text is left after normalising", "text")
    except BadRecord as error:
        row.error_kind, row.error_field, row.error = error.kind, error.field, str(error)
        row.raw = received.value or b""
        return row
    row.document_id, row.text, row.label = message.document_id or "", text, message.label
    row.author, row.published_at = message.annotator, message.labelled_at.astimezone(UTC)
    row.mention_entity = [message.entity] if message.entity else []
    return row
