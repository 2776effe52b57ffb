"""No text costs more than its length: the time for hostile ones is bounded, far below what one slow pattern took."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from documents import Linker, load_watchlist, normalise, redact
from documents.stories import story_key

PREFIXES = ("", "A (", "Siemens says ", "1")
UNITS = (
    *("A", "A (", "A.", "A&", "A, ", "DE1", "DE89 ", "GB11AAAA ", "1 1 1 ", "12 ", "1-", "1,", "+1 ", "(1", "12:00 "),
    *("a@", "a.", "@", "$A", "$", "<", "<a ", "</p>", "<!--", "<script>", "&", "&amp;", "&#1;", "http://a", " ", "\n"),
    *("update ", "update 2- ", "(Reuters) - ", "-", "X ", "Siemens ", "comp any ", "1 billion ", "\u2019s ", "_"),
    *("\u0300", "\u0300\u0316", "\ufdfa", "\u200d", "\U0001f600", "\u0410", "\u0410a", "\u4e2d", "\uff46"),
)
CHARACTERS = 20_000
SECONDS = 2.0
"""Of processor time for all of the prefixes: what grows with the square of the length takes minutes."""

LINKER = Linker(load_watchlist())


@pytest.mark.parametrize("work", [normalise, story_key, redact, LINKER.find], ids=lambda work: work.__name__)
@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_a_hostile_text_costs_no_more_than_its_length(work: Callable[[str], object], unit: str) -> None:
    before = time.process_time()
    for prefix in PREFIXES:
        work(prefix + unit * (CHARACTERS // len(unit)) + "!")
        assert time.process_time() - before < SECONDS, f"{prefix!r} and then {unit!r}"


def test_marks_of_real_languages_stay_and_piles_of_them_are_cut() -> None:
    assert (
        normalise("Nestle\u0301 \u0e01\u0e33\u0e25\u0e31\u0e07") == "Nestl\u00e9 \u0e01\u0e4d\u0e32\u0e25\u0e31\u0e07"
    )
    assert len(normalise("a" + "\u0316" * 5000)) <= 32
