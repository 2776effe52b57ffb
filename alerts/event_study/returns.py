"""Daily returns of shares beside those of the market."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errors import FinsentError

LONGEST_GAP_DAYS = 12
"""Calendar days between two closes that still make a return: more than the longest holidays of an exchange."""


class NoMarket(FinsentError, ValueError):
    """The prices that are loaded make no market; the text says what is missing."""


class Returns(NamedTuple):
    """A share's returns, one for each of its own trading days, as fractions (0.01 is 1 %).

    ``own`` is close over the close before, less 1, and ``market`` the market's return between the same two closes. Both
    are NaN where they are not known.
    """

    days: NDArray[np.datetime64]
    own: NDArray[np.float64]
    market: NDArray[np.float64]


class Market:
    """Returns of shares and of the market, from the closes of each ticker by day.

    The market is ``benchmark``, or else the equally weighted mean of all tickers but the share itself: with it among
    few others, its own move would be taken for one of the market. Raises ``NoMarket`` where neither is there.
    """

    def __init__(self, closes: Mapping[str, Mapping[date, float]], benchmark: str = "") -> None:
        if benchmark and benchmark not in closes:
            raise NoMarket(
                f"there are no prices of the benchmark {benchmark!r} around the alerts: see 'finsent prices list'"
            )
        if not benchmark and len(closes) < 2:
            raise NoMarket(
                "a market of the mean of all other tickers needs prices of two tickers at least around the alerts: "
                "import more, or name a --benchmark"
            )
        self.benchmark, self.tickers = benchmark, len(closes)
        self._days = np.array(sorted({day for own in closes.values() for day in own}), "datetime64[D]")
        self._own: dict[str, tuple[NDArray[np.intp], NDArray[np.float64]]] = {}
        self._total, self._count = np.zeros(len(self._days)), np.zeros(len(self._days))
        for ticker, own in closes.items():
            places, returns = self._placed(own)
            self._own[ticker] = places, returns
            if benchmark in ("", ticker):
                known = np.isfinite(returns)
                self._total[places[known]] += returns[known]
                self._count[places[known]] += 1

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._own

    def returns(self, ticker: str) -> Returns:
        """The returns of ``ticker``, which has prices, and of the market between its closes."""
        places, own = self._own[ticker]
        total, count = self._total, self._count
        if not self.benchmark:
            known = np.isfinite(own)
            total, count = total.copy(), count.copy()
            total[places[known]] -= own[known]
            count[places[known]] -= 1
        level = np.cumprod(1 + np.divide(total, count, out=np.zeros_like(total), where=count > 0))
        traded = np.cumsum(count > 0)
        market = np.full(len(places), np.nan)
        # Exchanges have different holidays: the market's return is that between the two closes of this share.
        market[1:] = level[places[1:]] / level[places[:-1]] - 1
        market[1:][traded[places[1:]] == traded[places[:-1]]] = np.nan
        return Returns(self._days[places], own, market)

    def _placed(self, closes: Mapping[date, float]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Of each day with a close, its place among all days, and the return since the close before."""
        days = np.array(sorted(closes), "datetime64[D]")
        prices = np.array([closes[day] for day in sorted(closes)])
        returns = np.full(len(days), np.nan)
        returns[1:] = prices[1:] / prices[:-1] - 1
        returns[1:][np.diff(days) > np.timedelta64(LONGEST_GAP_DAYS, "D")] = np.nan
        return np.searchsorted(self._days, days), returns
