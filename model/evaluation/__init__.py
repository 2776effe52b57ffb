"""How good a scorer is on labelled texts: accuracy, calibration and robustness, with intervals."""

from model.evaluation.calibration_error import calibration_error
from model.evaluation.labelled import NOT_NEGATIVE, BadData, Labelled, labelled_columns, read_labelled
from model.evaluation.metrics import evaluate, measure
from model.evaluation.noise import KINDS, perturb
from model.evaluation.pictures import draw_confusion, draw_reliability
from model.evaluation.prediction import CHUNK, Predictions, Progress, predict
from model.evaluation.robustness import robustness

__all__ = [
    # labelled rows and their predictions
    "CHUNK",
    "NOT_NEGATIVE",
    "BadData",
    "Labelled",
    "Predictions",
    "Progress",
    "labelled_columns",
    "predict",
    "read_labelled",
    # figures
    "calibration_error",
    "evaluate",
    "measure",
    # robustness
    "KINDS",
    "perturb",
    "robustness",
    # pictures
    "draw_confusion",
    "draw_reliability",
]
