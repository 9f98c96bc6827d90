"""How often `stats` says no to what is right: simulated, and held against what it states.

``python benchmarks/calibration.py`` takes about six minutes on two cores. It exits with 1 where a rate is above what is
stated by more than chance. Right values are drawn by numpy; nothing of initgen's own streams takes part.
"""

import argparse
import multiprocessing
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.numpy
from scipy import stats as scipy_stats

from initgen.checks.source import Source, source_of_array
from initgen.checks.stats import stats
from initgen.checks.tensor import tensor_stats
from initgen.checks.trial import CHANCES
from initgen.core.dtypes import FLOATS
from initgen.specs.tensor import TensorSpec, tensor_spec

SEED = 20261122
RATES = (0.05, 0.01, 0.001)
DTYPES = tuple(dtype.name for dtype in FLOATS)
CUT_STD = 0.87962566103423978  # of a standard normal cut at 2: scipy.stats.truncnorm(-2, 2).std()

Rng = np.random.Generator
Shape = tuple[int, ...]
# Draws in float64, or, where the last is true, in float32 as the frameworks do for every narrower dtype.
Draw = Callable[[Rng, Shape, bool], np.ndarray]


def uniform(low: float, high: float) -> Draw:
    """Uniform draws of 53 bits, or in float32 of 24 as torch and numpy have them or of 23 as JAX."""

    def draw(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
        if not single:
            return low + (high - low) * rng.random(shape)
        bits = int(rng.integers(23, 25))
        steps = rng.integers(0, 1 << bits, shape).astype(np.float32) * np.float32(2.0**-bits)
        return np.float32(low) + np.float32(high - low) * steps

    return draw


def normal(mean: float, std: float) -> Draw:
    """Normal draws."""

    def draw(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
        kind = np.float32 if single else np.float64
        return kind(mean) + kind(std) * rng.standard_normal(shape, kind)

    return draw


def truncated(mean: float, scale: float, low: float = -2.0, high: float = 2.0) -> Draw:
    """Normal draws of which those outside of ``low`` to ``high`` standard deviations are drawn anew."""

    def draw(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
        values = rng.standard_normal(shape)
        while (outside := (values < low) | (values > high)).any():
            values[outside] = rng.standard_normal(int(outside.sum()))
        return mean + scale * values

    return draw


def constant(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
    return np.full(shape, 0.3)


def sparse(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
    """A tenth of each column, rounded up, is zero."""
    zero = np.arange(shape[0])[:, None] < -(-shape[0] // 10)
    return np.where(rng.permuted(np.broadcast_to(zero, shape), axis=0), 0, normal(0.0, 0.01)(rng, shape, single))


def padded(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
    values = normal(0.0, 1.0)(rng, shape, single)
    values[0] = 0
    return values


def orthogonal(rng: Rng, shape: Shape, single: bool) -> np.ndarray:
    """Q of a normal matrix, its signs by those of R's diagonal: Mezzadri 2007."""
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q = q * np.sign(np.diag(r))
    return q if shape[0] >= shape[1] else q.T


@dataclass(frozen=True)
class Case:
    """A scheme, and how numpy draws it for a fan_in of 100; ``matrix`` where it needs two axes."""

    scheme: str
    draw: Draw
    matrix: bool = False

    def shapes(self, n: int) -> list[Shape]:
        """Shapes of about ``n`` values."""
        return [shape for shape in SHAPES[n] if len(shape) == 2 or not self.matrix]

    def spec(self, shape: Shape, dtype: str) -> TensorSpec:
        fans = {"fan_in": 100} if self.scheme in ("he_uniform", "he_normal", "kaiming_normal") else {}
        return tensor_spec(self.scheme, shape, dtype=dtype, **fans)


STD = (2 / 100) ** 0.5
CASES = {
    "uniform": Case("he_uniform", uniform(-STD * 3**0.5, STD * 3**0.5)),
    "truncated normal": Case("he_normal", truncated(0.0, STD / CUT_STD)),
    "normal": Case("kaiming_normal", normal(0.0, STD)),
    "uniform off centre": Case("random_uniform:minval=-0.5,maxval=1.5", uniform(-0.5, 1.5)),
    "normal off centre": Case("random_normal:mean=1,stddev=0.1", normal(1.0, 0.1)),
    "cut on one side": Case("trunc_normal:mean=0,std=1,a=-0.5,b=3", truncated(0.0, 1.0, -0.5, 3.0)),
    "constant": Case("constant:value=0.3", constant),
    "sparse": Case("sparse", sparse, matrix=True),
    "padded normal": Case("padded_normal", padded, matrix=True),
    "orthogonal": Case("orthogonal", orthogonal, matrix=True),
}
SHAPES: dict[int, tuple[Shape, ...]] = {
    1: ((1, 1), (1,)),
    2: ((2, 1), (1, 2), (2,)),
    10: ((5, 2), (2, 5), (10, 1), (10,)),
    100: ((10, 10), (50, 2), (2, 50), (100,), (3, 3, 1, 11)),
    1_000: ((25, 40), (2, 500), (500, 2), (1_000,), (3, 3, 8, 14)),
    10_000: ((100, 100), (2, 5_000), (5_000, 2), (10_000,), (3, 3, 33, 34)),
    1_000_000: ((1_000, 1_000), (2, 500_000), (500_000, 2), (1_000_000,), (3, 3, 300, 371)),
}
# Runs of each case at each size: over 20,000 of each case, and over 20,000 at each size up to 1,000.
RUNS = {1: 6_000, 2: 6_000, 10: 6_000, 100: 4_000, 1_000: 2_100, 10_000: 600, 1_000_000: 30}
FILES, FILES_AT_ONCE, TENSORS = 2_000, 50, 10

# Case, dtype, and number of values.
Cell = tuple[str, str, int]
ANY = "any"


@dataclass(frozen=True)
class Tally:
    """How many runs there were, and at how many of them what said no at which rate: a test, or any."""

    runs: int
    noes: Counter[tuple[float, str]]

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.runs + other.runs, self.noes + other.noes)

    @property
    def stated(self) -> dict[tuple[float, str], float]:
        """The rate that each of these has at most, as it is stated; 0 for what cannot fail by chance."""
        shares = {ANY: 1.0, "one seed": 1 / (CHANCES * TENSORS + 1)}
        return {
            (rate, what): rate * shares.get(what, 1 / CHANCES if what.startswith("p of ") else 0.0)
            for rate, what in self.noes
        }


def right(case: Case, shape: Shape, dtype: str, rng: Rng) -> tuple[np.ndarray, TensorSpec]:
    """Right values, as they are stored."""
    spec = case.spec(shape, dtype)
    single = dtype != "float64" and rng.random() < 0.5
    return case.draw(rng, shape, single).astype(spec.dtype.numpy), spec


def noes(values: np.ndarray, spec: TensorSpec) -> Iterator[tuple[float, str]]:
    """At which rates what says no. What passes at one rate passes at every lower one."""
    for rate in RATES:
        answer = tensor_stats(source_of_array(values, spec.dtype, spec.name), spec, rate / CHANCES, 1)
        if answer.passed is not False:
            return
        yield rate, ANY
        for test in answer.tests:
            if not test.passed:
                yield rate, test.name if test.p is None else f"p of {test.name}"
        for finding in answer.findings:
            if finding.severity == "wrong":
                yield rate, finding.kind


def alarms(cell: Cell, runs: int) -> Tally:
    """The tally of one cell; its draws depend on nothing but the cell."""
    name, dtype, n = cell
    case = CASES[name]
    rng = np.random.default_rng([SEED, list(CASES).index(name), DTYPES.index(dtype), n])
    shapes = case.shapes(n)
    found: Counter[tuple[float, str]] = Counter()
    for run in range(runs):
        found.update(noes(*right(case, shapes[run % len(shapes)], dtype, rng)))
    return Tally(runs, found)


def tasks(scale: float = 1.0) -> dict[Cell, int]:
    """How many runs each cell gets."""
    return {
        (name, dtype, n): max(1, round(runs * scale / len(DTYPES)))
        for name in CASES
        for dtype in DTYPES
        for n, runs in RUNS.items()
    }


def written(path: str, number: int) -> dict[str, TensorSpec]:
    """Write a file of ten tensors of any kind and size; what each should be."""
    rng = np.random.default_rng([SEED, len(CASES), number])
    specs, arrays = {}, {}
    for name in (f"t{index}" for index in range(TENSORS)):
        case = list(CASES.values())[rng.integers(len(CASES))]
        shapes = case.shapes(int(rng.choice(list(SHAPES), p=[0.05, 0.1, 0.15, 0.3, 0.3, 0.1, 0.0])))
        dtype = DTYPES[rng.integers(len(DTYPES))]
        array, specs[name] = right(case, shapes[rng.integers(len(shapes))], dtype, rng)
        arrays[name] = np.ascontiguousarray(array)
    safetensors.numpy.save_file(arrays, path)
    return specs


def file_alarms(first: int, runs: int) -> Tally:
    """The tally of whole files, whose tensors are also held against one another."""
    found: Counter[tuple[float, str]] = Counter()
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/w.safetensors"
        for number in range(first, first + runs):
            find = partial(_spec_of, written(path, number))
            for rate in RATES:
                answer = stats(path, expect=find, false_alarm=rate, threads=1)
                if answer.passed:
                    break
                found[rate, ANY] += 1
                found.update((rate, finding.kind) for finding in answer.findings if finding.severity == "wrong")
    return Tally(runs, found)


def _spec_of(specs: dict[str, TensorSpec], source: Source) -> TensorSpec:
    return specs[source.stored.name]


def excess(found: dict[str, Tally], false_fail: float = 1e-6) -> list[str]:
    """Where right values are refused more often than stated, by more than chance.

    Args:
        false_fail: the probability, about, that anything is named though all rates are as stated.
    """
    each = false_fail / (len(found) * len(RATES) * (CHANCES + 1))
    return [
        f"{name}: {what} says no in {tally.noes[rate, what]} of {tally.runs} runs; stated are {stated:.2g}"
        for name, tally in found.items()
        for (rate, what), stated in tally.stated.items()
        if scipy_stats.binom.sf(tally.noes[rate, what] - 1, tally.runs, stated) < each
    ]


def at_most(count: int, runs: int) -> float:
    """The rate that such a count excludes with a confidence of 99.9 %: Clopper & Pearson 1934."""
    return 1.0 if count == runs else float(scipy_stats.beta.ppf(0.999, count + 1, runs - count))


def table(title: str, found: dict[str, Tally], what: str = ANY, parts: int = 1) -> Iterator[str]:
    """As Markdown: at each rate the observed one, and in brackets what it is at most."""
    yield f"| {title} | runs | " + " | ".join(f"stated {rate / parts:.2g}" for rate in RATES) + " |"
    yield "|---|---|" + "---|" * len(RATES)
    for name, tally in found.items():
        yield f"| {name} | {tally.runs:,} | " + " | ".join(_rates(tally, what)) + " |"


def _rates(tally: Tally, what: str) -> Iterator[str]:
    for rate in RATES:
        count = tally.noes[rate, what]
        yield f"{count / tally.runs:.2g} (≤ {at_most(count, tally.runs):.2g})"


def whole(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, Tally(0, Counter()))


def by(found: dict[Cell, Tally], key: int) -> dict[str, Tally]:
    """Added up over the other two of law, dtype and size."""
    values = dict.fromkeys(cell[key] for cell in found)
    return {
        f"{value:,}" if isinstance(value, int) else value: whole(
            tally for cell, tally in found.items() if cell[key] == value
        )
        for value in values
    }


def report(found: dict[Cell, Tally], files: Tally) -> Iterator[str]:
    """The tables of docs/stats.md."""
    yield from table("law", by(found, 0))
    yield ""
    yield from table("values", by(found, 2))
    yield ""
    yield from table("dtype", by(found, 1))
    yield ""
    yield from table("whole files", {"of ten tensors": files})
    yield ""
    every = whole(found.values())
    tests = sorted({what for _, what in every.noes if what.startswith("p of ")})
    rows = {
        what.removeprefix("p of "): Tally(every.runs, Counter({(rate, ANY): every.noes[rate, what] for rate in RATES}))
        for what in tests
    }
    yield from table("test", rows, parts=CHANCES)


def put(path: Path, name: str, text: str) -> None:
    """Put a text into a page, between the marks <!-- name --> and <!-- /name -->."""
    page = path.read_text()
    marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marked.search(page):
        raise SystemExit(f"{path} has no <!-- {name} --> … <!-- /{name} -->")
    path.write_text(marked.sub(lambda match: f"{match[1]}{text}\n{match[2]}", page))


def _count(task: tuple[Cell, int] | int) -> tuple[Cell | None, Tally]:
    return (None, file_alarms(task, FILES_AT_ONCE)) if isinstance(task, int) else (task[0], alarms(*task))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the runs")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", type=Path, help="a page to put the tables into, between <!-- calibration --> marks")
    given = parser.parse_args()
    cells = tasks(given.scale)
    work: list[tuple[Cell, int] | int] = sorted(cells.items(), key=lambda task: -task[0][2])
    work += range(0, max(FILES_AT_ONCE, round(FILES * given.scale)), FILES_AT_ONCE)
    found: dict[Cell, Tally] = {}
    files = Tally(0, Counter())
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for cell, tally in pool.imap_unordered(_count, work):
            if cell is None:
                files += tally
            else:
                found[cell] = tally
    found = {cell: found[cell] for cell in cells}
    text = "\n".join(report(found, files))
    print(text)
    if given.write:
        put(given.write, "calibration", text)
    named = {f"{name}, {dtype}, {n:,} values": tally for (name, dtype, n), tally in found.items()}
    sums = {f"all of {name}": tally for key in range(3) for name, tally in by(found, key).items()}
    above = excess({**named, **sums, "files": files})
    print("\n".join(above or ["", "No rate is above what is stated."]))
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
