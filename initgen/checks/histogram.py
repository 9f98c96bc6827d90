"""The picture of a tensor's values, from the counts that `measure` keeps: no second look at the tensor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initgen.checks.cells import grid
from initgen.checks.measure import Measured
from initgen.core.dtypes import DTYPES, FLOATS

Floats = NDArray[np.float64]

# Intervals of a histogram: a number that 120, 80, 60, 48, 40, 30, 24, 20, 16, 12, 10 and 8 divide.
BINS = 240
# Points of a Q-Q plot: of equal probability, but for the tails, where each has half of what the next one has.
_POINTS = 200


@dataclass(frozen=True)
class Histogram:
    """How many values fall in each of equal intervals from ``low`` to ``high``.

    ``counts`` are whole numbers but for what is shared out where a cell of `Measured.cells` meets two intervals.
    """

    low: float
    high: float
    counts: Floats

    def bars(self, count: int) -> Floats:
        """The same with ``count`` intervals, a divisor of `BINS`."""
        bars: Floats = self.counts.reshape(count, -1).sum(axis=1)
        return bars


@dataclass(frozen=True)
class Quantiles:
    """Ascending probabilities, and the value that so large a share of the values does not exceed."""

    probabilities: Floats
    values: Floats


def histogram_of(measured: Measured, kind: str) -> Histogram | None:
    """The histogram of finite values between the least and the greatest; None where there are not two different ones."""
    low, high = measured.low, measured.high
    if not _drawable(measured):
        return None
    ends, cumulative = _cumulative(measured, kind)
    edges = np.linspace(low, high, BINS + 1)
    return Histogram(low, high, np.diff(np.interp(edges, ends, cumulative)))


def quantiles_of(measured: Measured, kind: str) -> Quantiles | None:
    """The points of a Q-Q plot; None where there are not two different values."""
    if not _drawable(measured):
        return None
    ends, cumulative = _cumulative(measured, kind)
    n = measured.finite
    tails = 0.5 / _POINTS * 0.5 ** np.arange(1, 40)
    tails = np.sort(tails[tails > 0.5 / n])
    p = np.concatenate([tails, (np.arange(_POINTS) + 0.5) / _POINTS, 1 - tails[::-1]])
    return Quantiles(p, np.interp(p * n, cumulative, ends))


def _drawable(measured: Measured) -> bool:
    """Whether there are two different values, neither too near to each other nor too far apart for float64."""
    return 1e-290 < measured.high - measured.low < np.inf


def _cumulative(measured: Measured, kind: str) -> tuple[Floats, Floats]:
    """How many values lie below each end of a cell, from the least value to the greatest; both ascend strictly."""
    codes, _, ends = grid(kind if kind in DTYPES.entries and DTYPES[kind] in FLOATS else "float32")
    inside = slice(*np.searchsorted(ends, [measured.low, measured.high], side="right"))
    first = int(inside.start)
    cumulative = np.cumsum(measured.cells[codes[first : inside.stop]], dtype=np.float64)  # nothing lies below the least
    points = np.concatenate([[measured.low], ends[inside], [measured.high]])
    counts = np.concatenate([[0.0], cumulative, [float(measured.finite)]])
    keep = np.append(np.diff(points) > 0, True)
    return points[keep], counts[keep]
