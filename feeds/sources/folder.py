"""A folder that people drop files into: each is read once, when it has been left alone for a moment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from documents.files import BadFile, Messages, Outgoing, Reading, RowFault, read_table
from documents.messages import decode
from feeds.item import Item
from feeds.sources.contract import BadAnswer, Polled

SETTLED_S = 2.0
FILES_AT_ONCE = 10


class Folder:
    """Files of any kind that ``finsent produce`` takes, as messages of ``topic``. Hidden files are left alone."""

    def __init__(self, folder: Path, topic: str, settled_s: float = SETTLED_S) -> None:
        self._folder, self._topic, self._settled_s = folder, topic, settled_s

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        if not self._folder.is_dir():
            raise BadAnswer(f"there is no folder {self._folder}")
        read: dict[str, str] = dict(remembered.get("files") or {})
        present, found = {}, Polled()
        for path in sorted(self._folder.iterdir()):
            if path.name.startswith((".", "~")) or not path.is_file():
                continue
            about = path.stat()
            mark = f"{about.st_size} {about.st_mtime_ns}"
            if read.get(path.name) == mark:
                present[path.name] = mark
            elif time.time() - about.st_mtime >= self._settled_s:
                if len(found.items) and len(present) - len(read) >= FILES_AT_ONCE:
                    found.more = True
                    break
                self._read(path, found)
                present[path.name] = mark
        found.remember = {"files": present if not found.more else {**read, **present}}
        return found

    def _read(self, path: Path, found: Polled) -> None:
        try:
            for row in Messages(read_table(path), self._topic, Reading()):
                if isinstance(row, RowFault):
                    fault = f"row {row.number}{f', {row.field}' if row.field else ''}: {row.bare}"
                    found.faults.append(f"{path.name}, {fault}{self._remedy(row.bare != row.sentence)}")
                else:
                    found.items.append(_item(row))
        except BadFile as error:
            found.faults.append(f"{error.bare}{self._remedy(error.bare != str(error))}")

    def _remedy(self, by_option: bool) -> str:
        """What to do where an option of a command would mend it: a folder has none."""
        if not by_option:
            return ""
        return f"; mend it in the file, or take that out and send it with 'finsent produce --topic {self._topic}'"


def _item(row: Outgoing) -> Item:
    message: dict[str, Any] = msgspec.to_builtins(decode(row.topic, row.value))
    text = {name: message.get(name) or "" for name in ("url", "source", "author", "in_reply_to", "lang")}
    decoded = decode(row.topic, row.value)
    return Item(
        key=str(message["id"]),
        title=message.get("title", ""),
        body=message.get("body") or message.get("text") or "",
        published_at=getattr(decoded, "published_at", None),
        tickers=tuple(message.get("tickers") or ()),
        **text,
    )
