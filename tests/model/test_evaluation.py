"""The figures of an evaluation against scikit-learn and against what is known of the numbers put in."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from model.evaluation import (
    NOT_NEGATIVE,
    BadData,
    Labelled,
    Predictions,
    calibration_error,
    evaluate,
    measure,
    predict,
    read_labelled,
    robustness,
)
from model.scorer import Scorer, Scores

RNG = np.random.default_rng(7)


def calibrated(n: int, spread: float = 2.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3)) * spread
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return p, (rng.random((n, 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2)


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_figures_agree_with_scikit_learn():
    p, labels = calibrated(3000)
    predicted, found = p.argmax(axis=1), measure(p, labels)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    for i, name in enumerate(found["classes"]):
        of = dict(y_true=labels == i, y_pred=predicted == i)
        assert found["per_class"][name]["precision"] == pytest.approx(precision_score(**of))
        assert found["per_class"][name]["recall"] == pytest.approx(recall_score(**of))
        assert found["per_class"][name]["f1"] == pytest.approx(f1_score(**of))
    signed = labels != 1
    assert found["sign_accuracy"] == pytest.approx(((p[:, 2] > p[:, 0]) == (labels == 2))[signed].mean())
    assert found["sign"]["n"] == signed.sum() and found["sign"]["accuracy"] == pytest.approx(found["sign_accuracy"])
    assert np.sum(found["confusion"]["counts"]) == 3000


def test_intervals_are_those_of_resampled_rows_and_hold_the_truth_as_often_as_they_say():
    p, labels = calibrated(400)
    predicted = p.argmax(axis=1)
    scores = []
    for _ in range(400):
        rows = RNG.integers(400, size=400)
        scores.append(f1_score(labels[rows], predicted[rows], average="macro"))
    assert measure(p, labels)["intervals"]["macro_f1"] == pytest.approx(np.quantile(scores, (0.025, 0.975)), abs=0.015)
    p, labels = calibrated(50_000)
    truth = f1_score(labels, p.argmax(axis=1), average="macro")
    held = 0
    for i in range(100):
        low, high = measure(p[i * 500 : i * 500 + 500], labels[i * 500 : i * 500 + 500], True)["intervals"]["macro_f1"]
        held += low <= truth <= high
    assert held >= 88


def test_a_calibrated_model_shows_the_error_that_is_foretold_and_next_to_none_debiased():
    plain, debiased, above = [], [], 0
    for seed in range(60):
        p, labels = calibrated(800, seed=seed)
        found = calibration_error(p.max(axis=1), p.argmax(axis=1) == labels)
        plain.append(found["ece"] - found["ece_if_calibrated"]["mean"])
        debiased.append(found["squared_debiased"])
        above += found["ece"] > found["ece_if_calibrated"]["p95"]
    assert abs(np.mean(plain)) < 0.003  # the plain ECE itself is about 0.04
    assert abs(np.mean(debiased)) < 0.0003
    assert above <= 9


def test_the_size_of_a_real_error_is_found():
    p, labels = calibrated(20_000)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == labels
    too_sure = confidence + 0.08 * (1 - confidence)
    true = float((too_sure - confidence).mean())
    found = calibration_error(too_sure, correct)
    assert found["ece"] == pytest.approx(true, abs=0.01)
    assert found["interval"][0] < true < found["interval"][1]
    assert found["ece_debiased"] <= found["ece"] and found["ece"] > found["ece_if_calibrated"]["p95"]
    assert [b["n"] for b in found["bins"]] == pytest.approx([20_000 / 10] * 10, abs=1)
    few = calibration_error(too_sure[:250], correct[:250])
    assert len(few["bins"]) == 2 and sum(b["n"] for b in few["bins"]) == 250


def test_debiasing_comes_nearer_to_the_truth_on_few_rows():
    errors = []
    for seed in range(60):
        p, labels = calibrated(600, seed=seed)
        confidence = p.max(axis=1)
        too_sure = confidence + 0.1 * (1 - confidence)
        true = float((too_sure - confidence).mean())
        found = calibration_error(too_sure, p.argmax(axis=1) == labels)
        errors.append((abs(found["ece"] - true), abs(found["ece_debiased"] - true)))
    plain, debiased = np.mean(errors, axis=0)
    assert debiased < plain


def test_sets_without_neutrals_or_with_negatives_and_the_rest():
    p, labels = calibrated(2000)
    chosen = labels != 1
    found = measure(p[chosen], labels[chosen])
    assert found["classes"] == ["negative", "positive"] and found["accuracy"] == found["sign_accuracy"]
    assert found["accuracy"] == accuracy_score(labels[chosen] == 2, p[chosen, 2] > p[chosen, 0])
    found = measure(p, np.where(labels == 0, 0, NOT_NEGATIVE))
    assert found["classes"] == ["negative", "non_negative"] and found["sign_accuracy"] is None
    assert found["macro_f1"] == pytest.approx(f1_score(labels == 0, p[:, 0] > 0.5, average="macro"))
    assert found["ece"] < found["calibration"]["ece_if_calibrated"]["p95"] * 1.5
    assert measure(p[:1], labels[:1])["n"] == 1  # one row is no reason to fail


def test_where_next_to_nothing_is_neutral_the_calibration_is_that_of_the_sign():
    p, labels = calibrated(2000)
    kept = (labels != 1) | (np.arange(2000) % 20 == 0)
    some, none = measure(p[kept], labels[kept]), measure(p[labels != 1], labels[labels != 1])
    assert 0 < (labels[kept] == 1).mean() < 0.1 and some["n"] > none["n"]
    assert some["ece_classes"] == ["negative", "positive"] and some["classes"] == ["negative", "neutral", "positive"]
    assert some["ece"] == none["ece"] == some["sign"]["ece"] and some["calibration"] == none["calibration"]
    assert some["accuracy"] == accuracy_score(labels[kept], p[kept].argmax(axis=1))
    assert measure(p, labels)["ece_classes"] == ["negative", "neutral", "positive"]


def test_files_are_read_whatever_their_columns(tmp_path: Path):
    text = "Alder gains while Birch sinks"
    rows = [
        {"text": f" <b>{text}</b> ", "label": "Positive", "entity": "Alder"},
        {"text": text, "label": "negative", "entity": "Birch"},
        {"text": "two\nlines", "label": "neutral", "entity": ""},
        {"text": "\u200b", "label": "neutral", "entity": ""},
        {"text": "公司上调业绩预期", "label": "non_negative", "entity": ""},
    ]
    found = read_labelled(written(tmp_path / "a.csv.gz", rows))
    assert [(row.text, row.label, row.entity, row.mixed) for row in found] == [
        (text, 2, "Alder", True),
        (text, 0, "Birch", True),
        ("two lines", 1, None, False),
        ("公司上调业绩预期", NOT_NEGATIVE, None, False),
    ]
    assert found[3].language == "zh"
    extra = json.dumps({"mixed": True, "agreement": 75})
    scored = [{"text": f"text {s}", "score": s, "extra": extra, "source": "s"} for s in ("-0.2", "0", "0.7")]
    found = read_labelled(written(tmp_path / "b.csv", scored))
    assert [row.label for row in found] == [0, 1, 2]
    assert found[0].mixed and found[0].agreement == "75" and found[0].source == "s"
    (tmp_path / "d.csv").write_bytes(b"\xef\xbb\xbfText, LABEL\r\nAlder gains,POSITIVE \r\n")
    assert [(row.text, row.label) for row in read_labelled(tmp_path / "d.csv")] == [("Alder gains", 2)]
    many = [{"text": f"text {n}", "label": "neutral"} for n in range(100)]
    drawn = read_labelled(written(tmp_path / "c.csv", many), limit=10)
    assert len(drawn) == 10 and drawn == read_labelled(tmp_path / "c.csv", limit=10)
    assert [row.line for row in drawn] == sorted(row.line for row in drawn) != list(range(2, 12))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text,colour\na,positive\n", "needs the columns text and label"),
        (b"", "is empty"),
        (b"text,label\n", "has no rows"),
        (b"text,label\na\n", "needs the columns text and label"),
        (b'text,label\n"a\nb",positive\nc,great\n', "row 3: unknown label 'great'"),
        (b"text,label,score\na,,much\n", "row 2: unknown label 'much'"),
        (b"text,label,score\na,,nan\n", "row 2: no label"),
        (b"text,label,extra\na,positive,{\n", "row 2: 'extra' is no JSON"),
        (b"text,label\n\x00\x01\x02\xff\xfe\x00", "x.csv"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, content: bytes, words: str):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(BadData, match=words):
        read_labelled(tmp_path / "x.csv")
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(BadData):
        read_labelled(tmp_path / "x.csv.gz")


def row(text: str, label: int, line: int = 0, entity: str | None = None, **fields: str) -> Labelled:
    known = {"language": "en", "source": "", "kind": "", "agreement": ""} | fields
    return Labelled(line, text, label, entity, None, mixed=entity is not None, **known)


def test_unsupported_rows_count_nowhere_else():
    p, labels = calibrated(300)
    rows = [row(f"t{i}", label, i, source="ab"[i % 2]) for i, label in enumerate(labels.tolist())]
    rows[7] = row("t7", 1, 7, language="ja", source="c")
    supported = np.arange(300) != 7
    found = evaluate(rows, Predictions(p, supported))
    assert (found["rows"], found["n"]) == (300, 299)
    assert found["unsupported"] == {"n": 1, "languages": {"ja": 1}, "lines": [7]}
    assert set(found["by_source"]) == {"a", "b"} and found["by_source"]["a"]["n"] == 150
    assert found["mixed"] == {"n": 0, "macro_f1": None}
    assert found["macro_f1"] == measure(p[supported], labels[supported])["macro_f1"]
    json.dumps(found, allow_nan=False)
    with pytest.raises(BadData, match="ja"):
        evaluate([rows[7]], Predictions(p[:1], np.array([False])))


class Spelling(Scorer):
    """Positive where the text has the word gain or Gain, negative for loss, else neutral; no Japanese."""

    def __init__(self) -> None:
        self.version = "spelling"

    def score(self, texts, entities=None, languages=None):  # type: ignore[no-untyped-def]
        languages = languages or ["en"] * len(texts)
        p = np.full((len(texts), 3), 0.1, np.float32)
        for i, text in enumerate(texts):
            words = text.split()
            side = 2 if {"gain", "Gain"} & set(words) else 0 if "loss" in words else 1
            p[i, 2 - side if "not" in words else side] = 0.8
        supported = np.array([language != "ja" for language in languages])
        empty = np.zeros((len(texts), 1), np.float32)
        whole, cut = np.full((len(texts), 2), -1, np.int32), np.zeros(len(texts), bool)
        return Scores(p, empty, empty[:, 0], p, supported, whole, cut)


def test_a_scorer_that_only_knows_spellings_is_seen_through():
    texts = [(f"Alder {n} has a gain", 2) for n in range(2, 40)] + [(f"Alder {n} has a loss", 0) for n in range(2, 40)]
    rows = [row(text, label, entity="Alder") for text, label in texts]
    found = predict(Spelling(), rows)
    clean = evaluate(rows, found)
    assert clean["macro_f1"] == 1 and clean["mixed"]["n"] == len(rows)
    noise = robustness(Spelling(), rows, found)
    assert noise["case"]["drop"] > 0.1 and noise["case"]["interval"][0] > 0
    assert noise["typos"]["labels_changed"] > 0.5
    for kind in ("lookalikes", "numbers", "company"):
        assert noise[kind]["n"] > 50 and noise[kind]["drop"] == noise[kind]["labels_changed"] == 0
    assert noise["negation"]["n"] == len(rows) and noise["negation"]["flipped"] == 1
    assert noise == robustness(Spelling(), rows, found)
    # A few neutral rows among signed ones: their class of its own would decide the mean over three.
    few = [*rows, *(row(f"Alder {n} may gain", 1, entity="Alder") for n in range(2, 6))]
    assert robustness(Spelling(), few, predict(Spelling(), few)) == noise
