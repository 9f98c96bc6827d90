"""One tensor held against its description."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initgen.checks.cells import Cells, cells_for
from initgen.checks.evidence import of_average, of_correlation, of_distance
from initgen.checks.finding import Finding
from initgen.checks.histogram import Histogram, Quantiles, histogram_of, quantiles_of
from initgen.checks.lookalikes import lookalikes
from initgen.checks.measure import Measured, measure, nothing
from initgen.checks.source import Source, source_of_array
from initgen.core.shapes import format_shape
from initgen.laws import Constant, Law
from initgen.schemes.structure import Structure
from initgen.specs.tensor import TensorSpec

# The checks of a law that can fail by chance, each of which gets its share: mean, variance, shape, order.
CHANCES = 4
# Below this, the bound for the correlation does not hold; see evidence.of_correlation.
_LEAST_FOR_CORRELATION = 1000

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class TensorStats:
    """One tensor: what is in it, what it should be, and whether it is.

    Attributes:
        passed: None where there was nothing to hold it against and nothing is wrong in itself.
        looks_like: what the numbers agree with instead, where it did not pass.
        findings: what is wrong or strange in it whatever its law.
        histogram: None where there are not two different values.
        quantiles: for a Q-Q plot; only where they were asked for.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    measured: Measured
    spec: TensorSpec | None
    tests: tuple[Test, ...]
    looks_like: tuple[str, ...] = ()
    problem: str = ""
    findings: tuple[Finding, ...] = ()
    histogram: Histogram | None = None
    quantiles: Quantiles | None = None

    @property
    def passed(self) -> bool | None:
        if self.problem or any(finding.severity == "wrong" for finding in self.findings):
            return False
        return all(test.passed for test in self.tests) if self.tests else None


def tensor_stats(
    source: Source, spec: TensorSpec | None, share: float, threads: int | None, quantiles: bool = False
) -> TensorStats:
    """Measure one tensor and hold it against its description, if there is one.

    Args:
        share: each test's share of the probability that a right file fails.
        quantiles: whether to keep those of a Q-Q plot.
    """
    stored = source.stored
    kind = stored.dtype.name if stored.dtype else stored.kind
    if source.dtype.kind not in "fiub" and stored.dtype is None:
        # complex numbers and what numpy has no dtype for: there, and not looked into
        return TensorStats(stored.name, stored.shape, kind, nothing(source.count), None, ())
    made = spec.made if spec else None
    whole = None
    if isinstance(made, Structure):
        whole = source.whole().astype(np.float64)
        source = source.read(whole)
    shift = made.mean if isinstance(made, Law) and made.mean else None
    measured = measure(source, shift, threads)
    tests: list[Test] = []
    problem = ""
    if spec and (spec.shape != stored.shape or spec.dtype != stored.dtype):
        problem = (
            f"is {format_shape(stored.shape)} {kind}, and its recipe says {format_shape(spec.shape)} {spec.dtype.name}"
        )
    elif measured.nan or measured.inf:
        tests.append(Test("NaN or infinite values", float(measured.nan + measured.inf), 0, False))
    if spec and not problem and stored.dtype and not tests:
        if isinstance(made, Law):
            tests += _law_tests(measured, made, spec, share)
        elif made is not None and whole is not None:
            tests += _structure_tests(whole, made, spec, share)
    seems: list[str] = []
    if stored.dtype and not problem and isinstance(made, Law) and not all(test.passed for test in tests):
        seems = lookalikes(measured, stored.shape, stored.dtype, spec)
    return TensorStats(
        stored.name,
        stored.shape,
        kind,
        measured.settled,
        spec,
        tuple(tests),
        tuple(seems),
        problem,
        histogram=histogram_of(measured, kind),
        quantiles=quantiles_of(measured, kind) if quantiles else None,
    )


def _law_tests(measured: Measured, law: Law, spec: TensorSpec, share: float) -> list[Test]:
    dtype = spec.dtype
    if not measured.count:
        return []
    if isinstance(law, Constant):
        value = dtype.nearest(law.value)
        worst = measured.low if abs(measured.low - value) > abs(measured.high - value) else measured.high
        return [Test("constant", worst, value, measured.low == measured.high == value)]
    cells = cells_for(law, dtype, measured.low, measured.high)
    n = measured.finite
    tests = []
    low, high = law.support
    for name, found, bound, limit, inside in (
        ("least value", measured.low, low, cells.low, measured.low >= cells.low),
        ("greatest value", measured.high, high, cells.high, measured.high <= cells.high),
    ):
        if math.isfinite(bound):
            tests.append(Test(name, found, limit, inside))
    std = math.sqrt(cells.variance)
    if std == 0:
        return tests
    scaled = (cells.values - float(cells.weights @ cells.values)) / std
    error = (measured.mean - cells.mean) / std
    p = _average(error, scaled, cells, n, math.sqrt(1 / n))
    tests.append(Test("mean", measured.mean, cells.mean, p >= share, p, f"{error * math.sqrt(n):+.1f} standard errors"))
    squares = ((cells.values - cells.mean) / std) ** 2
    squares /= float(cells.weights @ squares)
    ratio = measured.spread(cells.mean) / cells.variance
    p = _average(ratio - 1, squares - 1, cells, n, math.sqrt((cells.kurtosis - 1) / n))
    tests.append(
        Test("variance", measured.spread(cells.mean), cells.variance, p >= share, p, f"{ratio:.4g} x expected")
    )
    distance = cells.distance(measured.cells)
    p = of_distance(distance, n)
    tests.append(Test("shape (KS distance)", distance, 0.0, p >= share, p))
    if n >= _LEAST_FOR_CORRELATION and math.isfinite(measured.lag):
        r = measured.lagged(cells.mean) / (n - 1) / cells.variance
        p = of_correlation(r, n - 1)
        tests.append(Test("serial correlation", r, 0.0, p >= share, p))
    return tests


def _average(error: float, values: Floats, cells: Cells, n: int, standard_error: float) -> float:
    """The p of an average; where it is near its mean, the plain bound, which spares the search for the best one."""
    if abs(error) < 3 * standard_error:
        return 1.0
    return of_average(error, values, cells.weights, n)


def _structure_tests(whole: Floats, made: Structure, spec: TensorSpec, share: float) -> list[Test]:
    tests = [
        Test(p.name, p.measured, p.limit, p.holds, None, "at most" if p.limit else "")
        for p in made.properties(whole, spec.dtype)
    ]
    independent = made.independent(whole, spec.dtype)
    if independent:
        law, values = independent
        drawn = source_of_array(values.astype(spec.dtype.numpy), spec.dtype, spec.name)
        tests += _law_tests(measure(drawn), law, spec, share)
    return tests
