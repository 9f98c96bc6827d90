"""How likely a tensor is under a law, and whether it can be of that law at all.

The likelihoods of uniform, normal and truncated laws follow from count, mean, variance and extremes, so that a thousand
laws can be tried on what one pass has measured.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from initgen.checks.cells import cells_for, grid
from initgen.checks.evidence import of_distance
from initgen.checks.measure import Measured
from initgen.core.dtypes import DType
from initgen.laws import Constant, Law, Normal, TruncatedNormal, Uniform
from initgen.schemes.structure import Structure

# A law is out of the question where a moment is off by so many standard errors, or its shape is this unlikely.
FAR = 4.5
_UNLIKELY = 1e-6
# Cuts further out than this, in std, leave a normal.
_UNCUT = 6.0
# Keras on torch draws four times and lets what is still outside stand: 4.3 values in a million lie beyond the cut.
_STRAY = 2e-5
# A tensor of so many values is held against a law at every cell.
_LARGE = 1 << 15


@dataclass(frozen=True)
class Fit:
    """A law held against a tensor.

    Attributes:
        score: the logarithm of its likelihood, up to a constant that all laws share.
        spread: the std that was found over the law's.
        shape: an upper bound on the p of the Kolmogorov-Smirnov distance.
        gap: of a uniform law, minus the logarithm of the probability that no value comes nearer to its bounds.
    """

    score: float
    spread: float
    shape: float
    gap: float = 0.0


def key_of(law: Law | Structure) -> tuple[object, ...]:
    """Equal for laws that no file could tell apart."""
    if isinstance(law, Structure):
        return "structure", str(law)
    if isinstance(law, TruncatedNormal):
        a, b = (law.low - law.center) / law.scale, (law.high - law.center) / law.scale
        if a < -_UNCUT and b > _UNCUT:
            return "normal", _digits(law.center), _digits(law.scale)
        return "cut", _digits(law.center), _digits(law.scale), round(a, 6), round(b, 6)
    if isinstance(law, Normal):
        return "normal", _digits(law.center), _digits(law.scale)
    if isinstance(law, Uniform):
        return "uniform", _digits(law.low), _digits(law.high)
    return "constant", law.mean


def _digits(value: float) -> float:
    return float(f"{value:.9g}")


def family_of(law: Law) -> str:
    """uniform, normal or cut."""
    return str(key_of(law)[0])


def slack(dtype: DType) -> float:
    """The relative error that a dtype makes in what frameworks draw natively in it: two roundings."""
    return 2.0 ** (1 - dtype.digits)


def objection(found: Measured, law: Law, dtype: DType) -> str:
    """What in bounds and moments speaks against a law; empty where they allow it. The shape is another question."""
    if isinstance(law, Constant):
        return "" if found.low == found.high == dtype.nearest(law.value) else "the values differ"
    std, n, loose = law.std, found.finite, slack(dtype)
    off = (found.mean - law.mean) / std
    if abs(off) > FAR / n**0.5 + loose:
        return f"mean {off * n**0.5:+.0f} standard errors off"
    error = FAR * ((law.kurtosis - 1) / n) ** 0.5 + 2 * loose
    ratio = found.spread(law.mean) / law.variance
    # A variance of few values is far from normally distributed: its logarithm less so.
    if abs(ratio - 1) > error and abs(math.log(max(ratio, 1e-300))) > error:
        return f"std {math.sqrt(ratio):.3g} × the law's"
    if not inside(found, law, dtype):
        beyond = found.low < law.support[0] or found.high > law.support[1]
        return "values beyond the bounds" if beyond else "no value near the bounds"
    return ""


def coarse(law: Law, dtype: DType) -> bool:
    """Whether a dtype is too coarse for a law: a normal that is drawn on a grid has no tails beyond three std anyway."""
    return (
        dtype.itemsize <= 2
        and isinstance(law, TruncatedNormal)
        and 2.5 * law.scale < law.high - law.center < _UNCUT * law.scale
    )


def inside(found: Measured, law: Law, dtype: DType) -> bool:
    """Whether the values keep a law's bounds, but for rounding and what a framework lets stray."""
    low, high = law.support
    least, most = _past(low, -1, dtype), _past(high, 1, dtype)
    if found.low >= least and found.high <= most:
        # The other way round: a uniform law reaches its bounds.
        return not isinstance(law, Uniform) or _gap(found, law, dtype) < 14
    if not isinstance(law, TruncatedNormal) or dtype.itemsize < 4 or family_of(law) != "cut":
        return False
    return _beyond(found, law, dtype) <= 1 + _STRAY * found.finite


def _past(bound: float, side: int, dtype: DType) -> float:
    """A bound with what rounding may add to it."""
    if not math.isfinite(bound):
        return bound
    return dtype.nearest(bound + side * abs(bound) * 1.001 * 2.0**-dtype.digits) + side * dtype.smallest


def _beyond(found: Measured, law: Law, dtype: DType) -> int:
    """How many values lie beyond the cuts, as far as the cells tell."""
    order, values, _ = grid(dtype.name)
    low, high = law.support
    out = (values > high) | (values < low)
    return int(found.cells[order[out]].sum())


def _gap(found: Measured, law: Uniform, dtype: DType) -> float:
    """Minus the logarithm of the probability that all values keep so far away from the bounds."""
    grain = 1.5 * slack(dtype) if dtype.itemsize <= 2 else 0.0
    width = law.high - law.low
    room = max(found.low - law.low, 0.0) + max(law.high - found.high, 0.0)
    room = min(max(room - grain * width, 0.0), 0.999 * width)
    return -found.finite * math.log1p(-room / width)


def score(found: Measured, law: Law, dtype: DType) -> float:
    """The logarithm of the likelihood, up to a constant; of low precision only as much as its digits can tell.

    Values that were drawn natively in bfloat16 lie on a grid, so that two laws nearer than its steps cannot be told apart
    by any number of them.
    """
    if isinstance(law, Constant):
        return 0.0
    n = found.finite
    best = _density(found, _widest(found, law))
    steps = 1 / slack(dtype)
    within = min(n, {"uniform": 1.0, "cut": 16.0}.get(family_of(law), steps) * steps)
    between = min(n, 8 * steps)
    strays = 0.0
    if isinstance(law, TruncatedNormal) and (found.low < law.low or found.high > law.high) and dtype.itemsize >= 4:
        strays = 14.0 * _beyond(found, law, dtype)
    return between * best + within * min(0.0, _density(found, law) - best) - strays


def _widest(found: Measured, law: Law) -> Law:
    """The law of the same family that fits best: a reference for the others."""
    if isinstance(law, Uniform):
        if law.low == -law.high:
            high = max(-found.low, found.high)
            return Uniform(-high, high)
        return Uniform(found.low, found.high)
    scale = math.sqrt(max(found.spread(law.mean), 1e-300))
    if family_of(law) == "normal":
        return Normal(law.mean, scale)
    ratio = scale / law.std
    assert isinstance(law, TruncatedNormal)
    half = (law.low - law.center) * ratio, (law.high - law.center) * ratio
    return TruncatedNormal(law.center, law.scale * ratio, law.center + half[0], law.center + half[1])


def _density(found: Measured, law: Law) -> float:
    """The mean logarithm of the density."""
    if isinstance(law, Uniform):
        return -math.log(max(law.high - law.low, 1e-300))  # of a single value they are the same
    if isinstance(law, Normal):
        return -math.log(law.scale) - 0.5 * math.log(2 * math.pi) - found.spread(law.center) / (2 * law.scale**2)
    assert isinstance(law, TruncatedNormal)
    a, b = ((end - law.center) / law.scale * math.sqrt(0.5) for end in (law.low, law.high))
    kept = (math.erf(b) - math.erf(a)) / 2
    return _density(found, Normal(law.center, law.scale)) - math.log(max(kept, 1e-300))


@dataclass(frozen=True)
class Ladder:
    """The share of a tensor's values below some points: few for a small tensor, where more would show no more.

    Attributes:
        shares: None for a large tensor, which is held against a law at all its cells.
    """

    ends: NDArray[np.float64]
    shares: NDArray[np.float64] | None

    def distance(self, found: Measured, law: Law, dtype: DType) -> float:
        """The largest difference between these shares and the law's probabilities."""
        if self.shares is None:
            return cells_for(law, dtype, found.low, found.high).distance(found.cells)
        std = law.std
        at = np.flatnonzero((np.abs(self.ends) > std / 64) & (np.abs(self.ends - law.mean) < 8 * std))
        below = np.array([law.cdf(end) for end in self.ends[at].tolist()])
        return float(np.abs(self.shares[at] - below).max(initial=0.0))


def ladder_of(found: Measured, dtype: DType) -> Ladder:
    """What a tensor is held against laws with."""
    order, _, ends = grid(dtype.name)
    if found.finite >= _LARGE or dtype.itemsize < 2:
        return Ladder(ends, None)
    # Eight rungs to the octave.
    step = max(1, 1 << (min(dtype.digits - 1, 7 if dtype.itemsize > 2 else 23) - 3))
    shares = np.cumsum(found.cells[order])[step - 1 :: step] / found.finite
    return Ladder(ends[step - 1 :: step], shares)


def fit(found: Measured, law: Law, dtype: DType, ladder: Ladder | None = None) -> Fit | None:
    """How a law fits; None where it does not. A ladder that was made before serves again."""
    if objection(found, law, dtype):
        return None
    if isinstance(law, Constant):
        return Fit(0.0, 1.0, 1.0)
    distance = (ladder or ladder_of(found, dtype)).distance(found, law, dtype)
    shape = of_distance(max(0.0, distance - (1.5 * slack(dtype) if dtype.itemsize <= 2 else 0.0)), found.finite)
    if shape < _UNLIKELY:
        return None
    gap = _gap(found, law, dtype) if isinstance(law, Uniform) else 0.0
    return Fit(score(found, law, dtype), math.sqrt(found.spread(law.mean) / law.variance), shape, gap)


def trimmed(found: Measured, dtype: DType) -> tuple[Measured, int]:
    """Without the values that torch's trunc_normal_ puts at its cut of ±2, however narrow the normal, and how many they are.

    pytorch issue 155588: where erfinv is infinite the value is clamped, about once in ten million.
    """
    ends = [end for end in (-2.0, 2.0) if end in (found.low, found.high)]
    order, values, _ = grid(dtype.name)
    taken = {end: int(found.cells[order[values == end]].sum()) for end in ends}
    strays = sum(taken.values())
    if not strays or strays > 2 + 1e-6 * found.finite:
        return found, 0
    cells = found.cells.copy()
    sum1, sum2 = found.sum1, found.sum2
    for end, count in taken.items():
        cells[order[values == end]] = 0
        sum1 -= count * (end - found.shift)
        sum2 -= count * (end - found.shift) ** 2
    held = values[cells[order] > 0]
    if not held.size:
        return found, 0
    low, high = (
        (found.low if -2.0 not in taken else float(held[0])),
        (found.high if 2.0 not in taken else float(held[-1])),
    )
    rest = replace(found, count=found.count - strays, cells=cells, sum1=sum1, sum2=sum2, low=low, high=high)
    return (rest, strays) if rest.std < 0.25 else (found, 0)


def fitted(found: Measured, dtype: DType) -> list[tuple[Law, float]]:
    """Laws with the parameters that fit best, and what each loses for having been fitted: the first is the plainest.

    The loss is the logarithm of how much of what could have been the values narrow the parameters down to (over ten units
    in the logarithm of the scale).
    """
    n, std, mean = found.finite, found.std, found.mean
    if n < 2 or not std > 0 or not math.isfinite(std):
        return []
    centred = abs(mean) < 4 * std / n**0.5 + slack(dtype) * std
    reach = max(-found.low, found.high)
    narrow = math.log(max((2 * n) ** -0.5, 2.0**-dtype.digits) * 2.5 / 10)
    tight = math.log(max(1 / n, 2.0**-dtype.digits) / 10)
    laws: list[tuple[Law, float]] = []
    if centred:
        scale = math.sqrt(found.spread(0.0))
        laws.append((Normal(0.0, rounded(scale, scale / (2 * n) ** 0.5)), narrow))
        laws.append((_symmetric(reach, n), tight))
        cut = reach / 2
        laws.append((TruncatedNormal(0.0, cut, -2 * cut, 2 * cut), tight - 3.0))
    else:
        error = std / n**0.5
        laws.append((Normal(rounded(mean, error), rounded(std, error)), narrow - 5.0))
        width = found.high - found.low
        low, high = found.low - width / n, found.high + width / n
        low = 0.0 if abs(low) < 3 * width / n else rounded(low, width / n)
        laws.append((Uniform(low, rounded(high, width / n)), tight - 5.0))
    return laws


def _symmetric(reach: float, n: int) -> Law:
    high = rounded(reach * (1 + 1.5 / n), reach / n)
    if high < reach:
        high = reach
    return Uniform(-high, high)


def rounded(value: float, error: float) -> float:
    """The roundest number within the error."""
    for digits in range(1, 16):
        near = float(f"{value:.{digits}g}")
        if abs(near - value) <= error:
            return near
    return value
