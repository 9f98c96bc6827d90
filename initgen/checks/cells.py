"""A law as it is stored: rounded to a dtype, every value with its probability.

A dtype of at most 16 bits has so few values that the rounded law is known exactly: its bounds, its moments, its cdf at
every step. Wider ones are cut into cells by the top 16 bits of their float32, 128 to the octave.

The law is taken as continuous, and draws are not: the native stream has 2^32 values, with errors up to 3e-7 std, the
frameworks' float32 draws take 2^23 or 2^24 values. Counting every word of the native stream (a slow test), the cdf is
off by less than 2e-7 and the variance by less than 3e-7 of itself: 10^10 values cannot show that.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DTYPES, DType
from initgen.laws import Law

Floats = NDArray[np.float64]

# Cells nearer to the mean than this many std, or nearer to zero, are taken as one: what they hold cannot be told apart.
_NEAR = 2.0**-13
# What a uniform law of 2^23 values in float32 adds, at most, to the probability of zero: as the difference of two of
# its steps, or as the end at which it starts.
_GRAIN = 2.0**-22
_EVERYWHERE = -math.inf, math.inf


@dataclass(frozen=True)
class Cells:
    """A law over the values of a dtype, in ascending order.

    Attributes:
        below: the probability of all values up to the end of each cell.
        values: one value for each cell.
        weights: the probability of each cell.
        mean, variance: of the stored values.
        kurtosis: fourth central moment over squared variance.
        low, high: the outermost values that it has in the dtype; one rounding past the exact ones in dtypes above 16 bits.
        order: all codes in ascending order of value, NaN left out.
        ends: where in ``order`` each cell ends.
        zero: the probability of 0 or -0, at most: what is rounded to it, and what draws of float32 hit of themselves.
        drawn: how, where not as initgen does it: rounded once and held inside the exact bounds.
        possible: for each code of ``order`` whether it or its neighbour can be drawn; None where all inside the bounds can.
        beyond: the probability of values outside ``low`` to ``high``; above 0 only where a framework is known to do so.
    """

    below: Floats
    values: Floats
    weights: Floats
    mean: float
    variance: float
    kurtosis: float
    low: float
    high: float
    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    zero: float
    drawn: str = ""
    beyond: float = 0.0
    possible: NDArray[np.bool_] | None = None

    def distance(self, counts: NDArray[np.int64]) -> float:
        """Kolmogorov and Smirnov's D between the law and the counts of each code, at the ends of the cells."""
        cumulative = np.cumsum(counts[self.order])
        total = cumulative[-1]
        if not total:
            return 0.0
        found = cumulative[self.ends] / total
        return float(np.abs(found - self.below).max()) if found.size else 0.0

    def impossible(self, counts: NDArray[np.int64]) -> int:
        """How many values lie where none is drawn, given how many have each code."""
        return 0 if self.possible is None else int(counts[self.order[~self.possible]].sum())

    def outside(self, counts: NDArray[np.int64], dtype: DType) -> int:
        """How many values lie beyond the bounds, given how many have each code; for dtypes of up to 16 bits."""
        order, values, _ = grid(dtype.name)
        return int(counts[order[(values < self.low) | (values > self.high)]].sum())


@lru_cache(maxsize=8)
def grid(name: str) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Codes of a dtype in ascending order, the value of each, and where each cell ends.

    A cell of a dtype up to 16 bits ends halfway to the next value, which is where rounding turns; one of a wider dtype
    ends where the next code begins.
    """
    dtype = DTYPES[name]
    bits = min(16, 8 * dtype.itemsize)
    if dtype.itemsize <= 2:
        stored = np.arange(1 << bits, dtype=f"<u{dtype.itemsize}").view(dtype.numpy)
    else:
        stored = (np.arange(1 << 16, dtype=np.uint32) << np.uint32(16)).view(np.float32)
    with np.errstate(invalid="ignore"):  # signalling NaNs among them
        all_values = stored.astype(np.float64)
    codes = np.arange(1 << bits)
    finite = ~np.isnan(all_values)
    codes, all_values = codes[finite], all_values[finite]
    negative = codes >= 1 << (bits - 1)
    order = np.argsort(np.where(negative, -1.0, 1.0) * (np.abs(codes & ((1 << (bits - 1)) - 1)) + 0.5), kind="stable")
    codes, values = codes[order], all_values[order]
    with np.errstate(invalid="ignore"):
        if dtype.itemsize <= 2:
            ends = np.append((values[:-1] + values[1:]) / 2, math.inf)
        else:
            # Codes cut towards zero: a negative cell ends at its own code's value, a positive one at the next.
            upward = np.append(values[1:], math.inf)
            ends = np.where(np.sort(negative)[::-1], values, upward)
    return codes, values, ends


@lru_cache(maxsize=64)
def cells_of(law: Law, dtype: DType, held: bool = True) -> Cells:
    """The law as values of a dtype; not for constants.

    Args:
        held: whether values are kept inside the exact bounds, as initgen keeps them. If not, they were rounded to
            nearest, which may lead one step past the bounds.
    """
    order, values, ends = grid(dtype.name)
    exact = dtype.itemsize <= 2
    low, high = law.support
    bounds = dtype.nearest(low), dtype.nearest(high)
    # Where the cdf still moves; further out float64 has no probabilities.
    reach = 40 * law.std + abs(law.mean)
    start, stop = max(low, -reach), min(high, reach)
    if exact:  # the outermost values take all that lies beyond
        if held:
            bounds = dtype.above(low), dtype.below(high)
        else:  # by way of float32, whose roundings can lead past a bound that lies just below the middle of two values
            bounds = dtype.nearest(low - 2.0**-22 * abs(low)), dtype.nearest(high + 2.0**-22 * abs(high))
        start, stop = max(bounds[0], -reach), min(bounds[1], reach)
    at = np.flatnonzero((ends > start) & (ends < stop) & (np.abs(ends) > _NEAR * law.std))
    below = np.array([law.cdf(float(end)) for end in ends[at]])
    # The mass of each cell between two ends, the first from the lower bound on and the last to the upper.
    weights = np.diff(below, prepend=0.0, append=1.0)
    edges = np.concatenate([[start], ends[at], [stop]])
    middle = (edges[:-1] + edges[1:]) / 2
    if exact:
        # The value that everything between two ends is rounded to; of the merged cells about zero, their middle.
        single = np.diff(at, prepend=at[:1] - 1) == 1
        middle[:-1] = np.where(single, values[at], middle[:-1])
        middle[-1:] = stop if math.isfinite(high) else middle[-1:]
    else:
        # An average as far out as a bound must be possible.
        middle[0], middle[-1] = start, stop
    keep = weights > 0
    middle, weights = middle[keep], weights[keep]
    mean, variance, kurtosis = law.mean, law.variance, law.kurtosis
    if exact:
        mean, variance, kurtosis = _moments(middle, weights)
        if abs(mean - law.mean) < 1e-12 * law.std:  # symmetric; what is left is the sum's rounding
            mean = law.mean
    drawn = "rounded to nearest" if exact and not held else ""
    zero = _zero(law, dtype, bounds) if exact else _GRAIN
    return Cells(below, middle, weights, mean, variance, kurtosis, *bounds, order, at, zero, drawn)


def _zero(law: Law, dtype: DType, bounds: tuple[float, float]) -> float:
    """What is rounded to zero, and what draws of float32 add to it."""
    if bounds[0] > 0 or bounds[1] < 0:
        return 0.0
    half = dtype.smallest / 2
    below = law.cdf(-half) if bounds[0] < 0 else 0.0
    above = law.cdf(half) if bounds[1] > 0 else 1.0
    return min(1.0, above - below + _GRAIN)


def _moments(values: Floats, weights: Floats) -> tuple[float, float, float]:
    """Mean, variance and kurtosis."""
    mean = float(weights @ values)
    variance = float(weights @ (values - mean) ** 2)
    return mean, variance, float(weights @ (values - mean) ** 4) / variance**2 if variance else 1.0


def cells_of_draws(
    values: NDArray[Any], weights: Floats, dtype: DType, drawn: str = "", support: tuple[float, float] = _EVERYWHERE
) -> Cells:
    """The law of the stored ``values`` with these weights, in any order and as often as they come.

    Args:
        values: of ``dtype``, of at most 16 bits; finite.
        support: what lies outside is beyond the bounds.
    """
    order, every, _ = grid(dtype.name)
    codes = values.astype(dtype.numpy, copy=False).view(f"<u{dtype.itemsize}")
    counted = np.bincount(codes, weights / weights.sum(), minlength=1 << 8 * dtype.itemsize)
    mass: Floats = counted[order].astype(np.float64)
    has = mass > 0
    found, mass_found = every[has], mass[has]
    inside = (found >= support[0]) & (found <= support[1])
    bounds = float(found[inside][0]), float(found[inside][-1])
    moments = _moments(found, mass_found)
    ends, below = np.arange(order.size), np.cumsum(mass)
    zero, beyond = float(mass[every == 0].sum()), float(mass_found[~inside].sum())
    # A neighbour may be drawn where another version of a framework rounds a function otherwise.
    possible = has | np.append(has[1:], False) | np.insert(has[:-1], 0, False)
    return Cells(below, found, mass_found, *moments, *bounds, order, ends, zero, drawn, beyond, possible)


def cells_for(law: Law, dtype: DType, low: float, high: float) -> Cells:
    """The stored law that a tensor with these outermost values can have: held inside the bounds, or rounded past them."""
    least, most = law.support
    return cells_of(law, dtype, held=low >= least and high <= most)
