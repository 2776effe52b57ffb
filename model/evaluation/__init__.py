"""How good a version is on labelled texts."""

from model.evaluation.evaluation import CHUNK, calibration

__all__ = ["CHUNK", "calibration"]
