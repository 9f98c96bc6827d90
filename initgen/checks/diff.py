"""`diff`: what differs between two files, tensor by tensor and value by value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from initgen.checks.source import Block, Source, sources_of
from initgen.core.errors import FormatError
from initgen.core.registry import fits
from initgen.core.shapes import Shape
from initgen.engine.draw import keep_freed_memory
from initgen.engine.ordered import ordered
from initgen.formats.parts import Part, open_parts

Array = NDArray[np.generic]


@dataclass(frozen=True)
class TensorDiff:
    """One name, and what is under it in the two files.

    Attributes:
        kind: "equal", or the first of these that differs: being there, shape, dtype, values.
        a, b: shape and dtype in each file; None where it is not there.
        count: how many values differ, bit by bit; between two dtypes, in value.
        first: the index of the first of them.
        max_abs: the largest difference, None where none was taken; NaN where only one of a pair is a number.
        max_ulp: the same in units of the last place, for equal floating-point dtypes.
    """

    name: str
    kind: Literal["equal", "values", "dtype", "shape", "only a", "only b"]
    a: tuple[Shape, str] | None
    b: tuple[Shape, str] | None
    count: int = 0
    first: int = 0
    max_abs: float | None = None
    max_ulp: int | None = None


@dataclass(frozen=True)
class Diff:
    """Two files held against each other."""

    a: str
    b: str
    tensors: tuple[TensorDiff, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return all(tensor.kind == "equal" for tensor in self.tensors)


def diff(a: str, b: str, *, only: Sequence[str] = (), threads: int | None = None) -> Diff:
    """Compare all tensors of two files, or sets of files, in constant memory.

    Raises:
        FormatError: one cannot be read, or no tensor has such a name.
    """
    keep_freed_memory()
    parts = open_parts(a), open_parts(b)
    if all(len(each) == 1 and len(each[0].contents.tensors) == 1 for each in parts):
        # An array of numpy's has no name: two single tensors are compared whatever they are called.
        (left,), (right,) = parts
        if not left.form.many:
            parts = [left.named(right.contents.tensors[0].name)], [right]
        elif not right.form.many:
            parts = [left], [right.named(left.contents.tensors[0].name)]
    left_sources, right_sources = (_by_name(each, only) for each in parts)
    names = list(dict.fromkeys((*left_sources, *right_sources)))
    if only and not names:
        raise FormatError(f"{a}, {b}: no tensor is called {' or '.join(pattern or repr('') for pattern in only)}")
    found = (_tensor(name, left_sources.get(name), right_sources.get(name), threads) for name in names)
    return Diff(a, b, tuple(found))


def _by_name(parts: Sequence[Part], only: Sequence[str]) -> dict[str, Source]:
    sources = (source for part in parts for source in sources_of(part))
    return {source.stored.name: source for source in sources if not only or fits(source.stored.name, only)}


def _tensor(name: str, a: Source | None, b: Source | None, threads: int | None) -> TensorDiff:
    sides = _side(a), _side(b)
    if a is None or b is None:
        return TensorDiff(name, "only b" if a is None else "only a", *sides)
    if a.stored.shape != b.stored.shape:
        return TensorDiff(name, "shape", *sides)
    opaque = any(side.stored.dtype is None and side.dtype.kind not in "fiubc" for side in (a, b))
    if opaque and a.stored.kind != b.stored.kind:
        return TensorDiff(name, "dtype", *sides)
    same = a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=")
    measure = _bitwise if same else _by_value
    count, first, done = 0, 0, 0
    max_abs, max_ulp = 0.0, 0

    def compare(pair: tuple[Block, Block]) -> tuple[int, int, int, float, int]:
        return measure(pair[0](), pair[1]())

    for size, wrong, at, largest, ulp in ordered(compare, zip(a.blocks(), b.blocks(), strict=True), threads):
        if wrong and not count:
            first = done + at
        count += wrong
        done += size
        max_abs = math.nan if math.isnan(largest) or math.isnan(max_abs) else max(max_abs, largest)
        max_ulp = max(max_ulp, ulp)
    if same and not count:
        return TensorDiff(name, "equal", *sides)
    floating = same and a.stored.dtype is not None and not a.stored.dtype.whole
    kind: Literal["values", "dtype"] = "values" if same else "dtype"
    return TensorDiff(name, kind, *sides, count, first, None if opaque else max_abs, max_ulp if floating else None)


def _side(source: Source | None) -> tuple[Shape, str] | None:
    if source is None:
        return None
    stored = source.stored
    return stored.shape, stored.dtype.name if stored.dtype else stored.kind


def _bitwise(a: Array, b: Array) -> tuple[int, int, int, float, int]:
    """Size, how many differ, the first of them, the largest difference in value and in units of the last place."""
    size = a.dtype.itemsize
    whole = size in (1, 2, 4, 8)
    bits = f"u{size}" if whole else f"V{size}"
    x, y = (np.ascontiguousarray(side).astype(side.dtype.newbyteorder("="), copy=False).view(bits) for side in (a, b))
    wrong = np.flatnonzero(x != y)
    if not wrong.size:
        return a.size, 0, 0, 0.0, 0
    ulps = _ulps(x[wrong], y[wrong]) if whole else 0
    return a.size, wrong.size, int(wrong[0]), _largest(a[wrong], b[wrong]), ulps


@np.errstate(all="ignore")
def _by_value(a: Array, b: Array) -> tuple[int, int, int, float, int]:
    x, y = _wide(a), _wide(b)
    wrong = np.flatnonzero((x != y) & ~(np.isnan(x) & np.isnan(y)))
    if not wrong.size:
        return a.size, 0, 0, 0.0, 0
    return a.size, wrong.size, int(wrong[0]), _largest(x[wrong], y[wrong]), 0


def _wide(a: Array) -> NDArray[Any]:
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


@np.errstate(all="ignore")
def _largest(a: Array, b: Array) -> float:
    if a.dtype.kind in "iu" and a.dtype == b.dtype:  # beyond 2^53 float64 has not all of them
        high, low = np.maximum(a, b).astype(np.uint64), np.minimum(a, b).astype(np.uint64)
        return float((high - low).max())
    if a.dtype == np.dtype("V1"):  # bytes of no meaning
        return math.nan
    return float(np.abs(_wide(a) - _wide(b)).max())


def _ulps(x: NDArray[np.generic], y: NDArray[np.generic]) -> int:
    """How many values of the dtype lie between the furthest pair, from their bits: sign and magnitude, made to count up."""
    width = 8 * x.dtype.itemsize
    half = np.uint64(1 << (width - 1))

    def rank(bits: NDArray[np.generic]) -> NDArray[np.uint64]:
        wide = bits.astype(np.uint64)
        magnitude = wide & (half - np.uint64(1))
        return np.where(wide & half, half - magnitude, half + magnitude)

    a, b = rank(x), rank(y)
    return int((np.maximum(a, b) - np.minimum(a, b)).max())
