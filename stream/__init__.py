"""Kafka in, scored documents and alerts out."""

from stream.messages import SCHEMAS, BadRecord, Comment, Label, News, decode

__all__ = ["SCHEMAS", "BadRecord", "Comment", "Label", "News", "decode"]
