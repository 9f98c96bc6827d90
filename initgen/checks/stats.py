"""`stats`: what is in a file, and is it what it should be?"""

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from initgen.checks.cells import Cells, cells_for
from initgen.checks.evidence import of_average, of_correlation, of_distance
from initgen.checks.lookalikes import lookalikes
from initgen.checks.measure import Measured, measure, nothing
from initgen.checks.source import Source, open_contents, sources_of, stream_source
from initgen.core.errors import BadParameter, FormatError, InitgenError
from initgen.core.shapes import format_shape
from initgen.formats import Stored
from initgen.laws import Constant, Law
from initgen.schemes.structure import Structure
from initgen.specs.recipe import read_recipe
from initgen.specs.tensor import TensorSpec

# The probability that a run over right files says no.
FALSE_ALARM = 1e-6
# The tests of a law that can fail by chance, each of which gets its share of it: mean, variance, shape, order.
_TESTS = 4
# Below this, the bound for the correlation does not hold; see evidence.of_correlation.
_LEAST_FOR_CORRELATION = 1000

# What a tensor should be, given its name, shape and dtype; None where nothing is known.
Expect = Callable[[Source], TensorSpec | None]


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
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    measured: Measured
    spec: TensorSpec | None
    tests: tuple[Test, ...]
    looks_like: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool | None:
        if self.problem:
            return False
        return all(test.passed for test in self.tests) if self.tests else None


@dataclass(frozen=True)
class FileStats:
    """One file.

    Attributes:
        equal: groups of names of tensors that are equal and should be independent.
        false_alarm: the probability, at most, of a wrong no over the whole run.
        missing: tensors of the file's recipe that it does not have.
    """

    path: str
    tensors: tuple[TensorStats, ...]
    equal: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    false_alarm: float

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; a file that could be held against nothing has nothing wrong."""
        return not self.equal and not self.missing and all(tensor.passed is not False for tensor in self.tensors)

    @property
    def checked(self) -> int:
        """How many tensors were held against something."""
        return sum(tensor.spec is not None for tensor in self.tensors)


def stats(
    path: str,
    *,
    expect: Expect | None = None,
    names: Iterable[str] = (),
    form: str | None = None,
    false_alarm: float = FALSE_ALARM,
    threads: int | None = None,
) -> FileStats:
    """Measure every tensor of a file in one pass and hold it against what it should be.

    Args:
        path: a file, or ``-`` for a .npy stream on standard input.
        expect: what each tensor should be; by default what the file's own recipe says.
        names: patterns (``*.weight``) of the tensors to look at; all by default.
        false_alarm: the probability, at most, that a right file is said to be wrong.

    Raises:
        FormatError: the file cannot be read, or none of its tensors has such a name.
        BadParameter: the expected scheme has no answer for a tensor's shape.
    """
    recipe: dict[str, TensorSpec] = {}
    if path == "-":
        sources = [stream_source(sys.stdin.buffer, "standard input")]
        warnings: tuple[str, ...] = ()
    else:
        chosen, contents = open_contents(path, form)
        sources, warnings = list(sources_of(path, chosen, contents)), contents.warnings
        if expect is None and contents.recipe is not None:
            try:
                recipe = read_recipe(contents.recipe, path)
            except FormatError:
                raise
            except InitgenError as error:
                raise FormatError(f"{path}: its recipe: {error.message}", error.hint) from None
    patterns = tuple(names)
    if patterns:
        sources = [s for s in sources if any(fnmatchcase(s.stored.name, pattern) for pattern in patterns)]
        if not sources:
            raise FormatError(f"{path}: no tensor is called {' or '.join(patterns)}")
    find: Expect = expect or (lambda source: recipe.get(source.stored.name))
    specs = [find(source) for source in sources]
    share = false_alarm / (_TESTS * max(1, len(sources)))
    results = [tensor_stats(source, spec, share, threads) for source, spec in zip(sources, specs, strict=True)]
    held = {source.stored.name for source in sources}
    missing = tuple(name for name in recipe if name not in held) if not patterns else ()
    return FileStats(path, tuple(results), _equal(sources, results), missing, warnings, false_alarm)


def tensor_stats(source: Source, spec: TensorSpec | None, share: float, threads: int | None) -> TensorStats:
    """Measure one tensor and hold it against its description, if there is one.

    Args:
        share: each test's share of the probability that a right file fails.
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
        source = _in_memory(source, whole)
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
    return TensorStats(stored.name, stored.shape, kind, measured, spec, tuple(tests), tuple(seems), problem)


def _in_memory(source: Source, whole: np.ndarray) -> Source:
    """A tensor that is in memory already, so that a stream is not read twice."""
    flat = whole.reshape(-1).astype(source.dtype)
    return Source(source.stored, source.dtype, lambda: iter([lambda: flat] if flat.size else []))


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


def _average(error: float, values: np.ndarray, cells: Cells, n: int, standard_error: float) -> float:
    """The p of an average; where it is near its mean, the plain bound, which spares the search for the best one."""
    if abs(error) < 3 * standard_error:
        return 1.0
    return of_average(error, values, cells.weights, n)


def _structure_tests(whole: np.ndarray, made: Structure, spec: TensorSpec, share: float) -> list[Test]:
    tests = [
        Test(p.name, p.measured, p.limit, p.holds, None, "at most" if p.limit else "")
        for p in made.properties(whole, spec.dtype)
    ]
    independent = made.independent(whole)
    if independent:
        law, values = independent
        stored = values.astype(spec.dtype.numpy).reshape(-1)
        source = Source(_no_file(spec), stored.dtype, lambda: iter([lambda: stored] if stored.size else []))
        tests += _law_tests(measure(source), law, spec, share)
    return tests


def _no_file(spec: TensorSpec) -> Stored:
    return Stored(spec.name, spec.shape, spec.dtype, spec.dtype.name, None)


def _equal(sources: list[Source], results: list[TensorStats]) -> tuple[tuple[str, ...], ...]:
    """Groups of tensors with the same values, confirmed byte for byte; constants are equal by right."""
    alike: dict[object, list[int]] = {}
    for index, result in enumerate(results):
        measured = result.measured
        if measured.count > 8 and measured.low < measured.high and not isinstance(_made(result), Structure):
            alike.setdefault((result.kind, measured.fingerprint), []).append(index)
    groups = []
    for members in alike.values():
        if len(members) > 1:
            first = sources[members[0]]
            same = [m for m in members[1:] if _same_bytes(first, sources[m])]
            if same:
                groups.append(tuple(results[m].name for m in (members[0], *same)))
    return tuple(groups)


def _made(result: TensorStats) -> Law | Structure | None:
    return result.spec.made if result.spec else None


def _same_bytes(a: Source, b: Source) -> bool:
    return all(x().tobytes() == y().tobytes() for x, y in zip(a.blocks(), b.blocks(), strict=True))


def expect_scheme(make: Callable[..., TensorSpec]) -> Expect:
    """Expect one scheme of every tensor that holds weights; ``make`` builds it for a name, shape and dtype."""

    def expect(source: Source) -> TensorSpec | None:
        stored = source.stored
        if stored.dtype is None:
            raise BadParameter(f"{stored.name} holds {stored.kind}, and no scheme makes that")
        return make(name=stored.name, shape=stored.shape, dtype=stored.dtype.name)

    return expect
