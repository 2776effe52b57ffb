"""The week that the demo replays."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.demo.recorded_week import Week, write
from documents import Linker, load_watchlist, normalise
from documents.messages import InvalidMessage, decode


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    return write(tmp_path_factory.mktemp("week"))


def messages(week: Week) -> list:
    found = []
    for path, topic in ((week.news, "news"), (week.comments, "comments")):
        for line in path.read_bytes().splitlines():
            try:
                found.append(decode(topic, line))
            except InvalidMessage:
                continue
    return found


def text(message: object) -> str:
    return normalise(getattr(message, "title", None) or getattr(message, "text", ""))


def test_it_is_large_and_told_in_different_words(week: Week):
    texts = {text(message).lower() for message in messages(week)}
    assert len(texts) >= 1500 and week.companies >= 25
    assert week.syndicated_copies >= 40 and week.sent_twice >= 40


def test_the_counts_are_those_of_the_files(week: Week):
    kinds: Counter[str] = Counter()
    lines = 0
    for path, topic in ((week.news, "news"), (week.comments, "comments")):
        for line in path.read_bytes().splitlines():
            lines += 1
            try:
                message = decode(topic, line)
                if not text(message):
                    kinds["empty_text"] += 1
            except InvalidMessage as error:
                kinds[error.kind] += 1
    assert lines == week.produced and kinds == week.malformed
    assert set(kinds) == {"not_json", "invalid", "empty_text", "absurd_date", "encoding", "too_large"}


def test_two_writings_are_equal(week: Week, tmp_path: Path):
    again = write(tmp_path)
    assert again.news.read_bytes() == week.news.read_bytes()
    assert again.comments.read_bytes() == week.comments.read_bytes()


def test_everything_is_of_that_week(week: Week):
    for message in messages(week):
        assert datetime(2020, 6, 15, tzinfo=UTC) <= message.published_at < datetime(2020, 6, 22, 2, tzinfo=UTC)


def test_nearly_every_text_is_about_a_company_of_the_watch_list(week: Week):
    linker = Linker(load_watchlist())
    found = [bool(linker.find(text(message), message.tickers)) for message in messages(week)]
    assert sum(found) / len(found) > 0.9
