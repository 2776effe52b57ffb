"""Market breadth: how many companies, and which share of them, moved in one direction."""

from __future__ import annotations

import numpy as np

from alerts.detection.comparison import compare
from alerts.detection.parameters import Parameters
from alerts.detection.series import Series


def breadth(series: Series, at: int, span: int, sign: int, parameters: Parameters) -> tuple[int, float]:
    """The number of companies with documents in the ``span`` seconds before ``at``, and the share of them whose tone
    moved in the direction ``sign`` from their own past."""
    entity = np.arange(1, len(series))
    entity = entity[~series.is_market(entity)]
    entity = entity[series.between(entity, at - span, at).documents > 0]
    if not len(entity):
        return 0, 0.0
    means = compare(series, entity, np.full(len(entity), at), span, parameters, parameters.likeness)
    return len(entity), float((means.effect * sign > 0).mean())
