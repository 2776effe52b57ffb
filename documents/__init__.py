"""What a document is, and the words of the messages about it."""

from documents.alert import AlertKind, AlertState, Direction, Severity

__all__ = ["AlertKind", "AlertState", "Direction", "Severity"]
