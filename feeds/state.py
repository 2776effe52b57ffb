"""What was read and sent, in one small file that is replaced as a whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from errors import ExitCode, FinsentError

MOST_SEEN = 20_000
"""So many items of a feed are remembered, the newest; a feed lists fewer."""


class BadState(FinsentError, ValueError):
    """The file of what was sent cannot be used."""

    exit_code = ExitCode.CONFIG
    remedy = "move it away to begin anew: what sources still list is then sent again"


class InUse(FinsentError, RuntimeError):
    """Another process has the state."""

    exit_code = ExitCode.CONFIG
    remedy = "stop that one, or name another file with --state"


class OfFeed(msgspec.Struct, kw_only=True):
    """What is known of one feed. ``seen`` are marks of the items that were sent, the newest last; ``remember`` is the
    source's own. Times are Unix seconds; before ``not_before`` its server wants to be
    left alone."""

    seen: list[str] = []
    remember: dict[str, Any] = {}
    last_item: float = 0.0
    not_before: float = 0.0
    sent: int = 0


class Pending(msgspec.Struct, kw_only=True):
    """What is being sent: after a crash, what of it is in Kafka from ``positions`` on was sent."""

    feed: str
    topic: str
    positions: dict[str, int]
    keys: list[str]


class State(msgspec.Struct, kw_only=True):
    """All feeds, by name, and what was on its way."""

    feeds: dict[str, OfFeed] = {}
    pending: Pending | None = None


class StateFile:
    """The state in ``path``, of this process alone until ``close``. Raises ``BadState`` for a file that is
    something else, and ``InUse`` for one that another process has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_name(path.name + ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InUse(f"another process reads feeds with the state in {path}") from error
        try:
            written = path.read_bytes()
            self.state = msgspec.json.decode(written, type=State)
        except FileNotFoundError:
            written, self.state = b"", State()
        except (OSError, msgspec.MsgspecError) as error:
            raise BadState(f"{path}: {error}") from error
        self._written = _digest(written)

    def close(self) -> None:
        """Let another process use it."""
        self._lock.close()

    def of(self, feed: str) -> OfFeed:
        """What is known of ``feed``."""
        return self.state.feeds.setdefault(feed, OfFeed())

    def save(self) -> None:
        """Replace the file, if it would be another one. It is whole at any time, also after a loss of power."""
        data = msgspec.json.encode(self.state)
        if _digest(data) == self._written:
            return
        part = self.path.with_name(self.path.name + ".part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._written = _digest(data)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def mark(key: str) -> str:
    """A short mark of an item's key."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def remembered(seen: Iterable[str], new: Sequence[str]) -> list[str]:
    """``seen`` with ``new`` at its end, each once, and the oldest forgotten."""
    kept = dict.fromkeys(seen)
    for one in new:
        kept.pop(one, None)
        kept[one] = None
    return list(kept)[-max(MOST_SEEN, len(new)) :]
