"""What `stats` sees, at which size: simulated, and printed as the tables of docs/stats.md.

``python benchmarks/power.py`` takes about a minute on two cores; ``--write docs/stats.md`` puts the tables between
their marks there.
"""

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from calibration import CASES, CUT_STD, SEED, STD, Rng, Shape, normal, put, truncated, uniform
from scipy.stats import norm, truncnorm

from initgen.checks.source import source_of_array
from initgen.checks.stats import FALSE_ALARM
from initgen.checks.tensor import TensorStats, tensor_stats
from initgen.checks.trial import CHANCES
from initgen.specs.tensor import tensor_spec

RUNS, SEEN = 100, 90
# A file of one tensor at the default rate.
SHARE = FALSE_ALARM / (CHANCES + 1)
# About these numbers of values, as matrices of 3 by 7: shapes like 300x700.
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LAWS = ("uniform", "truncated normal", "normal")

TRUNCATED = truncnorm(-2, 2)

Make = Callable[[str, Rng, Shape], np.ndarray]


def right(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    return CASES[law].draw(rng, shape, False)


def scaled(by: float) -> Make:
    return lambda law, rng, shape: right(law, rng, shape) * by


def other_layout(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    """With the fan_in of the other layout: 7 for 3 parts."""
    return right(law, rng, shape) * (3 / 7) ** 0.5


def uncorrected(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    return truncated(0.0, STD)(rng, shape, False)


def uncut(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    return normal(0.0, STD / CUT_STD)(rng, shape, False)


def clipped(at: float) -> Make:
    """Values beyond ``at`` standard deviations are moved there."""
    return lambda law, rng, shape: np.clip(right(law, rng, shape), -at * STD, at * STD)


def outermost_clipped(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    """One value in a hundred lies further out than it may, and is moved there."""
    at = {"uniform": 0.99 * 3**0.5, "truncated normal": TRUNCATED.ppf(0.995) / CUT_STD, "normal": norm.ppf(0.995)}[law]
    return clipped(at)(law, rng, shape)


def mixed_up(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    """Another distribution of the same variance."""
    if law == "uniform":
        return normal(0.0, STD)(rng, shape, False)
    return uniform(-STD * 3**0.5, STD * 3**0.5)(rng, shape, False)


def half_repeated(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    """The second half is the first once more: a stream that wrapped."""
    values = right(law, rng, shape)
    flat = values.reshape(-1)
    half = flat.size // 2
    flat[half : 2 * half] = flat[:half]
    return values


def block_copied(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    """1,024 values stand again at another place."""
    values = right(law, rng, shape)
    flat = values.reshape(-1)
    if flat.size >= 2_048:
        start = int(rng.integers(0, flat.size - 2_047))
        again = int(rng.integers(start + 1_024, flat.size - 1_023))
        flat[again : again + 1_024] = flat[start : start + 1_024]
    return values


def row(value: float) -> Make:
    """One row holds one value."""

    def make(law: str, rng: Rng, shape: Shape) -> np.ndarray:
        values = right(law, rng, shape)
        values[rng.integers(shape[0])] = value
        return values

    return make


def rows_equal(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    values = right(law, rng, shape)
    first, second = rng.choice(shape[0], 2, replace=False)
    values[second] = values[first]
    return values


def per_channel(by: float) -> Make:
    """Half of the columns, at random, are wider by so much, and half narrower; the variance of all is right."""

    def make(law: str, rng: Rng, shape: Shape) -> np.ndarray:
        scales = np.where(rng.permutation(shape[1]) % 2, 1 + by, 1 - by)
        return right(law, rng, shape) * (scales / np.sqrt(np.mean(scales**2)))

    return make


# The correlation of neighbours where every run of 32 is sorted: 0.82 of uniform values, 0.70 of normal ones.
_SORTED = 0.76


def correlated(by: float) -> Make:
    """Some runs of 32 values are sorted, so that neighbours correlate, and each value stays as it was drawn."""

    def make(law: str, rng: Rng, shape: Shape) -> np.ndarray:
        flat = right(law, rng, shape).reshape(-1)
        runs = flat[: flat.size // 32 * 32].reshape(-1, 32)
        chosen = rng.random(len(runs)) < by / _SORTED
        runs[chosen] = np.sort(runs[chosen], axis=1)
        return flat.reshape(shape)

    return make


def coarse(law: str, rng: Rng, shape: Shape) -> np.ndarray:
    """Through float16 and back."""
    return right(law, rng, shape).astype(np.float16).astype(np.float64)


def zeros(share: float) -> Make:
    """So many values are 0."""
    return lambda law, rng, shape: np.where(rng.random(shape) < share, 0.0, right(law, rng, shape))


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, and the laws that it can be wrong with."""

    make: Make
    laws: tuple[str, ...] = LAWS


STDS = {
    f"{off:+.1%}": Fault(scaled(1 + off))
    for off in (0.5**0.5 - 1, -0.2, -0.1, -0.05, -0.02, -0.01, 0.01, 0.02, 0.05, 0.1, 0.25, 2**0.5 - 1)
}
FAULTS = {
    "LeCun for He": Fault(scaled(0.5**0.5)),
    "He for LeCun": Fault(scaled(2**0.5)),
    "fans of the other layout": Fault(other_layout),
    "another distribution of the same variance": Fault(mixed_up),
    "cut, without the correction": Fault(uncorrected, ("truncated normal",)),
    "corrected, but not cut": Fault(uncut, ("truncated normal",)),
    "clipped at 1.5 std": Fault(clipped(1.5)),
    "the outermost 1 % clipped": Fault(outermost_clipped),
    "second half repeats the first": Fault(half_repeated),
    "1,024 values copied elsewhere": Fault(block_copied),
    "two equal rows": Fault(rows_equal),
    "a constant row": Fault(row(STD)),
    "a row of zeros": Fault(row(0.0)),
    "columns' std varies by ±20 %": Fault(per_channel(0.2)),
    "columns' std varies by ±50 %": Fault(per_channel(0.5)),
    "neighbours correlate by about 0.05": Fault(correlated(0.05)),
    "only float16's digits": Fault(coarse),
    "1 % zeros": Fault(zeros(0.01)),
}


def shape_of(n: int) -> Shape:
    """A matrix of about ``n`` values, 3 to 7."""
    rows = max(3, round((n * 3 / 7) ** 0.5))
    return rows, round(n / rows)


def answer(fault: Fault, law: str, n: int, rng: Rng) -> TensorStats:
    """What `stats` says of a tensor of float32 with that fault."""
    shape = shape_of(n)
    spec = tensor_spec(CASES[law].scheme, shape, fan_in=100)
    data = fault.make(law, rng, shape).astype(np.float32)
    return tensor_stats(source_of_array(data, spec.dtype, "w"), spec, SHARE, 1)


def least_size(task: tuple[str, str, str]) -> tuple[int | None, str]:
    """The least size at which a fault is seen in 90 of 100 runs, and by which test most often."""
    table, name, law = task
    fault = TABLES[table][name]
    if law not in fault.laws:
        return None, ""
    for size in SIZES:
        rng = np.random.default_rng([SEED, list(TABLES).index(table), list(TABLES[table]).index(name), size])
        by: Counter[str] = Counter()
        missed = 0
        for _ in range(RUNS):
            found = answer(fault, law, size, rng)
            if found.passed is not False:
                missed += 1
                if missed > RUNS - SEEN:
                    break
            else:
                by.update(test.name for test in found.tests if not test.passed)
                by.update(finding.kind for finding in found.findings if finding.severity == "wrong")
        else:
            return size, by.most_common(1)[0][0]
    return None, "over"


TABLES = {"power-std": STDS, "power": FAULTS}
HEADS = {"power-std": "std is off by", "power": "what is wrong"}


def table(name: str, found: dict[tuple[str, str, str], tuple[int | None, str]]) -> Iterator[str]:
    """As Markdown."""
    named = name == "power"
    yield f"| {HEADS[name]} | {' | '.join(LAWS)} |" + (" seen by |" if named else "")
    yield "|---|" + "---|" * (len(LAWS) + named)
    for fault in TABLES[name]:
        cells, tests = [], []
        for law in LAWS:
            size, by = found[name, fault, law]
            cells.append(f"{size:,}" if size else f"over {SIZES[-1]:,}" if by else "–")
            if size and by not in tests:
                tests.append(by)
        yield f"| {fault} | {' | '.join(cells)} |" + (f" {', '.join(tests)} |" if named else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a page to put the tables into, between <!-- power --> marks")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    tasks = [(name, fault, law) for name, faults in TABLES.items() for fault in faults for law in LAWS]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        found = dict(zip(tasks, pool.map(least_size, tasks, chunksize=1), strict=True))
    for name in TABLES:
        text = "\n".join(table(name, found))
        print(text + "\n")
        if given.write:
            put(given.write, name, text)


if __name__ == "__main__":
    main()
