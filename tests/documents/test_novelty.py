"""Stories with the real model: what is the same story, how new a document is, and what it costs to know."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from clickhouse_driver import Client

import model
from documents import Document, Linker, Pseudonymiser, load_watchlist
from documents.stories import Novelty, facts, story_key
from storage import write_documents
from storage.reads import recent_documents
from stream.kafka import Received
from stream.steps import Read, Score

AT = datetime(2020, 6, 18, 9, 0, tzinfo=UTC)
IDS = {"news": "topic-one", "comments": "topic-two"}
STORY = "Wirecard says auditor EY cannot confirm 1.9 billion euros in cash balances"
Documents = Callable[..., list[Document]]


@pytest.fixture(scope="module")
def score(shipped: Path) -> Score:
    return Score(model.load(model.champion_folder(shipped)))


@pytest.fixture
def documents(score: Score) -> Documents:
    """Scores headlines as one batch; each is (text, hours after ``AT``), or a text alone."""
    offsets, ids = count(), count()
    read = Read(Linker(load_watchlist()), Pseudonymiser("k" * 32), lambda topic, partition: IDS[topic])

    def make(
        *told: str | tuple[str, float], kind: str = "news", document_id: str = "", body: str = ""
    ) -> list[Document]:
        values = []
        for item in told:
            text, hours = item if isinstance(item, tuple) else (item, 0.0)
            number = next(ids)
            message = {
                "id": document_id or f"d{number}",
                "source": "desk" if document_id else f"source-{number}",
                "title" if kind == "news" else "text": text,
                "published_at": (AT + timedelta(hours=hours)).isoformat(),
            }
            if body:
                message["body"] = body
            values.append(Received(kind, 0, next(offsets), json.dumps(message).encode()))
        rows = read.run(values)
        score.run(rows)
        return [row for row in rows if isinstance(row, Document)]

    return make


def assigned(novelty: Novelty, rows: list[Document]) -> list[Document]:
    novelty.assign(rows)
    return rows


def test_the_first_of_a_story_is_new_and_its_copies_decay_as_ravenpacks(documents: Documents):
    novelty = Novelty()
    rows = [assigned(novelty, documents(STORY))[0] for _ in range(8)]
    assert len({row.story_id for row in rows}) == 1
    assert [round(row.novelty) for row in rows] == [100, 75, 56, 42, 32, 24, 18, 13]


def test_novelty_recovers_over_24_hours(documents: Documents):
    novelty = Novelty()
    first, half, late = assigned(novelty, documents(STORY, (STORY, 12), (STORY, 25)))
    assert (first.novelty, half.novelty) == (100, pytest.approx(87.5))
    assert late.novelty == 100 and late.story_id != first.story_id


def test_ten_sources_tell_one_story(documents: Documents):
    told = [
        STORY,
        STORY.upper(),
        f"UPDATE 2-{STORY}",
        f"ASCHHEIM, June 18 (Reuters) - {STORY}",
        f"EXCLUSIVE: {STORY}!",
        "Wirecard says its auditor EY can not confirm 1.9 bln euros in cash balances",
        "Wirecard: auditor EY could not confirm EUR 1.9 billion of cash balances",
        "Wirecard says auditor EY cannot confirm 1.9 billion euros in cash",
        f"{STORY} - source",
        "Auditor EY cannot confirm 1.9 billion euros of Wirecard's cash balances",
    ]
    rows = assigned(Novelty(), documents(*told))
    assert len({row.story_id for row in rows}) == 1
    assert [row.novelty for row in rows if row.novelty == 100] == [100]


def test_a_truncated_copy_is_of_the_story(documents: Documents):
    sentences = [
        "The payments company said that the auditor had found no sufficient evidence for the trust accounts.",
        "The annual accounts, which were due today, are put off again.",
        "Loans of about 2 billion euros may be called in if they are not there by Friday.",
    ]
    novelty = Novelty()
    (whole,) = assigned(novelty, documents(STORY, body=" ".join(sentences)))
    (cut,) = assigned(novelty, documents(STORY, body=sentences[0]))
    assert cut.story_id == whole.story_id and cut.novelty < 100


def test_a_retry_and_an_update_of_the_same_id_are_linked(documents: Documents):
    novelty = Novelty()
    (first,) = assigned(novelty, documents("Siemens to cut jobs", document_id="n1"))
    (retry,) = assigned(novelty, documents("Siemens to cut jobs", document_id="n1"))
    (update,) = assigned(novelty, documents("Siemens: 500 posts go at the turbine works in Berlin", document_id="n1"))
    assert first.story_id == retry.story_id == update.story_id
    # An update that says other things is newer than a mere repeat.
    assert first.novelty == 100 and retry.novelty == pytest.approx(75) and 75 < update.novelty < 100


@pytest.mark.parametrize(
    "one, other",
    [
        ("Siemens shares rise 3 % after strong quarter", "Siemens shares rise 5 % after strong quarter"),
        ("Siemens shares rise 3 percent after strong quarter", "Bayer shares rise 3 percent after strong quarter"),
        ("Ruritania bans flights of the Boeing 737 MAX", "Freedonia bans flights of the Boeing 737 MAX"),
        ("Siemens shares rise after strong quarter", "Siemens shares fall after weak quarter"),
        ("Adler Group raises its outlook for the year", "Bohrer Group raises its outlook for the year"),
    ],
)
def test_another_company_number_or_direction_is_another_story(documents: Documents, one: str, other: str):
    rows = assigned(Novelty(), documents(one, other))
    assert rows[0].story_id != rows[1].story_id
    assert [row.novelty for row in rows] == [100, 100]


def test_two_views_of_one_event_are_two_stories(documents: Documents):
    rows = assigned(
        Novelty(),
        documents(
            "Freedonia slams Ruritania's blacklisting of Siemens as trade tensions rise",
            "Ruritania blacklists Freedonia's Siemens as trade dispute clouds global outlook",
        ),
    )
    assert [row.novelty for row in rows] == [100, 100]


def test_two_numbers_do_not_meet_in_a_headline_without_one(documents: Documents):
    rows = assigned(
        Novelty(),
        documents(
            "Siemens shares rise after strong quarter",
            "Siemens shares rise 3 % after strong quarter",
            "Siemens shares rise 5 % after strong quarter",
        ),
    )
    assert rows[0].story_id == rows[1].story_id != rows[2].story_id


def test_like_comments_are_opinions_and_equal_ones_are_copies(documents: Documents):
    told = ("Siemens looks good to me here", "Siemens looks good to me here!!", "Siemens looks really good to me")
    rows = assigned(Novelty(), documents(*told, kind="comments"))
    assert rows[0].story_id == rows[1].story_id != rows[2].story_id


def test_the_order_of_arrival_does_not_matter_for_the_link(documents: Documents):
    novelty = Novelty()
    (late,) = assigned(novelty, documents((STORY, 3)))
    (early,) = assigned(novelty, documents((STORY, 0)))
    assert early.story_id == late.story_id


def test_a_redelivered_record_gets_what_it_got(documents: Documents):
    novelty = Novelty()
    rows = assigned(novelty, documents(STORY, STORY, "Siemens wins an order in Egypt"))
    before = [(row.story_id, row.novelty) for row in rows]
    for row in rows:
        row.story_id, row.novelty = 0, 0.0
    novelty.assign(rows[1:])
    assert [(row.story_id, row.novelty) for row in rows[1:]] == before[1:]


def test_the_cost_is_bounded_by_the_window_and_not_by_the_history(documents: Documents):
    novelty = Novelty(capacity=64)
    costs = []
    for day in range(40):
        rows = documents(*((f"Company {day} of {n} reports earnings", 0.01 * n) for n in range(32)))
        before = novelty.compared
        novelty.assign(rows)
        costs.append(novelty.compared - before)
    assert len(novelty) == 64 and len(novelty._stories) <= 128
    assert costs[2] == costs[-1] == 32 * 64 + 32 * 32
    assert len(novelty._by_key) <= 64 and len(novelty._by_sent) <= 64


def test_what_was_published_on_other_days_is_not_compared(documents: Documents):
    novelty = Novelty(capacity=4096)
    novelty.assign(documents(*(f"Company {n} reports earnings" for n in range(32))))
    before = novelty.compared
    novelty.assign(documents(*((f"Company {n} reports earnings", 72) for n in range(8))))
    assert novelty.compared - before == 8 * 8
    before = novelty.compared
    novelty.assign(documents(*((f"Company {n} raises its dividend", 73) for n in range(4))))
    assert novelty.compared - before == 4 * 8 + 4 * 4


def test_a_restarted_worker_gives_the_answers_of_the_one_before(documents: Documents, client: Client):
    alive, batches = Novelty(), []
    for hour in range(3):
        told = [(f"UPDATE {hour + 1}-{STORY}", hour), (f"Siemens wins order number {hour} in Egypt", hour)]
        batches.append(documents(*told))
        alive.assign(batches[-1])
        write_documents(client, batches[-1])
    restarted = Novelty()
    restarted.learn(recent_documents(client, {}, 1000))
    assert restarted.seen == alive.seen == {("news", IDS["news"], 0): 5}
    after = documents(
        ("Wirecard: auditor EY could not confirm EUR 1.9 billion of cash balances", 4),
        ("Siemens wins order number 2 in Egypt", 4),
        ("Siemens wins order number 7 in Egypt", 4),
    )
    alive.assign(after)
    expected = [(row.story_id, row.novelty) for row in after]
    restarted.assign(after)
    assert [row.story_id for row in after] == [story for story, _ in expected]
    assert [row.novelty for row in after] == pytest.approx([new for _, new in expected])
    assert expected[0][0] == batches[0][0].story_id and expected[2][1] == 100


def test_a_worker_learns_what_others_stored_and_reads_only_that(documents: Documents, client: Client):
    mine, others = Novelty(), Novelty()
    theirs = assigned(others, documents(STORY))
    write_documents(client, theirs)
    news = recent_documents(client, mine.seen, 1000)
    mine.learn(news)
    assert len(news) == 1 and recent_documents(client, mine.seen, 1000) == []
    (row,) = assigned(mine, documents((f"UPDATE 1-{STORY}", 1)))
    assert row.story_id == theirs[0].story_id and row.novelty < 100


def test_until_then_exact_copies_of_a_day_agree(documents: Documents):
    (here,), (there,) = assigned(Novelty(), documents(STORY)), assigned(Novelty(), documents((STORY, 2)))
    assert here.story_id == there.story_id


def test_the_latest_documents_are_few_however_many_are_stored(documents: Documents, client: Client):
    write_documents(client, documents(*(f"Company {n} reports earnings" for n in range(30))))
    found = recent_documents(client, {}, 10)
    assert sorted(row.position.offset for row in found) == list(range(20, 30))


def test_numbers_names_and_attributions_of_a_headline():
    told = facts("UPDATE 1-Siemens to buy 3.6bn euros of Exxon's U.S. fields in 2021, two years late: Reuters")
    assert told.numbers == {3.6e9, 2021, 2}
    assert told.names == {"siemens", "exxon", "us"}
    assert facts("Siemens Shares Rise After Strong Quarter").names is None
    assert not told.contradict(facts("ExxonMobil's US fields go to Siemens for 3.6 billion in 2021, two years late"))


def test_a_story_key_leaves_out_labels_and_datelines():
    key = story_key("Siemens wins order")
    for text in (
        "UPDATE 2-Siemens wins order",
        "BERLIN, June 3 (Reuters) - Siemens wins order.",
        "Exclusive: SIEMENS wins order",
    ):
        assert story_key(text) == key
    assert story_key("Siemens wins order 2") != key and story_key("UPDATE 2-") != story_key("UPDATE 1-")
