"""Kafka: the topics, files sent to them, records read from them, and where a worker continues."""

from stream.kafka.dead_letters import replay
from stream.kafka.label_sender import LabelNotSent, LabelSender
from stream.kafka.producer import OnProgress, Produced, ProduceError, produce, produce_many, read
from stream.kafka.received import Received
from stream.kafka.reread import TopicIdentity, reread
from stream.kafka.topics import TOPICS, ensure_topics, topic_ids, watermarks

__all__ = [
    "TOPICS",
    "LabelNotSent",
    "LabelSender",
    "OnProgress",
    "ProduceError",
    "Produced",
    "Received",
    "TopicIdentity",
    "ensure_topics",
    "produce",
    "produce_many",
    "read",
    "replay",
    "reread",
    "topic_ids",
    "watermarks",
]
