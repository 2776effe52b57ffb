"""Noise: deterministic, visible to the scorer, and meaning the same to a reader."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import normalise
from model.evaluation.noise import KINDS, perturb

TEXTS = [
    ("Alder Foods raises its dividend by 12.5% after profit of $1,200 million, against $950 million in 2019",
     "Alder Foods"),
    ("Shares of Birch plunge as the regulator opens an inquiry https://example.org/Page", "Birch"),
    ("$ABC upgraded at Cedar Brokers, target 30 from 25", None),
    ("松柏科技三季度净利润增长12.5%，上调全年业绩预期", "松柏科技"),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_noise_and_the_entity_stays_in_the_text(kind: str):
    changed = 0
    for text, entity in TEXTS:
        for seed in range(50):
            got, about = perturb(text, entity, kind, random.Random(seed))
            assert (got, about) == perturb(text, entity, kind, random.Random(seed))
            assert (about is None) == (entity is None) and (about or "") in got, (got, about)
            changed += got != text
    assert changed > 100


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(), at=st.integers(0, 20), length=st.integers(0, 5), seed=st.integers(0, 99))
def test_any_text_is_taken(kind: str, text: str, at: int, length: int, seed: int):
    entity = text[at : at + length] or None
    got, about = perturb(text, entity, kind, random.Random(seed))
    assert isinstance(got, str) and (about is None) == (entity is None)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="no kind of noise 'sarcasm'"):
        perturb("text", None, "sarcasm", random.Random(1))


def test_numbers_keep_their_order_and_years_stay():
    for seed in range(50):
        text, _ = perturb(*TEXTS[0], "numbers", random.Random(seed))
        percent, more, less, year = (
            float(n.replace(",", "")) for n in re.findall(r"\d[\d,.]*", text.replace("n,", "n"))
        )
        assert percent > 12.5 and more > less > 950 and year == 2019
    assert perturb("Q3 at 10:30, the 2nd on 3/4", None, "numbers", random.Random(1))[0] == "Q3 at 10:30, the 2nd on 3/4"


def test_addresses_names_and_first_letters_are_left_alone_by_typos():
    for seed in range(50):
        for kind in ("typos", "spaces"):
            text, _ = perturb(*TEXTS[1], kind, random.Random(seed))
            assert "https://example.org/Page" in text and "Birch" in text
        text, _ = perturb(*TEXTS[1], "typos", random.Random(seed))
        assert [w[0] for w in text.split()] == [w[0] for w in TEXTS[1][0].split()]


def test_every_place_of_the_company_is_swapped_but_not_a_market_or_a_part_of_a_word():
    text = "Birch sues Birchwood: BIRCH'S board wants Birch to win"
    got, name = perturb(text, "Birch", "company", random.Random(3))
    assert name != "Birch" and got.lower().count(str(name).lower()) == 3 and "Birchwood" in got
    assert perturb("Gold rises", "Gold", "company", random.Random(3)) == ("Gold rises", "Gold")
    got, _ = perturb("$ABC beats $XYZ and $ABC", None, "company", random.Random(3))
    first, second, third = re.findall(r"\$\w+", got)
    assert first == third != second and "$ABC" not in got and "$XYZ" not in got


def test_negations_are_put_in_or_taken_out():
    for text, expected in [
        ("The bank will pay a dividend", "The bank will not pay a dividend"),
        ("The bank will not pay a dividend", "The bank will pay a dividend"),
        ("The bank didn't pay", "The bank did pay"),
        ("公司未能兑付债券", "公司兑付债券"),
    ]:
        assert perturb(text, "bank", "negation", random.Random(1))[0] == expected
    assert perturb("Profit rises", None, "negation", random.Random(1))[0].endswith("Profit rises")


@pytest.mark.parametrize("kind", ["case", "lookalikes"])
def test_what_the_live_path_undoes_is_undone(kind: str):
    """Case is left to the tokenizer; look-alikes and invisible characters are undone before it."""
    for text, entity in TEXTS[:3]:
        for seed in range(50):
            got, about = perturb(text, entity, kind, random.Random(seed))
            assert normalise(got).lower() == text.lower(), got
            assert (normalise(about).lower() if about else None) == (entity.lower() if entity else None)
