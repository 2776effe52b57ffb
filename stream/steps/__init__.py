"""What happens to a record, one step a file, in this order: read, score, link, publish, store."""

from stream.steps.contract import Step
from stream.steps.isolation import Isolation
from stream.steps.link import Link
from stream.steps.publish import Publish, Send
from stream.steps.read import Read
from stream.steps.score import UNSUPPORTED_LANGUAGE, Score
from stream.steps.store import Store

__all__ = ["UNSUPPORTED_LANGUAGE", "Isolation", "Link", "Publish", "Read", "Score", "Send", "Step", "Store"]
