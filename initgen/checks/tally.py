"""What is counted and summed in one block of a tensor."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initgen.checks.repeats import Anchors, anchors_of, no_anchors
from initgen.checks.slices import Axes, column_sums, row_sums

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

# Products of so many neighbours are summed in one go.
_PIECE = 1 << 10
# Sums over float32 are made in float32, piece by piece; but over fewer values than this in float64, for the digits, and
# where squares would overflow or vanish.
_SMALL = 1 << 14
_SQUARES = 2.0**-40, 2.0**60


@dataclass(frozen=True)
class Tally:
    """What was found in a block; see `Measured`."""

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


def floats(block: NDArray[np.generic]) -> NDArray[np.floating]:
    """The values as float32, or as float64 where they have more digits."""
    wide = block.dtype.itemsize > 2 and block.dtype != np.dtype("<f4")
    return block.astype(np.float64 if wide else np.float32, copy=False)


def _words(block: NDArray[np.generic]) -> NDArray[np.unsignedinteger] | None:
    """The bits of floats as unsigned integers of their size; None of other numbers."""
    if block.dtype.kind in "iub":
        return None
    little = block.astype(block.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).view(f"<u{block.dtype.itemsize}")


def _cells(words: NDArray[np.unsignedinteger] | None, values: NDArray[np.floating]) -> Counts:
    """How many values have each 16-bit (for dtypes of a byte, 8-bit) code."""
    if words is not None and words.itemsize <= 2:
        return np.bincount(words, minlength=1 << 8 * words.itemsize)
    tops = values.astype("<f4", copy=False).view("<u2")[1::2]
    return np.bincount(tops, minlength=1 << 16)


def _bits(words: NDArray[np.unsignedinteger] | None) -> int:
    """All bits that any value has, for floats of 32 and 64 bits; else -1."""
    return int(np.bitwise_or.reduce(words)) if words is not None and words.itemsize >= 4 else -1


def _lag(x: NDArray[np.floating]) -> float:
    """The sum of the products of neighbours, in pieces that keep their digits."""
    a, b = x[:-1], x[1:]
    end = a.size // _PIECE * _PIECE
    pieces = np.vecdot(a[:end].reshape(-1, _PIECE), b[:end].reshape(-1, _PIECE))
    return float(pieces.sum(dtype=np.float64) + np.vecdot(a[end:], b[end:]))


# NaN, infinities and overflowing squares are counted, not warned of.
@np.errstate(all="ignore")
def tally(block: NDArray[np.generic], start: int, count: int, shift: float, axes: Axes, digits: bool = True) -> Tally:
    """Count and sum a block.

    Args:
        start: index of its first value in the tensor, which has ``count``.
        shift: about the mean; a float32 where the values are.
        digits: whether it is still to be seen which bits the values make use of.
    """
    values = floats(block)
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
    return Tally(
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
        _bits(words) if digits else 0,
        row_sums(x, axes),
        column_sums(x, axes) if axes.last and block.size % axes.columns == 0 else None,
        anchors_of(words, start, count) if words is not None else no_anchors(),
    )
