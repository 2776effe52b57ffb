"""What chaos holds the views against: which mentions count, made once more in Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_driver import Client

from benchmarks.chaos_views import view_differences
from documents import Document, Mention, Position
from storage import write_documents

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(number: int, at: datetime, document: str, story: int, entity: str) -> Document:
    made = Document(Position("news", "id", 0, number), "news", document_id=document, source="s", story_id=story)
    made.published_at, made.label, made.sentiment, made.p_neutral = at, "neutral", number / 100, 1.0
    if entity:
        made.mentions = [Mention(entity, entity, "name", "neutral", 0.0, 1.0, 0.0, number / 100)]
    return made


@pytest.mark.parametrize("entity", ["AAA", ""])
def test_they_agree_about_stories_and_documents_that_come_again(client: Client, entity: str):
    cases = [
        ("x", 1, 0 * HOUR, True),
        ("y", 1, 1 * HOUR, False),  # the story again
        ("y", 2, 2 * HOUR, False),  # the document again, which was not counted before, as another story
        ("z", 2, 3 * HOUR, False),  # that story again
        ("x", 3, 24 * HOUR, False),  # the document again after exactly a day
        ("x", 3, 48.5 * HOUR, True),  # both again, after more than a day
    ]
    rows = [told(n, NOON + after, document, story, entity) for n, (document, story, after, _) in enumerate(cases)]
    write_documents(client, rows)
    assert view_differences(client) == []
    if entity:
        counted = {offset for (offset,) in client.execute("SELECT offset FROM counted_mentions")}
        assert counted == {n for n, case in enumerate(cases) if case[-1]}
