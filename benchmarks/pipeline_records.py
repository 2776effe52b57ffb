"""The records that ``benchmarks.pipeline`` sends: texts of CSV files, or the recorded week again and again."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.demo.recorded_week import write as write_week

TOPICS = ("news", "comments")

Value = tuple[str, bytes]
"""Topic and value of a record."""


def values(folder: Path | None, count: int) -> list[Value]:
    """(topic, record value) of ``count`` records; see ``stream_of``."""
    return list(stream_of(folder, count))


def stream_of(folder: Path | None, count: int) -> Iterator[Value]:
    """(topic, record value) of ``count`` records, news and comments by turns: from the CSV files in ``folder``, or the
    recorded week; with new ids again and again."""
    if folder is None or not folder.is_dir():
        return itertools.islice(_week(), count)
    files = {"news": "news_reuters_guardian_cnbc_2017_2020", "comments": "tweets_stocknet_2014_2016"}
    streams = [_rows(folder / f"{name}.csv.gz", topic) for topic, name in files.items()]
    found = [value for pair in itertools.zip_longest(*streams) for value in pair if value]
    return itertools.islice((value for n in itertools.count() for value in _again(found, n)), count)


def _rows(path: Path, topic: str) -> Iterator[Value]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            date = row["published_at"]
            yield (
                topic,
                json.dumps(
                    {
                        "id": row["id"],
                        "source": row["source"] or "unknown",
                        "title" if topic == "news" else "text": row["text"],
                        "published_at": date if "T" in date else f"{date[:10]}T{date[11:19] or '00:00:00'}Z",
                    }
                ).encode(),
            )


def _again(found: Sequence[Value], turn: int) -> Iterator[Value]:
    for topic, value in found:
        yield (topic, value.replace(b'{"id": "', f'{{"id": "{turn}-'.encode(), 1)) if turn else (topic, value)


def _week() -> Iterator[Value]:
    with tempfile.TemporaryDirectory() as folder:
        week = write_week(Path(folder))
        found = [
            (topic, line)
            for topic, path in (("news", week.news), ("comments", week.comments))
            for line in path.read_bytes().splitlines()
        ]
    for turn in itertools.count():
        yield from _again(found, turn)
