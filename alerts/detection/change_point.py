"""When a shift began (CUSUM with a reference value; Page 1954)."""

from __future__ import annotations

import numpy as np

from alerts.detection.series import Series


def began_at(series: Series, i: int, first: int, last: int, before: float, after: float) -> int:
    """The end of the first window that belongs to the change from the mean ``before`` to ``after``, in Unix seconds.

    Of all places in ``first`` to ``last``, it is the one after which the sum of (sentiment - midpoint of the means), in
    the direction of the change, is the largest; ``last`` where there are no documents.
    """
    ends, values = series.within(i, first, last)
    if not len(ends):
        return last
    above = (values[:, 1] - (before + after) / 2 * values[:, 0]) * np.sign(after - before)
    remaining = above[::-1].cumsum()[::-1]
    # On a tie take the latest place: earlier windows that add nothing are not part of the change.
    place = len(remaining) - 1 - int(np.argmax(remaining[::-1]))
    return int(ends[place])
