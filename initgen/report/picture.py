"""What a picture of a tensor shows, whatever draws it: bars, the density of its law, limits, a Q-Q plot.

Positions are shares of the frame, 0 to 1 from the left and from below, so that values of any size can be drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from initgen.laws import Constant, Law

if TYPE_CHECKING:
    from initgen.checks.tensor import TensorStats

Floats = NDArray[np.float64]
Mark = tuple[float, str]

# Of the frame, what is left free beside and above what is drawn.
_MARGIN = 0.04
_HEADROOM = 0.06
# Dots of a Q-Q plot are at least so far apart.
_APART = 0.009
# What lies nearer to a limit than this is taken to be at it: it cannot be seen beside it.
_SLIVER = 0.002
# A number beside an axis takes so much.
_ROOM = 0.15
# All bars together are at least so wide.
_LEAST = 1 / 80
# How far a density without bounds is drawn, in standard deviations, and in how many pieces.
# A bound further from the mean than this many std would squeeze all that matters into a few bars.
_FAR = 6.0
_REACH = 4.0
_PIECES = 96
# Divisors of checks.histogram.BINS that make good numbers of bars.
_BARS = (8, 10, 12, 16, 20, 24, 30, 40, 48, 60, 80)


@dataclass(frozen=True)
class Picture:
    """A histogram and the density that it should follow.

    Attributes:
        edges: of the bars, one more than there are bars.
        heights: of the bars; all bars together have the area that the density has.
        outside: for each bar, whether all of it lies beyond the limits.
        curve: points (x, y) of the density; none where no law says how elements lie. It may rise above the frame.
        limits: the bounds of the law.
        ticks: positions on the axis of values.
    """

    edges: Floats
    heights: Floats
    outside: NDArray[np.bool_]
    curve: Floats
    limits: tuple[Mark, ...]
    ticks: tuple[Mark, ...]

    @property
    def captions(self) -> tuple[Mark, ...]:
        """The limits as text; two that would cover each other as one."""
        if len(self.limits) == 2 and self.limits[1][0] - self.limits[0][0] < _ROOM:
            (left, low), (right, high) = self.limits
            return (((left + right) / 2, f"{low} to {high}"),)
        return self.limits


@dataclass(frozen=True)
class QQ:
    """Quantiles of the law (x) against those that were found (y), on one scale: agreement is the diagonal."""

    points: Floats
    ticks: tuple[Mark, ...]


def law_of(tensor: TensorStats) -> Law | None:
    """The law that its elements should have, one by one; of a structure that of what is drawn in it."""
    return tensor.spec.element_law if tensor.spec else None


def picture_of(tensor: TensorStats, bars: int = 80, marks: int = 6) -> Picture | None:
    """The histogram of a tensor against its law; None where there is no number in it.

    Args:
        bars: at most so many, and as many as its values are enough for.
        marks: at most so many ticks.
    """
    found = tensor.measured
    if not found.sampled or not found.finite or not math.isfinite(found.high - found.low):
        return None
    law = law_of(tensor)
    left, right = _span(found.low, found.high, law)
    if not 0 < right - left < math.inf:
        return None
    edges, heights = _bars(tensor, left, right, bars)
    curve = np.empty((0, 2))
    if law and law.std > 0:
        made = tensor.spec.made if tensor.spec else None
        x, y = _density(law)
        # A structure's law is that of its other elements only.
        begin, end = (0, 0) if made is None or isinstance(made, Law) else made.zeros
        share = 1 - (end - begin) / max(found.count, 1)
        curve = np.stack([(x - left) / (right - left), y * (right - left) * share], axis=1)
    tallest = float(heights.max())
    top = float(curve[:, 1].max()) if curve.size else 0.0
    if tallest == math.inf:  # a bar without width has no height of its own
        heights = np.full_like(heights, top / 0.6 or 1.0)
        tallest = float(heights.max())
    scale = (1 - _HEADROOM) / max(tallest, min(top, 3 * tallest))
    curve[:, 1] *= scale
    # A value that should be constant and is needs no limit drawn over it.
    limits = [x for x in (law.support if law else ()) if left <= x <= right and not x == found.low == found.high]
    low, high = law.support if law else (-math.inf, math.inf)
    return Picture(
        (edges - left) / (right - left),
        heights * scale,
        (edges[1:] <= low) | (edges[:-1] >= high),
        curve,
        tuple(((x - left) / (right - left), short(x)) for x in dict.fromkeys(limits)),
        ticks(left, right, marks) if found.low < found.high or curve.size or limits else ((0.5, short(found.low)),),
    )


def _span(low: float, high: float, law: Law | None) -> tuple[float, float]:
    """What the axis of values shows: all values, and all of the law."""
    if law:
        least, most = _ends(law)
        low, high = min(low, least), max(high, most)
    margin = _MARGIN * (high - low) if low < high else abs(high) or 1.0
    return low - margin, high + margin


def _ends(law: Law) -> tuple[float, float]:
    """What is shown of a law: its bounds; of those that are infinite or far out, which would leave a spike, nothing."""
    low, high = law.support
    return (
        low if law.mean - low <= _FAR * law.std else law.mean - _REACH * law.std,
        high if high - law.mean <= _FAR * law.std else law.mean + _REACH * law.std,
    )


def _bars(tensor: TensorStats, left: float, right: float, most: int) -> tuple[Floats, Floats]:
    """Edges in values, and heights per share of the frame; infinite where all values are about one."""
    found = tensor.measured
    if tensor.histogram is None or found.high - found.low < _LEAST * (right - left):
        middle, half = found.low / 2 + found.high / 2, _LEAST / 2 * (right - left)
        return np.array([middle - half, middle + half]), np.array([math.inf])
    # The narrower the values lie in the frame, and the fewer they are, the fewer bars can be told apart.
    wanted = min(most * (found.high - found.low) / (right - left), 2.2 * found.finite ** (1 / 3))
    count = max((bars for bars in _BARS if bars <= wanted), default=_BARS[0])
    edges = np.linspace(found.low, found.high, count + 1)
    heights = tensor.histogram.bars(count) / found.finite * (right - left) / (edges[1] - edges[0])
    law, sliver = law_of(tensor), _SLIVER * (right - left)
    low, high = law.support if law else (-math.inf, math.inf)
    for limit in {low, high} if high - low > 2 * sliver else ():
        # A bar that a limit cuts becomes two, unless one of them could not be seen.
        if not edges[0] < limit < edges[-1]:
            continue
        near = int(np.abs(edges - limit).argmin())
        if abs(edges[near] - limit) > sliver:
            at = int(np.searchsorted(edges, limit))
            edges, heights = np.insert(edges, at, limit), np.insert(heights, at, heights[at - 1])
        elif 0 < near < len(edges) - 1:
            edges[near] = limit
    return edges, heights


def _density(law: Law) -> tuple[Floats, Floats]:
    """Points of a density, from differences of the cdf; down to zero at bounds."""
    standard, shift, scale = law.standard()
    x, y = _standard_density(standard)
    return x * scale + shift, y / abs(scale)


@lru_cache(maxsize=64)
def _standard_density(law: Law) -> tuple[Floats, Floats]:
    start, stop = _ends(law)
    edges = np.linspace(start, stop, _PIECES + 1)
    y = np.diff([law.cdf(float(edge)) for edge in edges]) / (edges[1] - edges[0])
    # From the middles of the pieces to their edges.
    ends = np.maximum(1.5 * y[[0, -1]] - 0.5 * y[[1, -2]], 0)
    y = np.concatenate([ends[:1], (y[:-1] + y[1:]) / 2, ends[1:]])
    return np.concatenate([edges[:1], edges, edges[-1:]]), np.concatenate([[0.0], y, [0.0]])


def qq_of(tensor: TensorStats) -> QQ | None:
    """The Q-Q plot of a tensor against its law; None where one of the two has no quantiles."""
    found, law = tensor.quantiles, law_of(tensor)
    if found is None or law is None or isinstance(law, Constant) or not law.std > 0:
        return None
    p = found.probabilities
    expected = law.quantiles(np.minimum(p, 1 - p), p > 0.5)
    left = float(min(expected.min(), found.values.min()))
    right = float(max(expected.max(), found.values.max()))
    margin = _MARGIN * (right - left)
    left, right = left - margin, right + margin
    if not 0 < right - left < math.inf:
        return None
    points = (np.stack([expected, found.values], axis=1) - left) / (right - left)
    return QQ(_thinned(points), ticks(left, right))


def _thinned(points: Floats) -> Floats:
    """Without points that would cover the one before."""
    kept: list[int] = []
    last = (-1.0, -1.0)
    for index, (x, y) in enumerate(points.tolist()):
        if abs(x - last[0]) > _APART or abs(y - last[1]) > _APART:
            kept.append(index)
            last = (x, y)
    return points[kept]


def ticks(left: float, right: float, most: int = 5) -> tuple[Mark, ...]:
    """At most ``most`` round numbers from ``left`` to ``right``, zero among them if it lies there."""
    room = right - left
    step = 10.0 ** math.floor(math.log10(room / most))
    step = next(step * m for m in (1, 2, 2.5, 5, 10, 20) if room / (step * m) < most)
    first, last = math.ceil(left / step), math.floor(right / step)
    if not math.isfinite(step) or step == 0 or last - first > most or first == first + 1:
        return ()
    digits = max(1, math.ceil(math.log10(max(abs(first), abs(last), 1) * 10)) + 1)
    return tuple(((n * step - left) / room, short(n * step, digits)) for n in range(first, last + 1))


def short(value: float, digits: int = 6) -> str:
    """A number for people, with a true minus sign."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.{max(6, digits)}g}".replace("-", "−")
