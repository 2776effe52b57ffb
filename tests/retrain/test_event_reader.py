"""How the reader of events is trained: its labels' parts, its own sentences and its concepts."""

from __future__ import annotations

import pytest

from documents.events import EventState, load_event_types
from model.events import features, found_in
from retrain.event_reader.cases import from_others, from_sentences
from retrain.event_reader.labels import _parts


def test_a_later_label_that_is_near_to_the_test_is_left_out() -> None:
    texts = [f"company number {i} sues rival number {i} over patent {i}" for i in range(40)]
    rows = [{"row": f"r{i}", "reading": "both"} for i in range(40)]
    before = _parts(rows, texts)
    tested = before.index("test")
    later = [{"row": "later", "reading": "later"}, {"row": "apart", "reading": "later"}]
    after = _parts([*rows, *later], [*texts, texts[tested] + " again", "nothing of the sort is said in here"])
    assert after == [*before, "", "train"]


def test_what_is_read_by_one_reader_never_judges() -> None:
    rows = [{"row": f"r{i}", "reading": "one"} for i in range(40)]
    assert "test" not in _parts(rows, [f"text number {i} is about {i * i}" for i in range(40)])


def test_our_own_sentences_name_types_and_states_that_exist_and_the_company() -> None:
    names = load_event_types().names
    for case in from_sentences(1.0):
        assert case.marked.count("@") == 1, case.marked
        assert set(case.types) <= set(names)
        assert all(kind in names and state in list(EventState) for kind, _, state in case.events)


def test_a_sentence_about_another_company_tells_no_event() -> None:
    cases = from_others(1.0, seed=1)
    assert len(cases) > 300
    assert all("@" in case.marked and not case.types for case in cases)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme slashes its guidance", "Acme trims its outlook"),
        ("\u827e\u514b\u7c73\u8c03\u964d\u6307\u5f15", "\u827e\u514b\u7c73\u4e0b\u4fee\u5c55\u671b"),
    ],
)
def test_words_with_one_meaning_are_one_concept(one: str, other: str) -> None:
    name = one[:4] if one.isascii() else one[:3]
    first, second = (
        {feature for feature in features(found_in(text, name)) if feature[0] == "#"} for text in (one, other)
    )
    assert first == second and "#lower+outlook" in first
