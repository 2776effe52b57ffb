"""Golden outputs: what a version answers to fixed texts. They show that a version computes here what it computed when
it was published."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.registry.manifest import BadVersion, Golden
from model.scorer import Scorer

TEXTS: tuple[tuple[str, str | None, str], ...] = (
    ("Profit rose far above expectations and the dividend was doubled.", None, "en"),
    ("The auditor refused to sign and the shares collapsed.", None, "en"),
    ("The annual meeting takes place in Berlin in June.", None, "en"),
    ("Alder gains market share while Birch loses its largest client.", "Alder", "en"),
    ("Alder gains market share while Birch loses its largest client.", "Birch", "en"),
    ("三季度净利润大幅增长，公司上调全年业绩预期", None, "zh"),
    ("公司债券违约，股价连续跌停", None, "zh"),
    ("松柏科技将于五月召开年度股东大会", "松柏科技", "zh"),
    ("通期の純利益は大幅な増益となり、配当も増やす", None, "ja"),
    ("El auditor se negó a firmar y las acciones se hundieron", None, "es"),
    ("Die Hauptversammlung findet im Juni in Berlin statt", None, "de"),
)
"""(text, entity, language) of each golden output."""

TOLERANCE = 0.03
"""The largest difference of each text's probabilities may be this much in the mean over the texts. Engines and
processors round int8 products differently. That moves a doubtful text's logits by up to a quarter, and its probability
by more than this, but a network that computes something else differs in most texts."""


def golden_outputs(scorer: Scorer) -> list[Golden]:
    """What ``scorer`` answers to those of ``TEXTS`` that are in its languages."""
    cases = [case for case in TEXTS if case[2] in scorer.languages]
    # A version for other languages gets all texts: whether it computes the same shows in any text.
    cases = cases or [(text, entity, min(scorer.languages)) for text, entity, _ in TEXTS]
    scores = scorer.score([c[0] for c in cases], [c[1] for c in cases], [c[2] for c in cases])
    return [
        Golden(text=text, entity=entity, language=language, probabilities=tuple(row))
        for (text, entity, language), row in zip(cases, scores.probabilities.tolist(), strict=True)
    ]


def compare_golden(scorer: Scorer, golden: list[Golden], folder: Path) -> None:
    """Raises ``BadVersion``, which names ``folder``, if ``scorer`` does not answer what ``golden`` says."""
    found = scorer.score(
        [case.text for case in golden], [case.entity for case in golden], [case.language for case in golden]
    ).probabilities
    expected = np.array([case.probabilities for case in golden])
    if not np.abs(found - expected).max(axis=1).mean() <= TOLERANCE:  # also true for NaN
        raise BadVersion(f"{folder} does not reproduce its golden outputs: {found.round(3).tolist()}")
