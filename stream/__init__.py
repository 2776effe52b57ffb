"""Kafka in, scored documents and alerts out: the messages, the topics, the producer; ``stream.worker`` runs it."""

from documents.messages import SCHEMAS, BadRecord, Comment, Label, News, decode
from stream.kafka.producer import Produced, ProduceError, produce, produce_many
from stream.kafka.topics import ensure_topics, topic_ids, watermarks

__all__ = [
    "SCHEMAS",
    "BadRecord",
    "Comment",
    "Label",
    "News",
    "ProduceError",
    "Produced",
    "decode",
    "ensure_topics",
    "produce",
    "produce_many",
    "topic_ids",
    "watermarks",
]
