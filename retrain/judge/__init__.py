"""How good a version is: measures, the gate between two versions, and the verdict on a version in the shadow."""

from retrain.judge.bootstrap import interval
from retrain.judge.compare import compare
from retrain.judge.gate import Rule, Verdict, judge, probabilities
from retrain.judge.metrics import (
    FEWEST_TO_FIT,
    calibrated,
    fit_calibration,
    macro_f1,
    score_table,
    scores_of_sets,
    signs_of_sets,
)
from retrain.judge.shadow import decide_shadow, shadow_report

__all__ = [
    "FEWEST_TO_FIT",
    "Rule",
    "Verdict",
    "calibrated",
    "compare",
    "decide_shadow",
    "fit_calibration",
    "interval",
    "judge",
    "macro_f1",
    "probabilities",
    "score_table",
    "scores_of_sets",
    "shadow_report",
    "signs_of_sets",
]
