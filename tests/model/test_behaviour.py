"""Sentences with a known answer: the cases are what they say they are, and the shipped model reads figures."""

from collections import Counter
from pathlib import Path

import pytest

from model import Scorer, champion_folder, load
from model.evaluation.behaviour import behaviours, cases, judge


@pytest.fixture(scope="module")
def scorer(shipped: Path) -> Scorer:
    return load(champion_folder(shipped))


def test_each_kind_has_hundreds_of_cases_and_templates_that_no_training_sees():
    made = cases()
    count = Counter(case.behaviour for case in made)
    assert set(count) == set(behaviours()) and min(count.values()) >= 300
    for name in behaviours():
        seen, held_out = (
            {c.template for c in made if c.behaviour == name and c.held_out is out} for out in (False, True)
        )
        assert len(held_out) >= 10 and not seen & held_out
        labels = Counter(case.label for case in made if case.behaviour == name)
        if name != "control":
            assert min(labels[0], labels[2]) >= 0.15 * count[name], f"{name} can be passed with one answer"


def test_cases_are_the_same_each_time_and_name_their_company():
    assert cases(2) == cases(2) != cases(2, seed=1)
    assert all(case.entity in case.text and "{" not in case.text for case in cases(2))


def test_a_scorer_is_judged_by_kind_and_its_surest_errors_are_shown(scorer: Scorer):
    few = [case for case in cases(1) if case.behaviour == "law"]
    report = judge(scorer, few)["law"]
    assert report["cases"] == len(few) and report["share"] == report["right"] / len(few)
    assert 0 < report["held_out"]["cases"] < len(few)
    assert all(one["text"] in {case.text for case in few} for one in report["worst"])


@pytest.mark.parametrize("kind", ["two_figures", "price_figures"])
def test_the_shipped_model_knows_which_of_two_figures_is_better(scorer: Scorer, kind: str):
    report = judge(scorer, [case for case in cases(2) if case.behaviour == kind])[kind]
    assert report["held_out"]["share"] >= 0.85, report["worst"]
