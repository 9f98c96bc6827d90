"""One pass over a tensor: everything that `stats` needs to know of it, in constant memory."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from initgen.checks.source import Block, Source
from initgen.engine.draw import keep_freed_memory
from initgen.engine.ordered import ordered

Counts = NDArray[np.int64]

# So many of the first values are held against each other; all of them would have to be sorted.
_SAMPLE = 1 << 17


@dataclass(frozen=True)
class Measured:
    """What was found in a tensor, or in a block of one.

    Attributes:
        count: all elements; the moments are over the finite ones.
        shift: the sums are of x - shift, so that they do not cancel.
        sum1, sum2: of x - shift and of its square.
        lag: sum of (x[i] - shift)(x[i+1] - shift) in storage order; NaN once a value is not finite.
        first, last: the outermost values, which join the lags of two blocks.
        cells: how many values have each 16-bit code: the value itself for dtypes up to 16 bits, the top 16 bits of its
            float32 for wider ones.
        distinct: different values among the first `sampled`.
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

    @property
    def settled(self) -> "Measured":
        """Without the cells, which take half a megabyte and are of no use once a tensor is judged."""
        return replace(self, cells=np.zeros(1, np.int64))


def measure(source: Source, shift: float | None = None, threads: int | None = None) -> Measured:
    """Read a tensor once and measure it.

    Args:
        shift: about the mean of its values; by default that of its first block.
    """
    keep_freed_memory()
    blocks = source.blocks()
    start = next(blocks, None)
    if start is None:
        return nothing(shift=shift or 0.0)
    head = start()
    if shift is None:
        shift = _shift_for(_floats(head))
    total = _of_block(head, shift, distinct=True)

    def of(block: Block) -> Measured:
        return _of_block(block(), shift)

    for part in ordered(of, blocks, threads):
        total = _joined(total, part)
    return total


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
    nan = math.nan
    return Measured(count, 0, 0, 0, nan, nan, shift, 0.0, 0.0, nan, nan, nan, np.zeros(1, np.int64), 0, 0)


def _floats(block: NDArray[np.generic]) -> NDArray[np.floating]:
    """The values as float32, or as float64 where they have more digits."""
    wide = block.dtype.itemsize > 2 and block.dtype != np.dtype("<f4")
    return block.astype(np.float64 if wide else np.float32, copy=False)


def _cells(block: NDArray[np.generic], values: NDArray[np.floating]) -> Counts:
    """How many values have each 16-bit (for dtypes of a byte, 8-bit) code."""
    is_float = block.dtype.kind not in "iub"
    if is_float and block.dtype.itemsize <= 2:
        ours = block.astype(block.dtype.newbyteorder("<")) if block.dtype.byteorder == ">" else block
        codes = ours.view(f"<u{block.dtype.itemsize}")
        return np.bincount(codes, minlength=1 << 8 * block.dtype.itemsize)
    codes = values.astype("<f4", copy=False).view("<u4") >> np.uint32(16)
    return np.bincount(codes, minlength=1 << 16)


# NaN, infinities and overflowing squares are counted, not warned of.
@np.errstate(all="ignore")
def _of_block(block: NDArray[np.generic], shift: float, distinct: bool = False) -> Measured:
    values = _floats(block)
    cells = _cells(block, values)
    count = values.size
    # Zeros are in the first cell of either sign, with values too small to care for; most tensors have neither.
    tiny = cells[0] + cells[cells.size // 2]
    zeros = int(count - np.count_nonzero(values)) if tiny else 0
    low, high = float(values.min()), float(values.max())
    nan = inf = 0
    finite = values
    if not (math.isfinite(low) and math.isfinite(high)):
        nan = int(np.count_nonzero(np.isnan(values)))
        inf = int(np.count_nonzero(np.isinf(values)))
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.inf, -math.inf)
    x = finite.astype(np.float64)
    if shift:
        x -= shift
    products = x[:-1] * x[1:]
    lag = math.nan if nan or inf else float(np.add.reduce(products))
    sum1 = float(np.add.reduce(x))
    np.multiply(x, x, out=x)
    return Measured(
        count,
        nan,
        inf,
        zeros,
        low,
        high,
        shift,
        sum1,
        float(np.add.reduce(x)),
        lag,
        float(values[0]),
        float(values[-1]),
        cells,
        np.unique(values[:_SAMPLE]).size if distinct else 0,
        min(count, _SAMPLE) if distinct else 0,
    )


def _joined(a: Measured, b: Measured) -> Measured:
    np.add(a.cells, b.cells, out=a.cells)
    return Measured(
        a.count + b.count,
        a.nan + b.nan,
        a.inf + b.inf,
        a.zeros + b.zeros,
        min(a.low, b.low),
        max(a.high, b.high),
        a.shift,
        a.sum1 + b.sum1,
        a.sum2 + b.sum2,
        a.lag + b.lag + (a.last - a.shift) * (b.first - a.shift),
        a.first,
        b.last,
        a.cells,
        a.distinct,
        a.sampled,
    )
