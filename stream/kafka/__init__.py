"""Kafka: the topics, files sent to them, records read from them, and where a worker continues."""

from stream.kafka.acls import acl_commands
from stream.kafka.arrivals import Arrivals
from stream.kafka.backlog import backlog
from stream.kafka.diagnosis import check_encryption
from stream.kafka.erasing import HeldRecords, erase_from_topics, known_records
from stream.kafka.files import as_rows, read
from stream.kafka.label_sender import LabelNotSent, LabelSender
from stream.kafka.outlet import KafkaAway, RecordOutlet
from stream.kafka.producer import OnProgress, Produced, produce, produce_many, send
from stream.kafka.received import Received
from stream.kafka.refusals import KafkaRefused
from stream.kafka.replaying import replay
from stream.kafka.rereading import reread
from stream.kafka.topics import TOPICS, TopicsMissing, count_brokers, ensure_topics, topic_ids, watermarks

__all__ = [
    "TOPICS",
    "Arrivals",
    "HeldRecords",
    "KafkaAway",
    "KafkaRefused",
    "LabelNotSent",
    "LabelSender",
    "OnProgress",
    "Produced",
    "Received",
    "RecordOutlet",
    "TopicsMissing",
    "acl_commands",
    "as_rows",
    "backlog",
    "check_encryption",
    "count_brokers",
    "ensure_topics",
    "erase_from_topics",
    "known_records",
    "produce",
    "produce_many",
    "read",
    "replay",
    "reread",
    "send",
    "topic_ids",
    "watermarks",
]
