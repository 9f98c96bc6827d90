"""One pass over a tensor: everything that `stats` needs to know of it, in constant memory."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from initgen.checks.repeats import Anchors, joined, no_anchors
from initgen.checks.slices import Axes, Slices, axes_of
from initgen.checks.source import Block, Source, cuts
from initgen.checks.tally import Tally, floats, tally
from initgen.engine.draw import keep_freed_memory
from initgen.engine.ordered import ordered

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

# So many of the first values are held against each other; all of them would have to be sorted.
_SAMPLE = 1 << 17
# So many of the first values are kept, to be held against those of other tensors.
HEAD = 1 << 10
# Of files of more tensors heads are not kept: to hold all pairs against each other would take minutes.
HEADS = 4096


@dataclass(frozen=True)
class Measured:
    """What was found in a tensor.

    Attributes:
        count: all elements; the moments are over the finite ones.
        shift: the sums are of x - shift, so that they do not cancel.
        sum1, sum2: of x - shift and of its square.
        lag: sum of (x[i] - shift)(x[i+1] - shift) in storage order; NaN once a value is not finite.
        first, last: the outermost values.
        cells: how many values have each 16-bit code: the value itself for dtypes up to 16 bits, the top 16 bits of its
            float32 for wider ones.
        distinct: different values among the first `sampled`.
        bits: all bits that any value has, joined by or, as far as it takes to see the last one, for floats of 32 and 64
            bits; else -1.
        rows, columns: sums over the slices of the first and of the last axis; None where there is one slice, or where
            they are of one element, or too many.
        anchors: places by which copies are found; see `repeats`.
        head: the first `HEAD` values.
        mixture: a hash of the counts of all codes; tensors with the same values in another order have the same.
    """

    count: int
    nan: int
    inf: int
    zeros: int
    low: float
    high: float
    shift: float
    sum1: float
    sum2: float
    lag: float
    first: float
    last: float
    cells: Counts
    distinct: int
    sampled: int
    bits: int
    rows: Slices | None
    columns: Slices | None
    anchors: Anchors
    head: Floats
    mixture: int

    @property
    def finite(self) -> int:
        """How many values are numbers."""
        return self.count - self.nan - self.inf

    @property
    def mean(self) -> float:
        """Of the finite values; NaN where there are none."""
        return self.shift + self.sum1 / self.finite if self.finite else math.nan

    def spread(self, mean: float) -> float:
        """The mean of (x - mean)^2 over the finite values."""
        n, d = self.finite, mean - self.shift
        square = (self.sum2 - 2 * d * self.sum1) / n + d * d if n else math.nan
        return 0.0 if square < 0 else square  # below 0 by rounding; NaN stays NaN

    @property
    def std(self) -> float:
        """Square root of the mean squared distance from their own mean."""
        return math.sqrt(self.spread(self.mean)) if self.finite else math.nan

    def lagged(self, mean: float) -> float:
        """The sum of (x[i] - mean)(x[i+1] - mean)."""
        d = mean - self.shift
        ends = self.first + self.last - 2 * self.shift
        return self.lag - d * (2 * self.sum1 - ends) + (self.count - 1) * d * d

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal tensors have equal ones; unequal tensors practically never."""
        return self.count, self.low, self.high, self.sum1, self.sum2, self.lag

    def settled(self, beside: int, distinctive: bool) -> "Measured":
        """Without what takes much memory and is of no use once a tensor is judged.

        Args:
            beside: so many tensors are in the same file, of all of which a bounded number of anchors is kept, and the
                heads where they are not too many; 0 where it will not be held against others.
            distinctive: whether equal values are no chance, so that anchors are of use.
        """
        anchors = (
            self.anchors.least(max(16, min(4096, (1 << 20) // beside))) if beside and distinctive else no_anchors()
        )
        head = self.head if 0 < beside <= HEADS else np.empty(0)
        return replace(self, cells=np.zeros(1, np.int64), rows=None, columns=None, anchors=anchors, head=head)


# NaN, infinities and overflowing sums are counted, not warned of.
@np.errstate(all="ignore")
def measure(source: Source, shift: float | None = None, threads: int | None = None) -> Measured:
    """Read a tensor once and measure it.

    Args:
        shift: about the mean of its values; by default that of its first block.
    """
    keep_freed_memory()
    shape = source.stored.shape
    axes, count = axes_of(shape), math.prod(shape)
    blocks = zip(cuts(shape), source.blocks(), strict=True)
    start = next(blocks, None)
    if start is None:
        return nothing(shift=shift or 0.0)
    head = start[1]()
    first = floats(head)
    centre = _shift_for(first) if shift is None else shift
    if first.dtype == np.float32:  # so that the shift is the same in float32 and in float64
        centre = float(np.float32(centre))

    def of(task: tuple[tuple[int, int], Block]) -> Tally:
        (begin, _), block = task
        return tally(block(), begin, count, centre, axes, digits)

    begun = tally(head, 0, count, centre, axes)
    digits = not begun.bits & 1  # once the last one was seen there is no more to see
    total = _Total(begun, axes)
    at = start[0][1]
    for part in ordered(of, blocks, threads):
        total.add(part, at)
        at += part.count
    sample = first[:_SAMPLE]
    return total.measured(centre, np.unique(sample).size, sample.size, first[:HEAD].astype(np.float64))


class _Total:
    """The parts of a tensor, joined in their order."""

    def __init__(self, part: Tally, axes: Axes) -> None:
        self.axes = axes
        self.part = part
        self.lags = [part.lag]
        self.ends = [(part.first, part.last)]
        self.anchors = [part.anchors]
        self.sums: list[tuple[float, float]] = []
        self.rows = Slices(axes.row, np.zeros(axes.rows), np.zeros(axes.rows)) if axes.first else None
        lines = part.columns and axes.rows * axes.row // axes.columns
        self.columns = Slices(lines, np.zeros(axes.columns), np.zeros(axes.columns)) if lines else None
        self._sum(part, 0)

    def _sum(self, part: Tally, start: int) -> None:
        self.sums.append((float(part.rows[0].sum()), float(part.rows[1].sum())))
        if self.rows:
            row = start // self.axes.row
            here = slice(row, row + len(part.rows[0]))
            self.rows.sum1[here] += part.rows[0]
            self.rows.sum2[here] += part.rows[1]
        if self.columns and part.columns:
            self.columns.sum1[:] += part.columns[0]
            self.columns.sum2[:] += part.columns[1]

    def add(self, b: Tally, start: int) -> None:
        a = self.part
        np.add(a.cells, b.cells, out=a.cells)
        self.lags.append(b.lag)
        self.ends.append((b.first, b.last))
        self.anchors.append(b.anchors)
        self._sum(b, start)
        self.part = replace(
            a,
            count=a.count + b.count,
            nan=a.nan + b.nan,
            inf=a.inf + b.inf,
            zeros=a.zeros + b.zeros,
            low=min(a.low, b.low),
            high=max(a.high, b.high),
            last=b.last,
            bits=a.bits | b.bits,
        )

    def measured(self, shift: float, distinct: int, sampled: int, head: Floats) -> Measured:
        p = self.part
        seams = ((a[1] - shift) * (b[0] - shift) for a, b in zip(self.ends, self.ends[1:], strict=False))
        return Measured(
            p.count,
            p.nan,
            p.inf,
            p.zeros,
            p.low,
            p.high,
            shift,
            _total(sum1 for sum1, _ in self.sums),
            _total(sum2 for _, sum2 in self.sums),
            _total(self.lags) + _total(seams),
            p.first,
            p.last,
            p.cells,
            distinct,
            sampled,
            p.bits,
            self.rows,
            self.columns,
            joined(self.anchors),
            head,
            hash(p.cells.tobytes()),
        )


def _total(terms: Iterable[float]) -> float:
    """The exact sum, rounded once; as Python adds where it overflows or there is no number."""
    numbers = list(terms)
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return sum(numbers)


@np.errstate(all="ignore")
def _shift_for(values: NDArray[np.floating]) -> float:
    """About the mean of the values; 0 where that is near enough, since a shift costs a pass."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return 0.0
    mean = float(finite.mean())
    return mean if math.isfinite(mean) and abs(mean) > 0.1 * float(finite.std()) else 0.0


def nothing(count: int = 0, shift: float = 0.0) -> Measured:
    """What is known of an empty tensor, or of one that is not looked into."""
    nan, none = math.nan, np.empty(0)
    counts = np.zeros(1, np.int64)
    return Measured(
        count, 0, 0, 0, nan, nan, shift, 0.0, 0.0, nan, nan, nan, counts, 0, 0, -1, None, None, no_anchors(), none, 0
    )
