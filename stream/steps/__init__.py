"""What happens to a record, one step a file, in this order: read, score, link, publish, store."""

from stream.steps.read import Read
from stream.steps.score import UNSUPPORTED_LANGUAGE, Score

__all__ = ["UNSUPPORTED_LANGUAGE", "Read", "Score"]
