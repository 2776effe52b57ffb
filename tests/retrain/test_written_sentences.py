"""The sentences that are written for finsent: each can be read, and none decides what it is judged by."""

from __future__ import annotations

from collections import Counter

import pytest

from documents.events import EventRole, EventState, load_event_types
from model.evaluation.behaviour import cases
from retrain.data import LABELS, words, written_sentences
from retrain.data.written_sentences import _read

ALL = [one for language in ("en", "zh") for one in written_sentences(language)]
HELD_OUT = [case.text for case in cases(1, seed=3) if case.held_out]


def test_each_names_its_company_and_types_of_the_taxonomy() -> None:
    names = set(load_event_types().names)
    for one in ALL:
        assert one.company is None or one.company in one.text
        assert {kind for kind, _, _ in one.events} <= names, one.text


def test_no_sentence_is_there_twice_for_one_company_and_each_label_is_frequent() -> None:
    assert Counter((one.text, one.company) for one in ALL).most_common(1)[0][1] == 1
    assert min(Counter(one.label for one in ALL).values()) > 0.2 * len(ALL)


def test_none_is_one_of_the_templates_that_no_training_may_see() -> None:
    held_out = [set(words(text)) for text in HELD_OUT]
    for one in ALL:
        own = set(words(one.text))
        assert max(len(own & other) / len(own | other) for other in held_out) < 0.75, one.text


def test_all_companies_of_a_text_are_in_one_part() -> None:
    parts: dict[str, set[bool]] = {}
    for one in ALL:
        parts.setdefault(one.text, set()).add(one.judges)
    assert all(len(both) == 1 for both in parts.values())


def test_a_line_says_label_company_events_and_text() -> None:
    one = _read("-\tAcme\tlawsuit:threatened@counterparty,fine\tAcme is fined and may sue")
    assert (LABELS[one.label], one.company) == ("negative", "Acme")
    assert one.events == (
        ("lawsuit", EventRole.COUNTERPARTY, EventState.THREATENED),
        ("fine", EventRole.SUBJECT, EventState.HAPPENED),
    )


@pytest.mark.parametrize(
    "line", ["-\tGlobex\t-\tAcme is fined", "x\tAcme\t-\tAcme is fined", "-\tAcme\tfine:soon\tAcme is fined", "Acme"]
)
def test_a_wrong_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        _read(line)
