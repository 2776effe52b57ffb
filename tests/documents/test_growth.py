"""No text costs more than its length: the time for hostile ones grows with the length, and not faster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from documents import (
    BadRecord,
    Document,
    Linker,
    Pseudonymiser,
    TooLong,
    as_read,
    load_watchlist,
    normalise,
    redact,
)
from documents.stories import facts, story_key
from model import detect
from stream.kafka import Received
from stream.steps import Read

PREFIXES = ("", "A (", "Siemens says ", "1")
UNITS = (
    *("A", "A (", "A.", "A&", "A, ", "DE1", "DE89 ", "GB11AAAA ", "1 1 1 ", "12 ", "1-", "1,", "+1 ", "(1", "12:00 "),
    *("a@", "a.", "@", "$A", "$", "<", "<a ", "</p>", "<!--", "<script>", "&", "&amp;", "&#1;", "http://a", " ", "\n"),
    *(
        "update ",
        "update 2- ",
        "(Reuters) - ",
        "-",
        "X ",
        "Siemens ",
        "comp any ",
        "1 billion ",
        "$1.2 vs 1.3 est ",
        "+1.5% ",
        "1,000",
        "1.1 ",
        "\u2019s ",
        "_",
    ),
    *("\u0300", "\u0300\u0316", "\ufdfa", "\u200d", "\U0001f600", "\u0410", "\u0410a", "\u4e2d", "\uff46", "\u0e33"),
)
LENGTHS = (100, 1_000, 20_000)
"""Short ones first: what grows with the cube would not come to an end with long ones."""

GROWTH = 3.0
"""The time at twice the length over the time: 2 where it grows with the length, 4 where it grows with the square."""

LEAST_S = 0.02
"""What takes less time than this at twice the length is not judged: with the square it would be seconds at the end."""

LINKER = Linker(load_watchlist())
WORDS = frozenset({"company", "any", "update"})


def read_by_the_model(text: str) -> object:
    return as_read(text, "Siemens", "X", WORDS, figures=True)


WORKS = [normalise, story_key, redact, LINKER.find, facts, detect, read_by_the_model]


def seconds(work: Callable[[str], object], text: str, times: int = 1) -> float:
    """The processor time, the least of several."""

    def once() -> float:
        before = time.process_time()
        work(text)
        return time.process_time() - before

    return min(once() for _ in range(times))


def grows(work: Callable[[str], object], text: Callable[[int], str]) -> bool:
    """Whether the time grows faster than the length of ``text``; what looks like it is measured again."""
    return any(
        seconds(work, text(2 * n)) >= LEAST_S
        and all(seconds(work, text(2 * n), times) > GROWTH * seconds(work, text(n), times) for times in (1, 3, 9))
        for n in LENGTHS
    )


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_a_hostile_text_costs_no_more_than_its_length(work: Callable[[str], object]) -> None:
    for prefix in PREFIXES:
        for unit in UNITS:
            assert not grows(work, lambda n, p=prefix, u=unit: p + u * (n // len(u)) + "!"), f"{prefix!r}, {unit!r}"  # type: ignore[misc]


def test_growth_is_seen_where_it_is() -> None:
    def quadratic(text: str) -> int:
        return sum(text.count("b", start) for start in range(len(text)))

    # A busy machine can hide it once: the time at the single length is then taken while others disturb it.
    assert any(grows(quadratic, lambda n: "a" * n) for _ in range(5))


HOSTILE = (
    "A (" + "A" * 300,
    "A (" + "A" * 400,
    "a" + "\u0300" * 16_000 + "\u0316" * 16_000,
    "\ufdfa" * 200_000,
    "\u3316" * 200_000,
    "\u0e33" * 200_000,
    "A" * 200_000,
)


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: f"{title[:4]!a} {len(title)}")
def test_hostile_titles_take_less_than_a_fifth_of_a_second_and_cost_their_neighbours_nothing(title: str) -> None:
    read = Read(LINKER, Pseudonymiser("k" * 32), lambda topic, partition: "id")
    read.warm_up()
    message = {"id": "n", "source": "s", "published_at": "2026-01-05T10:00:00Z"}
    values = [json.dumps(message | {"title": one}).encode() for one in ("before", title, "after")]
    values[1] = json.dumps(message | {"title": title}, ensure_ascii=False).encode()
    records = [Received("news", 0, number, value) for number, value in enumerate(values)]
    took = min(seconds(lambda _: read.run(records), "") for _ in range(3))
    assert took < 0.2
    before, hostile, after = read.run(records)
    assert isinstance(before, Document) and isinstance(after, Document)
    assert isinstance(hostile, Document) or (isinstance(hostile, BadRecord) and hostile.kind == "too_long")


def test_the_length_counts_after_normalising() -> None:
    for text in ("A" * 100, "<b>" * 50 + "A" * 100, "\u3316" * 16 + "AAAA"):
        assert len(normalise(text, 100)) == 100
    for text in ("A" * 101, "<b>" * 50 + "A" * 101, "\u3316" * 17):
        with pytest.raises(TooLong):
            normalise(text, 100)


def test_marks_of_real_languages_stay_and_piles_of_them_are_cut() -> None:
    assert (
        normalise("Nestle\u0301 \u0e01\u0e33\u0e25\u0e31\u0e07") == "Nestl\u00e9 \u0e01\u0e4d\u0e32\u0e25\u0e31\u0e07"
    )
    for before in range(40):
        assert len(normalise("a" * before + "\u0316" * 5000 + "b")) <= before + 32


def test_ligatures_of_whole_sentences_stay() -> None:
    assert normalise("\ufdfa e\u0301 \uff21 \ufdfb") == "\ufdfa \u00e9 A \ufdfb"
