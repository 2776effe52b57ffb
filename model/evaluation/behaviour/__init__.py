"""Does a scorer read what happened? Sentences with a known answer, by what is hard about them."""

from model.evaluation.behaviour.cases import Case, behaviours, cases
from model.evaluation.behaviour.judging import judge

__all__ = ["Case", "behaviours", "cases", "judge"]
