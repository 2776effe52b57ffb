"""The messages on Kafka's topics: those that finsent receives, and those that it sends. ``documents.schemas`` publishes
their schemas."""

# Received
from documents.messages.received import (
    CLOCK_TOLERANCE,
    EARLIEST_PUBLICATION,
    MAX_RECORD_BYTES,
    Comment,
    InvalidMessage,
    Label,
    News,
    check_size,
    decode,
    from_fields,
)
from documents.messages.received import SCHEMAS as RECEIVED

# Sent
from documents.messages.sent import SCHEMAS as SENT
from documents.messages.sent import (
    Alert,
    AlertEvent,
    DeadLetter,
    ModelEvent,
    Scored,
    ScoredEvent,
    ScoredMention,
    alert,
    dead_letter,
    model_event,
    scored,
)

__all__ = [
    "CLOCK_TOLERANCE",
    "EARLIEST_PUBLICATION",
    "MAX_RECORD_BYTES",
    "RECEIVED",
    "SENT",
    "Alert",
    "AlertEvent",
    "Comment",
    "DeadLetter",
    "InvalidMessage",
    "Label",
    "ModelEvent",
    "News",
    "Scored",
    "ScoredEvent",
    "ScoredMention",
    "alert",
    "dead_letter",
    "check_size",
    "decode",
    "from_fields",
    "model_event",
    "scored",
]
