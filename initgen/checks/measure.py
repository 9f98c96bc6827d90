"""One pass over a tensor: everything that `stats` needs to know of it, in constant memory."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from initgen.checks.repeats import Anchors, anchors_of, joined, no_anchors
from initgen.checks.slices import Axes, Slices, axes_of, column_sums, first_row, row_sums
from initgen.checks.source import Block, Source, cuts
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
_PIECE = 1 << 10
# Sums over float32 are made in float32, piece by piece; but over fewer values than this in float64, for the digits, and
# where squares would overflow or vanish.
_SMALL = 1 << 14
_SQUARES = 2.0**-40, 2.0**60


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
        bits: all bits that any value has, joined by or, for floats of 32 and 64 bits; else -1.
        rows, columns: sums over the slices of the first and of the last axis; None where there is one slice, or where
            they are of one element, or too many.
        anchors: places by which copies are found; see `repeats`.
        head: the first `HEAD` values.
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


@dataclass(frozen=True)
class _Part:
    """What was found in a block."""

    count: int
    nan: int
    inf: int
    zeros: int
    low: float
    high: float
    lag: float
    first: float
    last: float
    cells: Counts
    bits: int
    rows: tuple[Floats, Floats]
    columns: tuple[Floats, Floats] | None
    anchors: Anchors


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
    first = _floats(head)
    centre = _shift_for(first) if shift is None else shift
    if first.dtype == np.float32:  # so that the shift is the same in float32 and in float64
        centre = float(np.float32(centre))

    def of(task: tuple[tuple[int, int], Block]) -> _Part:
        (begin, _), block = task
        return _of_block(block(), begin, count, centre, axes)

    total = _Total(_of_block(head, 0, count, centre, axes), axes)
    at = start[0][1]
    for part in ordered(of, blocks, threads):
        total.add(part, at)
        at += part.count
    sample = first[:_SAMPLE]
    return total.measured(centre, np.unique(sample).size, sample.size, first[:HEAD].astype(np.float64))


class _Total:
    """The parts of a tensor, joined in their order."""

    def __init__(self, part: _Part, axes: Axes) -> None:
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

    def _sum(self, part: _Part, start: int) -> None:
        self.sums.append((float(part.rows[0].sum()), float(part.rows[1].sum())))
        if self.rows:
            row = first_row(start, self.axes)
            here = slice(row, row + len(part.rows[0]))
            self.rows.sum1[here] += part.rows[0]
            self.rows.sum2[here] += part.rows[1]
        if self.columns and part.columns:
            self.columns.sum1[:] += part.columns[0]
            self.columns.sum2[:] += part.columns[1]

    def add(self, b: _Part, start: int) -> None:
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
        count, 0, 0, 0, nan, nan, shift, 0.0, 0.0, nan, nan, nan, counts, 0, 0, -1, None, None, no_anchors(), none
    )


def _floats(block: NDArray[np.generic]) -> NDArray[np.floating]:
    """The values as float32, or as float64 where they have more digits."""
    wide = block.dtype.itemsize > 2 and block.dtype != np.dtype("<f4")
    return block.astype(np.float64 if wide else np.float32, copy=False)


def _words(block: NDArray[np.generic]) -> NDArray[np.unsignedinteger] | None:
    """The bits of floats as unsigned integers of their size; None of other numbers."""
    if block.dtype.kind in "iub":
        return None
    native = block.astype(block.dtype.newbyteorder("<")) if block.dtype.byteorder == ">" else block
    return np.ascontiguousarray(native).view(f"<u{block.dtype.itemsize}")


def _cells(words: NDArray[np.unsignedinteger] | None, values: NDArray[np.floating]) -> Counts:
    """How many values have each 16-bit (for dtypes of a byte, 8-bit) code."""
    if words is not None and words.itemsize <= 2:
        return np.bincount(words, minlength=1 << 8 * words.itemsize)
    tops = values.astype("<f4", copy=False).view("<u2")[1::2]
    return np.bincount(tops, minlength=1 << 16)


def _lag(x: NDArray[np.floating]) -> float:
    """The sum of the products of neighbours, in pieces that keep their digits."""
    a, b = x[:-1], x[1:]
    end = a.size // _PIECE * _PIECE
    pieces = np.einsum("ij,ij->i", a[:end].reshape(-1, _PIECE), b[:end].reshape(-1, _PIECE))
    return float(pieces.sum(dtype=np.float64) + np.einsum("i,i->", a[end:], b[end:]))


# NaN, infinities and overflowing squares are counted, not warned of.
@np.errstate(all="ignore")
def _of_block(block: NDArray[np.generic], start: int, count: int, shift: float, axes: Axes) -> _Part:
    values = _floats(block)
    words = _words(block)
    cells = _cells(words, values)
    # Zeros are in the first cell of either sign, with values too small to care for; most tensors have neither.
    tiny = cells[0] + cells[cells.size // 2]
    zeros = int(values.size - np.count_nonzero(values)) if tiny else 0
    low, high = float(values.min()), float(values.max())
    first, last = float(values[0]), float(values[-1])
    nan = inf = 0
    if not (math.isfinite(low) and math.isfinite(high)):
        nan = int(np.count_nonzero(np.isnan(values)))
        inf = int(np.count_nonzero(np.isinf(values)))
        finite = np.isfinite(values)
        inside = values[finite]
        low, high = (float(inside.min()), float(inside.max())) if inside.size else (math.inf, -math.inf)
        values = np.where(finite, values, values.dtype.type(shift))
    reach = max(abs(low - shift), abs(high - shift))
    if block.size < _SMALL or not _SQUARES[0] < reach < _SQUARES[1]:
        values = values.astype(np.float64)
    x = values - values.dtype.type(shift) if shift else values
    return _Part(
        block.size,
        nan,
        inf,
        zeros,
        low,
        high,
        math.nan if nan or inf else _lag(x),
        first,
        last,
        cells,
        int(np.bitwise_or.reduce(words)) if words is not None and words.itemsize >= 4 else -1,
        row_sums(x, axes),
        column_sums(x, axes) if axes.last and block.size % axes.columns == 0 else None,
        anchors_of(words, start, count) if words is not None else no_anchors(),
    )
