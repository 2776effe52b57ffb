"""The worker: Kafka in; scored documents, dead letters and alerts out.

``stream.kafka`` sends and reads records, ``stream.steps`` is what happens to each, ``stream.champion`` follows the
model's champion, ``stream.upkeep`` keeps a worker healthy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model import Scorer
    from settings import StreamSettings

__all__ = ["run"]


def run(
    settings: StreamSettings | None = None, level: str = "INFO", load: Callable[[str], Scorer] | None = None
) -> None:
    """Run one worker until SIGTERM or SIGINT; see ``stream.worker.run``, which takes a second to import."""
    from stream import worker

    worker.run(settings, level, load)
