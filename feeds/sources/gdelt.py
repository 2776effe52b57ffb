"""The files that GDELT (gdeltproject.org) publishes every 15 minutes: titles of the world's news, with themes."""

from __future__ import annotations

import hashlib
import html
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from errors import many
from feeds.fetching import Fetcher, FetchError
from feeds.item import Item
from feeds.sources.contract import BadAnswer, Polled

ADDRESS = "http://data.gdeltproject.org/gdeltv2"
EVERY = timedelta(minutes=15)
MOST_FILES = 96
"""A day: what was missed before is left out, and told."""

MOST_BYTES = 200_000_000
AT_ONCE = 4
_FILE = re.compile(r"(?P<size>\d+) (?P<md5>[0-9a-f]{32}) (?P<url>\S+/(?P<stamp>\d{14})\.gkg\.csv\.zip)")
_TITLE = re.compile(r"<PAGE_TITLE>(.*?)</PAGE_TITLE>")
DATE, SOURCE, URL, THEMES, EXTRAS, COLUMNS = 1, 3, 4, 7, 26, 27
DEFAULT_THEMES = ("ECON_", "EPU_", "WB_")


class Gdelt:
    """Pages with a theme that begins with one of ``themes``."""

    def __init__(self, themes: Sequence[str], fetcher: Fetcher, address: str = "") -> None:
        self._themes = tuple(themes) or DEFAULT_THEMES
        self._fetcher, self._address = fetcher, address or ADDRESS

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        answer = self._fetcher.get(f"{self._address}/lastupdate.txt")
        match = _FILE.search((answer.body or b"").decode("ascii", "replace"))
        if match is None:
            raise BadAnswer("lastupdate.txt names no file of the knowledge graph (.gkg.csv.zip)")
        newest, last = match["stamp"], str(remembered.get("stamp", ""))
        found = Polled(remember=dict(remembered))
        if newest == last:
            return found
        stamps = _between(last, newest) if last else [newest]
        if len(stamps) > MOST_FILES:
            found.faults.append(
                f"{many(len(stamps) - MOST_FILES, 'file', 'is')} left out: of before {stamps[-MOST_FILES]}"
            )
            stamps = stamps[-MOST_FILES:]
        found.more = len(stamps) > AT_ONCE
        for stamp in stamps[:AT_ONCE]:
            digest = match["md5"] if stamp == newest else ""
            try:
                body = self._fetcher.get(match["url"].replace(newest, stamp)).body or b""
            except FetchError as error:
                if stamp == newest or error.unreachable or error.retry_after:
                    raise
                found.faults.append(f"the file of {stamp} is missing: {error}")  # GDELT leaves one out now and then
                found.remember["stamp"] = stamp
                continue
            if digest and hashlib.md5(body, usedforsecurity=False).hexdigest() != digest:
                raise BadAnswer(f"the file of {stamp} is not the one that lastupdate.txt names; it may have broken off")
            if body:
                found.items += self._items(_unpacked(body, stamp), found)
            else:
                found.faults.append(f"the file of {stamp} is empty")
            found.remember["stamp"] = stamp
        return found

    def _items(self, text: str, found: Polled) -> list[Item]:
        items, short = [], 0
        for line in text.split("\n"):  # splitlines would also end lines at characters that titles have
            if not line.strip():
                continue
            cells = line.rstrip("\r").split("\t")
            if len(cells) < COLUMNS:
                short += 1
                continue
            title = _TITLE.search(cells[EXTRAS])
            if title is None or not any(theme.startswith(self._themes) for theme in cells[THEMES].split(";")):
                continue
            items.append(
                Item(
                    key=cells[URL],
                    title=html.unescape(title[1]).strip(),
                    url=cells[URL],
                    published_at=_moment(cells[DATE]),
                    source=cells[SOURCE],
                )
            )
        if short:
            found.faults.append(f"{many(short, 'line')} with too few cells")
        return [item for item in items if item.title and item.key]


def _unpacked(body: bytes, stamp: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.namelist()[0]) as file:
            data = file.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, IndexError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadAnswer(f"the file of {stamp} cannot be unpacked: {error}") from error
    if len(data) > MOST_BYTES:
        raise BadAnswer(f"the file of {stamp} has more than {MOST_BYTES:,} bytes unpacked")
    return data.decode("utf-8", "replace")


def _between(last: str, newest: str) -> list[str]:
    """The stamps after ``last`` up to ``newest``."""
    at, end = _moment(last), _moment(newest)
    if at is None or end is None:
        return [newest]
    stamps = []
    while (at := at + EVERY) <= end:
        stamps.append(at.strftime("%Y%m%d%H%M%S"))
    return stamps or [newest]


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
