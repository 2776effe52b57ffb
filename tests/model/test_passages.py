"""Long texts: no sentence is lost on the way to a score, and the one that decides is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import model
from model import Scorer
from model.passages import MOST_PASSAGES, combined, passages, passages_to_read, sentences, strongest, within_budget

DULL = [
    "The annual meeting takes place on Tuesday in the usual hall.",
    "Visitors can reach the building by train or by bus.",
    "The agenda has been sent to all who asked for it.",
    "A spokesman repeated what the last report says on page nine.",
    "The office in the north opens at eight, the one in the south at nine.",
    "Minutes will be kept by the secretary, as in former years.",
    "The next report is due in the third week of October.",
]
BAD_END = "Late on Monday Globex filed for bankruptcy after its lenders refused to extend its loans."


def article(words: int, end: str = "") -> str:
    told: list[str] = []
    while sum(len(sentence.split()) for sentence in told) < words:
        told.append(DULL[len(told) % len(DULL)])
    return " ".join([*told, *([end] if end else [])])


@pytest.fixture(scope="session")
def scorer(shipped: Path) -> Scorer:
    return model.load(model.champion_folder(shipped))


def test_the_end_of_a_long_article_decides(scorer: Scorer):
    text = article(400, BAD_END)
    found = scorer.score([text, article(400), text], ["Globex", None, None])
    assert found.probabilities.argmax(axis=1).tolist()[:2] == [0, 1]
    start, end = found.deciding[0]
    assert text[start:end] == BAD_END
    assert not found.cut.any() and found.tokens[2] > 400


def test_each_company_has_its_own_passages(scorer: Scorer):
    """Acme's dull article ends with what befell another company."""
    text = f"Acme invites to its annual meeting. {article(300)} {BAD_END}"
    found = scorer.score([text, text], ["Acme", "Globex"])
    assert found.probabilities.argmax(axis=1).tolist() == [1, 0]


def test_a_text_beyond_the_budget_says_so(scorer: Scorer):
    found = scorer.score([article(4000), article(20)])
    assert found.cut.tolist() == [True, False]
    assert found.deciding[1].tolist() == [-1, -1], "a short text is read at once"


def test_a_long_text_scores_the_same_in_any_batch(scorer: Scorer):
    text = article(400, BAD_END)
    alone = scorer.score([text], ["Globex"]).logits
    scorer = model.load(Path(scorer._files[scorer.parts[0]][0]).parent)  # one that remembers nothing
    beside = scorer.score([*DULL, text, article(300)], [None] * len(DULL) + ["Globex", None]).logits
    assert np.array_equal(alone[0], beside[len(DULL)])


def test_the_sentence_that_decided_is_explained(scorer: Scorer):
    text = article(400, BAD_END)
    found = model.explain(scorer, text, "Globex", samples=0)
    assert found.text == text and found.label == "negative"
    worst = min(found.words, key=lambda word: word.weight)
    assert text[worst.start : worst.end] == worst.text and worst.start >= text.index(BAD_END)


def test_sentences_end_where_readers_think_they_do():
    text = 'Acme Inc. rose 3.5% in the U.S. on Monday. "We are glad," said J. Doe. 公司今日停牌。明日复牌。\nThe end'
    assert [text[a:b] for a, b in sentences(text)] == [
        "Acme Inc. rose 3.5% in the U.S. on Monday.",
        '"We are glad," said J. Doe.',
        "公司今日停牌。",
        "明日复牌。",
        "The end",
    ]


@given(st.text(st.sampled_from("ab A. !?\n。公'\"9"), max_size=300), st.integers(0, 60))
def test_every_character_is_in_one_passage(text: str, longest: int):
    found = passages(text, longest)
    covered = [at for start, end in found for at in range(start, end)]
    assert len(covered) == len(set(covered))
    assert {at for at, c in enumerate(text) if not c.isspace() and c not in "'\""} <= set(covered)
    assert all(end - start <= 2 * max(1, longest) for start, end in found)


def test_of_a_company_the_passages_that_name_it_are_read():
    text = f"Acme rose on Monday. {article(80)} Globex fell by a tenth of its value. {article(80)}"
    tokens = len(text) // 4
    of_acme, of_globex = (
        [text[start:end] for start, end in passages_to_read(text, tokens, name, 256)] for name in ("Acme", "Globex")
    )
    assert len(of_acme) == len(of_globex) == 1
    assert "Acme rose" in of_acme[0] and "Globex fell" in of_globex[0]
    whole = passages_to_read(text, tokens, None, 256)
    assert len(whole) > 2 and passages_to_read(text, tokens, "Initech", 256) == whole, "named nowhere"


def test_of_too_many_passages_the_first_and_the_last_are_read():
    kept = within_budget([(n, n + 1) for n in range(1000)])
    assert len(kept) == MOST_PASSAGES and kept[0] == (0, 1) and kept[-1] == (999, 1000)


def test_one_strong_passage_outweighs_many_dull_ones():
    dull, bad = [0.0, 3.0, 0.2], [4.0, 0.0, -1.0]
    every = np.array([dull] * 12 + [bad] + [dull] * 5, np.float32)
    assert combined(every).argmax() == 0
    assert strongest(every, combined(every)) == 12
    assert combined(np.array([dull] * 18, np.float32)).argmax() == 1
