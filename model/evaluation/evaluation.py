"""How good a scorer is on labelled texts: accuracy, macro-F1, sign, calibration and robustness, with intervals.

Texts are treated as the live path treats them: normalised, and never scored in a language that the model does not
read. All intervals are 95 % bootstrap intervals (Efron 1979) over rows, seeded. A statistic that follows from counts of
(true, predicted) pairs is resampled by drawing those counts from their multinomial distribution, which is what
resampling rows does to them.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from documents.text import normalise
from errors import FinsentError
from model.evaluation.noise import KINDS, perturb
from model.language import detect
from model.registry.manifest import LABELS
from model.scorer import Scorer

NOT_NEGATIVE = 3
"""The label of a row of which is known only that it is neutral or positive."""

RESAMPLES = 2000
MOST_BINS, FEWEST_IN_BIN, FEWEST_IN_PICTURE = 10, 100, 20
FEW_NEUTRALS = 0.1
"""A set with a smaller share of them was labelled by the sign; what the few neutral rows are is by chance."""

CHUNK = 512
SEED = 13

Progress = Callable[[int, float], Any]
"""Told (rows done, share done)."""


class BadData(FinsentError, ValueError):
    """A labelled file cannot be used; the sentence says which line and why."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row of a labelled file, its text normalised. ``label`` is an index of the labels, or ``NOT_NEGATIVE``."""

    line: int
    text: str
    label: int
    entity: str | None
    declared: str | None
    language: str
    source: str
    kind: str
    agreement: str
    mixed: bool


class Predictions(NamedTuple):
    """``probabilities`` float32 [n, 3] and ``supported`` bool [n], in the order of the rows."""

    probabilities: np.ndarray
    supported: np.ndarray


def read(path: Path, limit: int | None = None) -> list[Labelled]:
    """The rows of a CSV file, plain or gzipped (``.gz``), or ``limit`` of them drawn at random, seeded, in their order.

    Columns, in any case: ``text`` and ``label`` (negative, neutral, positive, or non_negative) or ``score`` (its sign
    is the label); if there: ``entity``, ``source``, ``kind``, ``lang`` and ``extra`` (JSON with ``mixed``,
    ``agreement``). A text is mixed, too, if the file gives it different labels for different entities. Rows without
    text are left out.

    Raises ``BadData`` for a missing column, an unknown label, a file without rows or one that cannot be decoded, and
    ``OSError``.
    """
    csv.field_size_limit(10**8)
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(csv.DictReader(file), path))
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise BadData(f"{path} is no CSV file in UTF-8: {error}") from error
    if not rows:
        raise BadData(f"{path} has no rows with a text")
    labels = defaultdict(set)
    for row in rows:
        if row.entity:
            labels[row.text].add(row.label)
    rows = [
        row if row.mixed or not row.entity or len(labels[row.text]) == 1 else replace(row, mixed=True) for row in rows
    ]
    if limit is None or limit >= len(rows):
        return rows
    return [rows[i] for i in sorted(random.Random(SEED).sample(range(len(rows)), limit))]


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[Labelled]:
    columns = [name.strip().lower() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if "text" not in columns or not {"label", "score"} & set(columns):
        raise BadData(
            f"{path} needs the columns text and label (or score), separated by commas; it has "
            f"{', '.join(columns) or 'none'}"
        )
    for row in reader:
        text = normalise(row["text"] or "")
        if not text:
            continue
        extra = _extra(row.get("extra") or "{}", path, reader.line_num)
        yield Labelled(
            line=reader.line_num,
            text=text,
            label=_label((row.get("label") or "").strip().lower(), row.get("score") or "", path, reader.line_num),
            entity=normalise(row.get("entity") or "") or None,
            declared=row.get("lang") or None,
            language=detect(text, row.get("lang") or None),
            source=row.get("source") or "",
            kind=row.get("kind") or "",
            agreement=str(extra.get("agreement", "")),
            mixed=bool(extra.get("mixed")),
        )


def _extra(text: str, path: Path, line: int) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadData(f"{path}, line {line}: 'extra' is no JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _label(name: str, score: str, path: Path, line: int) -> int:
    if name in LABELS:
        return LABELS.index(name)
    if name == "non_negative":
        return NOT_NEGATIVE
    try:
        value = math.nan if name else float(score)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        known = ", ".join((*LABELS, "non_negative"))
        raise BadData(
            f"{path}, line {line}: {f'unknown label {name or score!r}' if name or score else 'no label'}; known are "
            f"{known}, or a number in 'score'"
        )
    return 1 + (value > 0) - (value < 0)


def predict(scorer: Scorer, rows: Sequence[Labelled], progress: Progress | None = None) -> Predictions:
    """Score every row about its entity."""
    probabilities, supported = np.zeros((len(rows), 3), np.float32), np.zeros(len(rows), bool)
    # Sorted by length, so that little is padded; the progress is then slower towards the end.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].text))
    for start in range(0, len(rows), CHUNK):
        chosen = order[start : start + CHUNK]
        part = [rows[i] for i in chosen]
        scores = scorer.score([r.text for r in part], [r.entity for r in part], [r.language for r in part])
        probabilities[chosen], supported[chosen] = scores.probabilities, scores.supported
        if progress:
            progress(start + len(part), (start + len(part)) / len(rows))
    return Predictions(probabilities, supported)


def evaluate(rows: Sequence[Labelled], predictions: Predictions) -> dict[str, Any]:
    """Everything that is told of one file, ready for JSON: see ``measure`` for the figures, which also come
    ``by_source``, ``by_kind``, ``by_language`` and ``by_agreement`` where the file tells more than one, and for
    ``mixed`` rows. Rows in a language that the model does not read are counted in ``unsupported``, nowhere else.

    Raises ``BadData`` if no row can be scored.
    """
    unread = [row for row, supported in zip(rows, predictions.supported, strict=True) if not supported]
    kept = [row for row, supported in zip(rows, predictions.supported, strict=True) if supported]
    languages = dict(Counter(row.language for row in unread).most_common())
    if not kept:
        raise BadData(f"none of the {len(rows)} rows is in a language that the model reads: {', '.join(languages)}")
    probabilities = predictions.probabilities[predictions.supported]
    labels = np.array([row.label for row in kept])
    report = {
        "rows": len(rows),
        "unsupported": {"n": len(unread), "languages": languages, "lines": [row.line for row in unread]},
        **measure(probabilities, labels),
        "notes": _notes(labels),
    }
    for name, field in (("source", "source"), ("kind", "kind"), ("language", "language"), ("agreement", "agreement")):
        values = [str(getattr(row, field)) for row in kept]
        if name == "source" or len(set(values)) > 1:
            report[f"by_{name}"] = {
                value: measure(probabilities[chosen], labels[chosen], brief=True)
                for value in sorted(set(values) - {""})
                for chosen in [np.array([other == value for other in values])]
            }
    mixed = np.array([row.mixed for row in kept])
    report["mixed"] = (
        measure(probabilities[mixed], labels[mixed], brief=True) if mixed.any() else {"n": 0, "macro_f1": None}
    )
    return report


def _notes(labels: np.ndarray) -> list[str]:
    if (labels == NOT_NEGATIVE).any():
        return ["labels tell negative from the rest only: figures are over the two classes negative and non_negative"]
    neutral = (labels == 1).mean()
    if neutral == 0:
        return ["no neutral rows: figures are over the two classes negative and positive"]
    if neutral < FEW_NEUTRALS:
        return [
            f"only {neutral:.1%} of the rows are neutral, so accuracy and macro-F1 say little, see the sign; ECE and "
            "what noise does are over the negative and positive rows and these two classes"
        ]
    return []


def _few_neutrals(labels: np.ndarray) -> bool:
    """Whether a set was labelled by the sign, but for some rows."""
    return bool(0 < (labels == 1).mean() < FEW_NEUTRALS) and NOT_NEGATIVE not in labels


def _decided(probabilities: np.ndarray, labels: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """(names, probabilities [n, k], labels [n]) over the classes that the labels tell apart."""
    if (labels == NOT_NEGATIVE).any():
        return (
            ("negative", "non_negative"),
            np.stack([probabilities[:, 0], 1 - probabilities[:, 0]], axis=1),
            (labels != 0).astype(int),
        )
    if not (labels == 1).any():
        two = probabilities[:, [0, 2]]
        return ("negative", "positive"), two / two.sum(axis=1, keepdims=True), labels // 2
    return LABELS, probabilities, labels


def measure(probabilities: np.ndarray, labels: np.ndarray, brief: bool = False) -> dict[str, Any]:
    """The figures of ``probabilities`` float [n, 3] given the true ``labels`` int [n], n > 0.

    ``accuracy``, ``macro_f1`` and ``ece`` are over the ``classes`` that the labels tell apart: without neutral
    rows over negative and positive, with non_negative ones over negative and the rest; ``ece`` is over negative and
    positive rows where next to none are neutral (``ece_classes``). Macro-F1 is the mean F1 of the classes that occur,
    as labels or predictions. ``sign_accuracy`` is the share of the rows labelled negative or
    positive for which p(positive) - p(negative) has the right sign (None unless both occur). ``intervals`` has
    [low, high] of each. Unless ``brief``: ``per_class``, ``confusion`` (rows true, columns predicted), ``calibration``
    (see there) and ``sign``: the figures of the negative and positive rows over these two classes.
    """
    names, decided, truth = _decided(probabilities, labels)
    predicted = decided.argmax(axis=1)
    counts = _confusion(truth, predicted, len(names))
    drawn = _draws(counts.ravel()).reshape(-1, *counts.shape)
    signed = (labels == 0) | (labels == 2)
    surest, sure_of = decided.max(axis=1), names
    right = predicted == truth
    if _few_neutrals(labels):
        sure_of, two, sides = _decided(probabilities[signed], labels[signed])
        surest, right = two.max(axis=1), two.argmax(axis=1) == sides
    calibrated = calibration(surest, right)
    report: dict[str, Any] = {
        "n": len(labels),
        "classes": list(names),
        "ece_classes": list(sure_of),
        "accuracy": float(np.trace(counts) / len(labels)),
        "macro_f1": float(_macro_f1(counts)),
        "sign_accuracy": None,
        "ece": calibrated["ece"],
        "intervals": {
            "accuracy": _interval(np.trace(drawn, axis1=1, axis2=2) / len(labels)),
            "macro_f1": _interval(_macro_f1(drawn)),
            "sign_accuracy": None,
            "ece": calibrated["interval"],
        },
    }
    if (labels == 0).any() and (labels == 2).any():
        right = ((probabilities[:, 2] > probabilities[:, 0]) == (labels == 2))[signed]
        report["sign_accuracy"] = float(right.mean())
        shares = _draws(np.array([right.sum(), (~right).sum()]))[:, 0] / len(right)
        report["intervals"]["sign_accuracy"] = _interval(shares)
    if brief:
        return report
    scores = _f1(drawn)
    report["per_class"] = {
        name: {
            "n": int(counts[i].sum()),
            "precision": _share(counts[i, i], counts[:, i].sum()),
            "recall": _share(counts[i, i], counts[i].sum()),
            "f1": float(np.nan_to_num(_f1(counts)[i])),
            "interval": _interval(np.nan_to_num(scores[:, i])),
        }
        for i, name in enumerate(names)
    }
    report["confusion"] = {"labels": list(names), "counts": counts.tolist()}
    report["calibration"] = calibrated
    if report["sign_accuracy"] is not None and signed.any():
        whole = measure(probabilities[signed], labels[signed], brief=True)
        _, decided, truth = _decided(probabilities[signed], labels[signed])
        told = calibration(decided.max(axis=1), decided.argmax(axis=1) == truth)
        report["sign"] = {
            **{name: whole[name] for name in ("n", "accuracy", "macro_f1", "ece", "intervals")},
            **{name: told[name] for name in ("ece_debiased", "ece_if_calibrated")},
        }
    return report


def calibration(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """How far ``confidence`` float [n], the probability of the predicted class, is from being ``correct`` bool [n].

    ``ece``: the expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599), the mean over
    rows of |share correct - mean confidence| of a row's bin; bins of equal mass (Nguyen and O'Connor 2015), which
    are less biased than bins of equal width (Roelofs et al. 2022, arXiv 2012.08668): as many as there are hundreds of
    rows, 10 at most (``bins``; ``curve`` has more, to look at). ``interval``: the basic bootstrap interval, for
    resampling adds the noise that lifts an ECE once more. Noise lifts it even for a perfect model:
    ``ece_if_calibrated`` is the mean and the 95th percentile that such a model would show on these confidences, and
    ``ece_debiased`` is ``ece`` less its estimated bias, as Kumar et al. 2019 ("Verified Uncertainty Calibration",
    arXiv 1909.10155) do with normally distributed bin accuracies in their library for the absolute error.
    ``squared_debiased`` is their estimator of the squared error (section 5), the mean over rows of (gap**2 - its
    variance); it may come out below 0.
    """
    n = len(confidence)
    number = max(1, min(MOST_BINS, n // FEWEST_IN_BIN))
    order = np.argsort(confidence, kind="stable")
    sizes = np.array([len(part) for part in np.array_split(order, number)])
    which = np.empty(n, int)
    which[order] = np.repeat(np.arange(number), sizes)
    gaps = correct - confidence.astype(float)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(which, weights=values, minlength=number) / sizes

    accuracy, gap = mean(correct), mean(gaps)
    ece = float(np.abs(gap) @ sizes / n)
    deviation = np.sqrt(accuracy * (1 - accuracy) / sizes)
    lifted = float(_folded(gap, deviation) @ sizes / n)
    expected = np.sqrt(mean(confidence * (1.0 - confidence)) / sizes)
    rng = np.random.default_rng(SEED)
    calibrated = np.abs(rng.normal(size=(RESAMPLES, number)) * expected) @ sizes / n
    draws = np.empty(RESAMPLES // 4)
    for i in range(len(draws)):
        rows = rng.integers(n, size=n)
        draws[i] = np.abs(np.bincount(which[rows], weights=gaps[rows], minlength=number)).sum() / n
    low, high = _interval(draws)
    squared = gap**2 - np.where(sizes > 1, accuracy * (1 - accuracy) / np.maximum(sizes - 1, 1), 0)
    return {
        "ece": ece,
        "interval": [max(0.0, 2 * ece - high), max(0.0, 2 * ece - low)],
        "ece_debiased": max(0.0, 2 * ece - lifted),
        "ece_if_calibrated": {"mean": float(calibrated.mean()), "p95": float(np.quantile(calibrated, 0.95))},
        "squared_debiased": float(squared @ sizes / n),
        "mean_confidence": float(confidence.mean()),
        "bins": _bins(confidence[order], correct[order], number),
        "curve": _bins(confidence[order], correct[order], max(1, min(MOST_BINS, n // FEWEST_IN_PICTURE))),
    }


def _bins(confidence: np.ndarray, correct: np.ndarray, number: int) -> list[dict[str, float]]:
    """``number`` bins of equal mass of the ascending ``confidence``."""
    return [
        {
            "n": len(rows),
            "from": float(confidence[rows[0]]),
            "to": float(confidence[rows[-1]]),
            "confidence": float(confidence[rows].astype(float).mean()),
            "accuracy": float(correct[rows].mean()),
        }
        for rows in np.array_split(np.arange(len(confidence)), number)
    ]


def _folded(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The mean absolute value of normally distributed numbers."""
    safe = np.where(deviation > 0, deviation, 1)
    spread = safe * math.sqrt(2 / math.pi) * np.exp(-(mean**2) / (2 * safe**2))
    erf = np.array([math.erf(x) for x in mean / (safe * math.sqrt(2))])
    return np.where(deviation > 0, spread + mean * erf, np.abs(mean))


def _confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _draws(counts: np.ndarray) -> np.ndarray:
    """[RESAMPLES, cells]: ``counts`` of rows in cells as resampled rows would give them."""
    return np.random.default_rng(SEED).multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)


def _f1(counts: np.ndarray) -> np.ndarray:
    """[..., classes] of confusion counts [..., true, predicted]; not a number where a class does not occur."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    occurring = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.where(occurring > 0, 2 * hits / np.maximum(occurring, 1), np.nan)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    return np.nanmean(_f1(counts), axis=-1)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _interval(draws: np.ndarray) -> list[float]:
    return [float(x) for x in np.quantile(draws, (0.025, 0.975))]


def robustness(
    scorer: Scorer, rows: Sequence[Labelled], predictions: Predictions, progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """What each kind of ``model.evaluation.noise`` does, measured on the rows that it changes (normalised then).

    Of kinds that keep the meaning: ``macro_f1`` before, ``macro_f1_noisy`` after, their difference ``drop`` with its
    paired bootstrap ``interval``, the share of ``labels_changed`` and the mean absolute ``shift`` of the sentiment; of
    a set with few neutral rows, over the negative and positive rows and these two classes. Of ``negation``, on the
    rows with a label and a prediction of the same sign: the share that ``moved`` the other way, by 0.1 or more, and
    the share whose sign ``flipped``. ``became_unsupported`` rows no longer looked like a language
    that the model reads.
    """
    report: dict[str, dict[str, Any]] = {}
    signed = _few_neutrals(np.array([row.label for row in rows]))
    for done, kind in enumerate(KINDS):
        noisy = [_noisy(row, kind) for row in rows]
        chosen = [
            i
            for i, (row, other) in enumerate(zip(rows, noisy, strict=True))
            if other and predictions.supported[i] and not (signed and row.label == 1)
        ]

        def show(records: int, share: float, done: int = done) -> None:
            if progress:
                progress(records, (done + share) / len(KINDS))

        after = predict(scorer, [row for i in chosen if (row := noisy[i])], show)
        kept = np.array(chosen, int)[after.supported]
        report[kind] = {"n": len(kept), "became_unsupported": int((~after.supported).sum())}
        if len(kept):
            labels = np.array([rows[i].label for i in kept])
            before, changed = predictions.probabilities[kept], after.probabilities[after.supported]
            report[kind] |= (_negated if kind == "negation" else _preserved)(before, changed, labels)
    return report


def _noisy(row: Labelled, kind: str) -> Labelled | None:
    """``row`` with noise of ``kind``, None where that changes nothing."""
    text, entity = perturb(row.text, row.entity, kind, random.Random(f"{SEED}/{kind}/{row.entity}/{row.text}"))
    changed = normalise(text)
    if not changed or text == row.text:
        return None
    return replace(row, text=changed, entity=normalise(entity or "") or None, language=detect(changed, row.declared))


def _preserved(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    names, clean, truth = _decided(before, labels)
    _, noisy, _ = _decided(after, labels)
    first, second, k = clean.argmax(axis=1), noisy.argmax(axis=1), len(names)
    cells = np.bincount((truth * k + first) * k + second, minlength=k**3)
    drawn = _draws(cells).reshape(-1, k, k, k)
    scores = [float(_macro_f1(_confusion(truth, predicted, k))) for predicted in (first, second)]
    return {
        "macro_f1": scores[0],
        "macro_f1_noisy": scores[1],
        "drop": scores[0] - scores[1],
        "interval": _interval(_macro_f1(drawn.sum(axis=3)) - _macro_f1(drawn.sum(axis=2))),
        "labels_changed": float((first != second).mean()),
        "shift": float(np.abs(_sentiment(after) - _sentiment(before)).mean()),
    }


def _negated(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    side = np.select([labels == 0, labels == 2], [-1, 1], 0)
    known = (side != 0) & (before.argmax(axis=1) == labels)
    if not known.any():
        return {"n": 0}
    shift = ((_sentiment(after) - _sentiment(before)) * side)[known]
    flipped = (_sentiment(after) * side)[known] < 0
    return {
        "n": int(known.sum()),
        "moved": float((shift < -0.1).mean()),
        "flipped": float(flipped.mean()),
        "mean_shift": float(shift.mean()),
        "interval": _interval(_draws(np.array([flipped.sum(), (~flipped).sum()]))[:, 0] / known.sum()),
    }


def _sentiment(probabilities: np.ndarray) -> np.ndarray:
    return probabilities[:, 2] - probabilities[:, 0]
