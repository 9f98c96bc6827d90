"""Sums over the slices of a tensor's first and last axis: its rows and its columns, in whatever layout."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initgen.checks.source import BLOCK
from initgen.core.shapes import Shape

Floats = NDArray[np.float64]
Values = NDArray[np.floating]

# An axis longer than this is not taken apart: memory is bounded, and the vocabularies of today fit.
LONGEST = 1 << 18
# So many values are summed in one go: of longer lines piece by piece, for the digits; of shorter ones several at a time, or
# numpy would spend its time on the ends of loops.
_WIDE = 1024


@dataclass(frozen=True)
class Slices:
    """What the slices of one axis sum up to.

    Attributes:
        length: elements of each slice.
        sum1, sum2: of x - shift and of its square, for each slice.
    """

    length: int
    sum1: Floats
    sum2: Floats


@dataclass(frozen=True)
class Axes:
    """Which axes of a tensor are taken apart: those with several slices, each of several elements."""

    rows: int
    row: int
    columns: int

    @property
    def first(self) -> bool:
        """Whether there is a first axis to be taken apart."""
        return 1 < self.rows <= LONGEST and self.row > 1

    @property
    def last(self) -> bool:
        """Whether there is a last axis to be taken apart."""
        return 1 < self.columns <= LONGEST and self.rows * self.row > self.columns


def axes_of(shape: Shape) -> Axes:
    """The first and the last axis of a shape."""
    if len(shape) < 2 or 0 in shape:
        return Axes(1, int(np.prod(shape, dtype=object)), 1)
    count = int(np.prod(shape, dtype=object))
    return Axes(shape[0], count // shape[0], shape[-1])


def row_sums(x: Values, axes: Axes) -> tuple[Floats, Floats]:
    """Sums and sums of squares of the rows in a block, which has whole rows or a part of one.

    Of float32 in pieces, so that numbers of like size are added and keep their digits: what is lost of a piece is about
    1e-7 of it, up or down, and of the sum of many pieces less. Not by ``einsum``, which keeps the interpreter's lock.
    """
    matrix = x.reshape(-1, min(axes.row, x.size)) if axes.first else x.reshape(1, -1)
    end = matrix.shape[1] // _WIDE * _WIDE
    head, tail = matrix[:, :end].reshape(len(matrix), -1, _WIDE), matrix[:, end:]
    # By products with ones, which takes half the time of a sum.
    sum1 = np.add.reduce(np.vecdot(head, np.ones(_WIDE, x.dtype)), axis=1, dtype=np.float64)
    sum2 = np.add.reduce(np.vecdot(head, head), axis=1, dtype=np.float64)
    return sum1 + np.add.reduce(tail, axis=1), sum2 + np.vecdot(tail, tail)


def column_sums(x: Values, axes: Axes) -> tuple[Floats, Floats]:
    """The same of the columns."""
    width = axes.columns
    wide = max(1, _WIDE // width) * width
    end = x.size // wide * wide
    sum1, sum2 = np.zeros(width), np.zeros(width)
    for matrix in (x[:end].reshape(-1, wide), x[end:].reshape(-1, width)):
        if matrix.size:
            sum1 += np.add.reduce(matrix, axis=0).reshape(-1, width).sum(axis=0, dtype=np.float64)
            sum2 += np.add.reduce(matrix * matrix, axis=0).reshape(-1, width).sum(axis=0, dtype=np.float64)
    return sum1, sum2


assert BLOCK <= 1 << 20, "columns of a block are summed in float32"
