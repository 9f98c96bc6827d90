"""The values of one tensor held against a law: every test that `stats` knows of independent draws."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initgen.checks.cells import Cells, cells_for
from initgen.checks.drawings import drawings
from initgen.checks.evidence import of_average, of_correlation, of_count, of_distance
from initgen.checks.measure import Measured
from initgen.checks.repeats import repeat_in, window
from initgen.checks.slices import Slices
from initgen.core.dtypes import FLOATS, DType
from initgen.laws import Constant, Law

Floats = NDArray[np.float64]

# The tests that can fail by chance, each of which gets its share of the false alarms: mean, variance, shape, the farthest
# value, order, zeros, different values, precision, copies, and mean and variance along either axis.
CHANCES = 13
# Below this, the bound for the correlation does not hold; see evidence.of_correlation.
_LEAST_FOR_CORRELATION = 1000
# The coarsest grid that frameworks draw float32 from, with room for one end that counts twice.
_GRID = 2.0**-22
# Of values up to so many std from the mean it is said that some should be further out.
_SAID = 5.0
# Copies are asked for where keys of as many values agree by chance with less than this probability.
_NO_CHANCE = 1e-12


@dataclass(frozen=True)
class Test:
    """One thing that was held against what should be.

    Attributes:
        p: an upper bound on the probability of a measurement this far off; None for what cannot be off by chance.
    """

    name: str
    measured: float
    expected: float
    passed: bool
    p: float | None = None
    note: str = ""

    __test__ = False  # not a test of pytest's


def trial(measured: Measured, law: Law, dtype: DType, share: float) -> tuple[list[Test], str]:
    """Every test of a law, by the first way of drawing it that passes them all; by the ordinary way if none does.

    Args:
        share: of the probability that right values fail, for each test.

    Returns:
        the tests, and how the values were drawn where that is not initgen's way.
    """
    if not measured.count:
        return [], ""
    if isinstance(law, Constant):
        value = dtype.nearest(law.value)
        worst = measured.low if abs(measured.low - value) > abs(measured.high - value) else measured.high
        return [Test("constant", worst, value, measured.low == measured.high == value)], ""
    whatever = [*_precision(measured, dtype, share), *copies(measured, dtype)]
    cells = cells_for(law, dtype, measured.low, measured.high)
    ordinary = _tests(measured, law, dtype, cells, share)
    if all(test.passed for test in ordinary):
        return ordinary + whatever, cells.drawn
    for cells in drawings(law, dtype):
        tests = _tests(measured, law, dtype, cells, share)
        if all(test.passed for test in tests):
            return tests + whatever, cells.drawn
    return ordinary + whatever, ""


def _tests(measured: Measured, law: Law, dtype: DType, cells: Cells, share: float) -> list[Test]:
    """The tests that depend on the stored law."""
    tests = _bounds(measured, law, dtype, cells, share)
    if cells.variance == 0:
        return tests
    averages = _Averages(cells, max(cells.variance, measured.std**2))
    n = measured.finite
    p, note = averages.mean(measured.mean, n, share)
    mean = Test("mean", measured.mean, cells.mean, p >= share, p, note)
    spread = measured.spread(cells.mean)
    p, note = averages.variance(spread, n, share)
    variance = Test("variance", spread, cells.variance, p >= share, p, note)
    tests += [mean, variance]
    distance = cells.distance(measured.cells)
    p = of_distance(distance, n)
    tests.append(Test("shape (KS distance)", distance, 0.0, p >= share, p))
    if not cells.beyond:  # else those that lie far out are counted
        tests.append(_farthest(measured, law, dtype, share))
    if n >= _LEAST_FOR_CORRELATION and math.isfinite(measured.lag):
        # Of values with another mean or variance than the law's, their own: these are no correlation.
        products = min(measured.lagged(cells.mean), measured.lagged(measured.mean), key=abs)
        r = products / (n - 1) / max(cells.variance, measured.std**2)
        p = of_correlation(r, n - 1)
        tests.append(Test("serial correlation", r, 0.0, p >= share, p))
    for axis, slices in (("first axis", measured.rows), ("last axis", measured.columns)):
        if slices:
            tests += _along(axis, slices, measured.shift, averages, mean, variance, share)
    found = measured.zeros / measured.count
    p = of_count(measured.zeros, measured.count, cells.zero)
    tests.append(Test("zeros", found, cells.zero, p >= share, p, f"{measured.zeros:,} zeros"))
    if dtype.itemsize > 2:
        tests.append(_distinct(measured, law, dtype, cells, share))
    return tests


def _bounds(measured: Measured, law: Law, dtype: DType, cells: Cells, share: float) -> list[Test]:
    """Whether no value lies beyond the bounds; a few may, where a way of drawing is known to leave them there."""
    known = False
    if cells.beyond:
        known = of_count(cells.outside(measured.cells, dtype), measured.count, cells.beyond) >= share
    low, high = law.support
    tests = []
    if cells.possible is not None:
        found = cells.impossible(measured.cells)
        tests.append(Test("values that are never drawn", float(found), 0.0, not found))
    if math.isfinite(low):
        tests.append(Test("least value", measured.low, cells.low, known or measured.low >= cells.low))
    if math.isfinite(high):
        tests.append(Test("greatest value", measured.high, cells.high, known or measured.high <= cells.high))
    return tests


def _farthest(measured: Measured, law: Law, dtype: DType, share: float) -> Test:
    """Whether the outermost values are where those of so many draws are: no further out, and in wide dtypes no nearer.

    Further out than bounds that are far away or none allow: by Boole's inequality, the probability of one, times their
    number. Nearer, as clipped values are: the probability that none is beyond. What rounding to the dtype, twice at most,
    may have moved is taken off, and between bounds a step of the grid of values that they may have been drawn from.
    """
    answers = []
    low, high = law.support
    grain = 2.0 ** -min(22, dtype.digits - 1) * (high - low) if math.isfinite(high - low) else 0.0
    for x, sign in ((measured.low, -1.0), (measured.high, 1.0)):
        inner = x - sign * (2 * 2.0**-dtype.digits * abs(x) + dtype.smallest + grain)
        tail = law.cdf(inner) if sign < 0 else _above(law, inner)
        answers.append((min(1.0, 4 * measured.finite * tail), x))
        outer = 2 * x - inner
        # JAX's normal float32 ends at 5.4 std, torch's at 5.8: further out nothing is said.
        if dtype.itemsize > 2 and abs(outer - law.mean) < _SAID * law.std:
            beyond = law.cdf(outer) if sign < 0 else _above(law, outer)
            answers.append((min(1.0, 4 * math.exp(measured.finite * math.log1p(-min(beyond, 0.9)))), x))
    p, x = min(answers)
    off = (x - law.mean) / law.std
    note = f"{off:+.3g} std from the mean"
    return Test("farthest value", x, law.mean, p >= share, p, note)


def _above(law: Law, x: float) -> float:
    """The probability of a value above ``x``, with all its digits where the law is symmetric."""
    low, high = law.support
    symmetric = low + high == 2 * law.mean if math.isfinite(high - low) else math.isinf(low) and math.isinf(high)
    return law.cdf(2 * law.mean - x) if symmetric else 1.0 - law.cdf(x)


def _distinct(measured: Measured, law: Law, dtype: DType, cells: Cells, share: float) -> Test:
    """Whether too many of the first values are equal: clipped, or once of a dtype with few values, as int8 that was scaled.

    The i-th value is equal to one before it with a probability of at most i times that of the likeliest value. So how many
    are is at most a sum of independent draws, whose upper tail is below Poisson's: Chernoff's bound again.
    """
    n, equal = measured.sampled, measured.sampled - measured.distinct
    # A cell is 2^16 values of float32, in which the density is at most twice its mean, where the law is no narrower. Where it
    # is, far from 0, a step of the dtype, times a density that is nowhere above 1/std. Or a step of a grid of 2^22.
    step = 2.0 ** (1 - dtype.digits) * abs(law.mean) / law.std
    likeliest = max(_GRID, 2 * 2.0**-16 * float(cells.weights.max()), step)
    mean = n * n / 2 * likeliest
    p = math.exp(-min(equal * math.log(equal / mean) - equal + mean, 745)) if equal > mean else 1.0
    return Test(
        "distinct values",
        measured.distinct / n,
        1.0,
        p >= share,
        p,
        f"{equal:,} of the first {n:,} are equal to another",
    )


class _Averages:
    """How likely averages over values of a stored law are.

    Means are held against ``variance`` where that is larger than the law's, so that values which are too wide are not also
    said to be off centre. That can only raise a p.
    """

    def __init__(self, cells: Cells, variance: float) -> None:
        self.cells = cells
        self.std = math.sqrt(cells.variance)
        self.wide = math.sqrt(variance)
        self.scaled = (cells.values - float(cells.weights @ cells.values)) / self.std
        squares = ((cells.values - cells.mean) / self.std) ** 2
        self.squares = squares / float(cells.weights @ squares) - 1

    def mean(self, found: float, n: int, least: float) -> tuple[float, str]:
        """The p of a mean of ``n`` values, and what to say of it; 1 where it is clearly not below ``least``."""
        error = (found - self.cells.mean) / self.wide
        off = error * math.sqrt(n)
        return self._p(
            error, self.scaled, n, 1.0, least
        ), f"{off:+{'.1f' if abs(off) < 1e4 else '.3g'}} standard errors"

    def variance(self, found: float, n: int, least: float) -> tuple[float, str]:
        """The same of a mean square distance of ``n`` values from the law's mean."""
        ratio = found / self.cells.variance
        p = self._p(ratio - 1, self.squares, n, max(self.cells.kurtosis - 1, 0), least)
        return p, f"{ratio:.4g} x expected"

    def _p(self, error: float, values: Floats, n: int, variance: float, least: float) -> float:
        # The search for the best bound takes milliseconds; most averages are so near that any bound will do.
        near = max(3.0, 0.7 * math.sqrt(-2 * math.log(least)) if n >= 100 else 0.0)
        if abs(error) < near * math.sqrt(variance / n):
            return 1.0
        return of_average(error, values, self.cells.weights, n)


def _along(
    axis: str, slices: Slices, shift: float, averages: _Averages, mean: Test, variance: Test, share: float
) -> list[Test]:
    """Mean and variance of every slice of an axis; each is answered for by the slice that is furthest off.

    By Boole's inequality the p of that one, times the number of slices. Where the mean or the variance of the whole is wrong
    already, slices are held against that of the whole: they are wrong only if they differ.
    """
    cells, n, count = averages.cells, slices.length, slices.sum1.size
    means = shift + slices.sum1 / n
    away = cells.mean - shift
    spreads = np.maximum((slices.sum2 - 2 * away * slices.sum1) / n + away * away, 0.0)
    tests = []
    for name, found, whole, right, p_of in (
        ("mean", means, mean, cells.mean, averages.mean),
        ("variance", spreads, variance, cells.variance, averages.variance),
    ):
        seen = found
        if not whole.passed and math.isfinite(whole.measured):
            seen = found - whole.measured + right if name == "mean" else found / (whole.measured or 1.0) * right
            right = whole.measured
        extremes = {int(np.argmin(found)), int(np.argmax(found))}
        answers = [(*p_of(float(seen[at]), n, share / count), at) for at in extremes]
        p, note, at = min(answers, key=lambda answer: (answer[0], answer[2]))
        p = min(1.0, p * count)
        note = f"slice {at} of {count}: {note}"
        tests.append(Test(f"{axis}: {name}", float(found[at]), right, p >= share, p, note))
    return tests


def significant(measured: Measured, dtype: DType) -> int | None:
    """How many binary digits the values of a wide dtype make use of; None where that is not known."""
    if dtype not in FLOATS or dtype.itemsize <= 2 or measured.bits <= 0:
        return None
    unused = (measured.bits & -measured.bits).bit_length() - 1
    return max(1, dtype.digits - unused)


def few(digits: int, dtype: DType) -> bool:
    """Whether so few digits are those of a narrower dtype: two thirds of its own or less."""
    return digits <= dtype.digits * 2 // 3


def carried(digits: int) -> str:
    """The narrowest dtype that has so many digits."""
    return next((d.name for d in reversed(FLOATS) if d.itemsize > 1 and d.digits >= digits), "float64")


def _precision(measured: Measured, dtype: DType, share: float) -> list[Test]:
    """Whether the values make use of the digits that they are stored with.

    A value of a grid of 2^23 steps, as the coarsest of the frameworks draw uniform float32, leaves its last eight digits
    at zero with a probability under 2^-3: a half for each binade below the bound, in which the grid fills fewer of them.
    """
    digits = significant(measured, dtype)
    if digits is None:
        return []
    wasted = few(digits, dtype)
    p = 2.0 ** -min(3 * measured.count, 1000) if wasted else 1.0
    note = f"no more than {carried(digits)} carries" if wasted else ""
    return [Test("precision (binary digits)", digits, dtype.digits, p >= share, p, note)]


def no_chance(measured: Measured, length: int, places: int) -> bool:
    """Whether runs of ``length`` values that are equal, at two of so many ``places``, are no chance.

    The likeliest value is at most as likely as the likeliest cell, which is estimated from its share.
    """
    likeliest = float(measured.cells.max()) / max(1, measured.count)
    return likeliest**length * float(places) ** 2 < _NO_CHANCE


def copies(measured: Measured, dtype: DType) -> list[Test]:
    """Whether values stand again elsewhere in the tensor; nothing where that may be chance."""
    if not measured.anchors.size or not no_chance(measured, window(dtype.itemsize), measured.count):
        return []
    found = repeat_in(measured.anchors)
    if not found:
        return [Test("repeated values", 0.0, 0.0, True, 1.0)]
    note = f"from {found.first:,} on they stand again from {found.again:,} on"
    return [Test("repeated values", found.share, 0.0, False, 0.0, note)]
