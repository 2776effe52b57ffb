"""Two versions side by side: the gate's rules, how far they agree, and the documents on which they differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

import model
from documents import whole_text
from retrain.data import LABELS, Example
from retrain.judge import gate
from retrain.judge.agreement import agreement, furthest
from settings import RetrainSettings

SHOWN_CHARACTERS = 300


def compare(
    a: model.Scorer,
    b: model.Scorer,
    fixed: Sequence[Example],
    new: Sequence[Example],
    documents: Sequence[Mapping[str, Any]],
    settings: RetrainSettings,
    most: int = 10,
) -> dict[str, Any]:
    """Both versions' figures, as plain JSON.

    ``rules`` are the gate's, if ``b`` were to replace ``a``; without ``new`` there is no rule on new labels. The
    agreement and the ``most`` different documents are of ``documents``, which have the keys ``title, text, lang,
    surfaces`` and, where known, ``label``. Texts in a language that one of the two does not read are left out, and
    counted as ``unread``.
    """
    read = [_readable(a, b, examples) for examples in (fixed, new)]
    verdict = gate.judge(a, b, read[0], read[1], None, settings)
    texts = [whole_text(row["title"], row["text"]) for row in documents]
    about = [row["surfaces"][0] if len(row["surfaces"]) == 1 else None for row in documents]
    scores = [scorer.score(texts, about, [row["lang"] or None for row in documents]) for scorer in (a, b)]
    both = np.flatnonzero(scores[0].supported & scores[1].supported)
    p, q = (side.probabilities[both] for side in scores)
    differ = []
    for i in furthest(p, q, most):
        row = documents[both[i]]
        shown = {name: row[name] for name in ("document_id", "source", "label") if row.get(name)}
        shown |= {"text": texts[both[i]][:SHOWN_CHARACTERS], "entity": about[both[i]] or ""}
        for side, one in (("a", p[i]), ("b", q[i])):
            shown[side] = {"label": LABELS[int(one.argmax())], "sentiment": round(float(one[2] - one[0]), 4)}
        differ.append(shown)
    return {
        "a": a.version,
        "b": b.version,
        "would_pass": verdict.passed,
        "reason": verdict.reason,
        "rules": verdict.rows(),
        "unread": len(fixed) + len(new) - len(read[0]) - len(read[1]) + len(documents) - len(both),
        **asdict(agreement(p, q)),
        "differ_most": differ,
    }


def _readable(a: model.Scorer, b: model.Scorer, examples: Sequence[Example]) -> list[Example]:
    languages = a.languages & b.languages
    return [example for example in examples if model.detect(example.text) in languages]
