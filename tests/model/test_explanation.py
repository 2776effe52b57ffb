"""Explanations: right where the answer is known, faithful where it is not, and safe to show."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import permutations
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import model
from model import Scorer
from model.explanation import EXACT, MOST_UNITS, NOTHING, Explanation, UnsupportedLanguage, as_html, explain
from model.scorer import Scores


class Known(Scorer):
    """A made-up scorer whose answer is known: weights of words, and 'not' turns the sum round."""

    languages = frozenset({"en", "zh"})
    weights = MappingProxyType({"gain": 3.0, "strong": 1.0, "loss": -2.0, "涨": 2.0})

    def __init__(self) -> None:
        self.version, self.calls = "known", 0

    def score(self, texts, entities=None, languages=None):  # type: ignore[no-untyped-def]
        self.calls += 1
        logits = np.zeros((len(texts), 3), np.float32)
        for i, text in enumerate(texts):
            words = re.findall(r"[\u4e00-\u9fff]|\w+", text)
            logits[i, 2] = sum(self.weights.get(word, 0) for word in words) * (-1 if "not" in words else 1)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        n = len(texts)
        ones, whole, cut = np.ones(n, np.int32), np.full((n, 2), -1, np.int32), np.zeros(n, bool)
        return Scores(p, logits[:, :0], ones, logits, np.ones(n, bool), whole, cut)


@pytest.fixture(scope="module")
def scorer(shipped: Path) -> Scorer:
    return model.load(model.champion_folder(shipped))


def weights(found: Explanation) -> dict[str, float]:
    return {word.text: round(word.weight, 3) for word in found.words}


def test_what_is_a_sum_of_words_is_explained_by_its_summands():
    text = "a strong gain after the loss of this and that year and more words to sample from"
    for method in ("occlusion", "shap"):
        found = explain(Known(), text, None, method)
        told = weights(found)
        assert {word: told[word] for word in ("strong", "gain", "loss", "year")} == pytest.approx(
            {"strong": 1, "gain": 3, "loss": -2, "year": 0}, abs=0.01
        )
        assert found.side == 2 and found.base == 0
        assert [found.text[word.start : word.end] for word in found.words] == text.split()


@pytest.mark.parametrize("method", ["occlusion", "shap"])
def test_the_name_that_is_asked_about_is_left_out_of_no_variant(method):
    told = weights(explain(Known(), "strong gain of the loss adjuster", "loss adjuster", method))
    assert told["loss"] == told["adjuster"] == 0
    assert told["gain"] == 3 and told["strong"] == 1


def test_few_words_get_their_exact_shapley_values():
    words = ["not", "a", "strong", "gain"]
    assert len(words) <= EXACT
    known = Known()

    def value(kept: set[str]) -> float:
        return float(known.score([" ".join(w for w in words if w in kept) or NOTHING]).logits[0, 2])

    expected = dict.fromkeys(words, 0.0)
    orders = list(permutations(words))
    for order in orders:
        for at, word in enumerate(order):
            expected[word] += (value({*order[: at + 1]}) - value({*order[:at]})) / len(orders)
    assert weights(explain(known, " ".join(words), None, "shap")) == pytest.approx(expected, abs=1e-3)


def test_shapley_values_add_up_and_are_the_same_each_time_in_one_call():
    text = "shares of the bank did not gain after a strong quarter, and a loss is not expected this year either"
    known = Known()
    found = explain(known, text, None, "shap")
    assert known.calls == 1
    assert sum(word.weight for word in found.words) == pytest.approx(found.side - found.base)
    assert found == explain(Known(), text, None, "shap")


def test_long_chinese_and_single_word_texts():
    long = explain(Known(), "gain " + "word " * 500, None, "shap")
    assert len(long.words) <= MOST_UNITS and max(long.words, key=lambda word: word.weight).text.startswith("gain")
    assert weights(explain(Known(), "公司股价大涨。", None, "occlusion"))["涨"] == 2
    assert weights(explain(Known(), "gain")) == {"gain": 3}
    with pytest.raises(ValueError, match="no text"):
        explain(Known(), " \u200b ")
    with pytest.raises(UnsupportedLanguage, match="el"):
        explain(Known(), "Τα κέρδη της εταιρείας αυξήθηκαν κατά 40 τοις εκατό")


def test_the_page_shows_a_hostile_text_and_runs_nothing():
    text = "gain &lt;script&gt;alert(1)&lt;/script&gt; \"loss\" onload='x' <b>strong</b>"
    found = explain(Known(), text, 'A"><img src=x onerror=y>& Co')
    page = as_html(found)
    tags: list[str] = []
    shown: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

        def handle_data(self, data: str) -> None:
            shown.append(data)

    Reader().feed(page)
    assert not {"script", "img", "b", "link", "iframe"} & set(tags)
    assert found.text in "".join(shown) and "default-src 'none'" in page


COMPANIES = ("Alder Foods", "Cedar Motors")
EVENTS = (
    "reports a sharp fall in quarterly profit and cuts its dividend",
    "raises its forecast for the year after record orders from Asia",
    "is fined by the regulator over misleading accounts, the ministry said",
    "wins a large contract for turbines, its biggest this decade",
    "warns of heavy losses as demand in its home market collapses",
    "shares jump in early trade after earnings beat all estimates",
    "will close two plants and dismiss a thousand workers by autumn",
    "is upgraded to buy by analysts who praise its strong cash flow",
)


def test_of_words_that_say_the_same_each_is_named():
    class Either(Known):
        def score(self, texts, entities=None, languages=None):  # type: ignore[no-untyped-def]
            scores = super().score(texts, entities, languages)
            return replace(scores, logits=np.clip(scores.logits, -2, 2))

    text = "loss of the year and another loss in all of the next of many quarters"
    for samples, (least, most) in {0: (-1.5, -0.5), 256: (-1.3, -0.7)}.items():
        words = explain(Either(), text, samples=samples).words
        lost = [word.weight for word in words if word.text == "loss"]
        assert all(least < weight < most for weight in lost)
        assert max(abs(word.weight) for word in words if word.text != "loss") < 0.2
    assert {word.weight for word in explain(Either(), text, method="occlusion").words} == {0}


@pytest.mark.parametrize("samples", [0, 256])
def test_removing_the_words_named_changes_the_probability_more_than_removing_others(scorer: Scorer, samples: int):
    """AOPC of deletion (Samek et al. 2017, arXiv 1509.06321): the mean fall of the predicted class's probability."""
    rng = np.random.default_rng(5)
    falls: dict[str, list[float]] = {"named": [], "random": [], "last": []}
    for text, company in [(f"{company} {event}", company) for company in COMPANIES for event in EVENTS]:
        found = explain(scorer, text, company, samples=samples)
        label, words = int(np.argmax(found.probabilities)), text.split()
        if label == 1:
            continue  # no side is taken
        order = np.argsort([-(word.weight if label == 2 else -word.weight) for word in found.words])
        for name, chosen in (("named", order), ("random", rng.permutation(len(words))), ("last", order[::-1])):
            variants = [
                " ".join(word for i, word in enumerate(words) if i not in set(chosen[:k].tolist())) for k in (1, 2, 3)
            ]
            after = scorer.score(variants, [company] * 3, ["en"] * 3).probabilities[:, label]
            falls[name].append(float(np.mean(found.probabilities[label] - after)))
    assert len(falls["named"]) >= 12
    mean = {name: np.mean(values) for name, values in falls.items()}
    assert mean["named"] > 2 * mean["random"] + 0.1 and mean["last"] < mean["random"]
    assert np.mean(np.array(falls["named"]) > falls["random"]) > 0.85
