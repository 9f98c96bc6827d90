"""One tensor held against its description."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from initgen.checks.finding import Finding
from initgen.checks.histogram import Histogram, Quantiles, histogram_of, quantiles_of
from initgen.checks.identity.likelihood import trimmed
from initgen.checks.measure import Measured, measure, nothing
from initgen.checks.oddities import equal_slices, remarks
from initgen.checks.repeats import window
from initgen.checks.source import Source, source_of_array
from initgen.checks.trial import Test, no_chance, trial
from initgen.core.shapes import format_shape
from initgen.laws import Law, TruncatedNormal
from initgen.schemes.structure import Structure
from initgen.specs.tensor import TensorSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TensorStats:
    """One tensor: what is in it, what it should be, and whether it is.

    Attributes:
        passed: None where there was nothing to hold it against and nothing is wrong in itself.
        looks_like: what the numbers agree with instead, where it did not pass.
        findings: what is wrong or strange in it whatever its law.
        histogram: None where there are not two different values.
        quantiles: for a Q-Q plot; only where they were asked for.
        drawn: how its values were rounded or drawn, where they passed and not as initgen's would.
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
    drawn: str = ""

    @property
    def passed(self) -> bool | None:
        if self.problem or any(finding.severity == "wrong" for finding in self.findings):
            return False
        return all(test.passed for test in self.tests) if self.tests else None


def tensor_stats(
    source: Source,
    spec: TensorSpec | None,
    share: float,
    threads: int | None,
    *,
    quantiles: bool = False,
    beside: int = 0,
) -> TensorStats:
    """Measure one tensor and hold it against its description, if there is one.

    Args:
        share: each test's share of the probability that a right file fails.
        quantiles: whether to keep those of a Q-Q plot.
        beside: how many tensors of the file it will be held against, itself among them.
    """
    stored = source.stored
    kind = stored.dtype.name if stored.dtype else stored.kind
    if stored.dtype is None and (source.dtype.kind not in "fiub" or source.dtype.itemsize > 8):
        # complex numbers, long doubles and what numpy has no dtype for: there, and of numbers no more than whether they are
        counted = _counted(source) if source.dtype.kind in "fc" else nothing(source.count)
        return TensorStats(stored.name, stored.shape, kind, counted, None, tuple(_finite(counted)))
    made = spec.made if spec else None
    whole = None
    if isinstance(made, Structure):
        whole = source.doubles()
        source = source.read(whole)
    shift = made.mean if isinstance(made, Law) and made.mean else None
    measured = measure(source, shift, threads)
    tests: list[Test] = []
    findings: list[Finding] = []
    drawn = problem = ""
    if spec and (spec.shape != stored.shape or spec.dtype != stored.dtype):
        problem = f"is {format_shape(stored.shape)} {kind}, and should be {format_shape(spec.shape)} {spec.dtype.name}"
    else:
        tests += _finite(measured)
    if spec and not problem and stored.dtype and not tests:
        if isinstance(made, Law):
            tests, drawn = trial(measured, made, spec.dtype, share)
            if isinstance(made, TruncatedNormal) and not all(test.passed for test in tests):
                rest, strays = trimmed(measured, spec.dtype)
                again, _ = trial(replace(rest, rows=None, columns=None), made, spec.dtype, share)
                if strays and all(test.passed for test in again):
                    tests = again
                    said = f"{strays:,} of the values at ±2, where torch's trunc_normal_ before 2.12 clamps"
                    findings.append(Finding("strays", (stored.name,), said, "remark"))
        elif made is not None and whole is not None:
            tests += _structure_tests(whole, made, spec, share)
    seems: list[str] = []
    if stored.dtype and not problem and isinstance(made, Law) and not all(test.passed for test in tests):
        from initgen.checks.lookalikes import (
            lookalikes,
        )  # with all that `identify` knows, which right files do not need

        seems = lookalikes(measured, stored.shape, stored.dtype, spec)
    if stored.dtype and not problem and not isinstance(made, Structure):
        findings += equal_slices(source, measured, "wrong" if spec else "remark")
        if spec is None:
            findings += remarks(stored.name, stored.shape, measured, stored.dtype)
    distinctive = stored.dtype is not None and no_chance(measured, window(stored.dtype.itemsize), measured.count)
    return TensorStats(
        stored.name,
        stored.shape,
        kind,
        measured.settled(beside, distinctive),
        spec,
        tuple(tests),
        tuple(seems),
        problem,
        tuple(findings),
        histogram=histogram_of(measured, kind),
        quantiles=quantiles_of(measured, kind) if quantiles else None,
        drawn=drawn,
    )


def _counted(source: Source) -> Measured:
    """How many values there are, and how many of them are no numbers."""
    nan = inf = 0
    for block in source.blocks():
        values = block()
        wrong = int(np.isnan(values).sum())
        nan, inf = nan + wrong, inf + int((~np.isfinite(values)).sum()) - wrong
    return replace(nothing(source.count), nan=nan, inf=inf)


def _finite(measured: Measured) -> list[Test]:
    wrong = measured.nan + measured.inf
    return [Test("NaN or infinite values", float(wrong), 0, False)] if wrong else []


def _structure_tests(whole: Floats, made: Structure, spec: TensorSpec, share: float) -> list[Test]:
    tests = [
        Test(p.name, p.measured, p.limit, p.holds, None, "at most" if p.limit else "")
        for p in made.properties(whole, spec.dtype)
    ]
    independent = made.independent(whole, spec.dtype)
    if independent:
        law, values = independent
        drawn = source_of_array(values.astype(spec.dtype.numpy), spec.dtype, spec.name)
        tests += trial(measure(drawn), law, spec.dtype, share)[0]
    return tests
