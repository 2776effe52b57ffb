"""Bootstrap intervals (Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"), always with the same seed.

All intervals are 95 % intervals over resampled rows. A statistic that depends only on counts of rows in cells, such as
those of a confusion matrix, is resampled by drawing the counts from their multinomial distribution. Resampling rows
gives counts of exactly this distribution, and this is faster.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000
SEED = 13


def resampled_counts(counts: np.ndarray) -> np.ndarray:
    """int [RESAMPLES, cells]: how many rows would fall into each cell if the rows in ``counts`` [cells] were
    resampled."""
    return np.random.default_rng(SEED).multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)


def interval(draws: np.ndarray) -> list[float]:
    """[low, high]: the middle 95 % of the ``draws``."""
    return [float(x) for x in np.quantile(draws, (0.025, 0.975))]
