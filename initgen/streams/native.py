"""The native stream, version 1: words to values of a law. A contract: once released, no value ever changes.

docs/stream.md says it to the bit, for any language; in short:

A word w is read as a signed integer of its b bits; it stands for the probability p = (w + 1/2) / 2^b + 1/2. Its value
is the law's quantile at p:

- a uniform law on [-h, h] takes (w + 1/2) * h / 2^(b-1); on [l, h] it takes (w' + 1/2) * (h - l) / 2^b + l, with
  w' = w + 2^(b-1); all in the dtype of the computation, which is float64 for float64 and float32 for the others;
- another law in float64 takes the quantile itself, ``law.quantiles``;
- in narrower dtypes the top 16 bits of w choose a line, and the low 16 bits are its argument: c0 + c1 * low, in
  float32. The line goes through the quantiles at low = 9598 and 55937. In the outermost 128 segments of either end, where the
  quantile bends too much, the quantile itself is taken in float64 and rounded.

The value is then held inside the law's support and rounded to the stored dtype (``rounding``).
"""

import math
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.laws import Constant, Law, Uniform
from initgen.streams import rounding
from initgen.streams.bits import Joined, Words

Floats = NDArray[np.float64]
F = TypeVar("F", bound=np.floating)

# Where a line meets the quantile: the Chebyshev points of 0 ... 65535, which halve the largest error.
_LEFT, _RIGHT = 9598, 55937
# The ends: 128 segments of 2^16 words, p below 0.002. As unsigned words they are one range around 2^31.
_END = 128 << 16
# Below this many elements the lines that are used are computed, above it all of them.
_FEW = 1 << 16


class Draw:
    """Draws of one law in one dtype. Holds tables only: one object may serve several threads.

    Args:
        count: about how many elements will be drawn; it chooses a way of computing, never a value.

    Raises:
        BadParameter: the dtype cannot hold the law (``rounding.bounds``).
    """

    def __init__(self, law: Law, dtype: DType, count: int) -> None:
        self.law, self.dtype = law, dtype
        self._low, self._high = rounding.bounds(law, dtype)
        self._clip = math.isfinite(self._low) or math.isfinite(self._high)
        self._all = dtype.word == 32 and count > _FEW and not isinstance(law, Uniform | Constant)
        if self._all:
            _lines_of(law)  # now, and not in several threads at once

    def __call__(self, words: Words | Joined, start: int, count: int) -> NDArray[np.generic]:
        """Elements ``start`` to ``start + count``, little-endian as stored (bfloat16 as its bits)."""
        if self.dtype.whole:
            return np.full(count, int(self._low), self.dtype.numpy)
        if isinstance(self.law, Constant):
            return self._stored(np.full(count, self._low))
        if self.dtype.word == 64:
            return self._stored(self._draw64(words.words64(start, count)))
        return self._stored(self._draw32(words.words32(start, count)))

    def _stored(self, values: NDArray[Any]) -> NDArray[np.generic]:
        if self._clip:
            np.clip(values, values.dtype.type(self._low), values.dtype.type(self._high), out=values)
        if self.dtype.word == 64:
            return values.astype("<f8", copy=False)
        values32 = values.astype(np.float32, copy=False)
        return rounding.store(values32, self.dtype, np.empty(0 if self.dtype.itemsize == 4 else values.size, np.uint32))

    def _draw64(self, words: NDArray[np.int64]) -> Floats:
        if not isinstance(self.law, Uniform):
            return _quantiles(self.law, words, 64)
        low, high = self.law.support
        if low == -high:
            return _scale(words.astype(np.float64) + 0.5, high, 2.0**-63)
        from_low = (words.view(np.uint64) ^ np.uint64(1 << 63)).astype(np.float64) + 0.5
        return _scale(from_low, high - low, 2.0**-64) + low

    def _draw32(self, words: NDArray[np.uint32]) -> NDArray[np.float32]:
        if isinstance(self.law, Uniform):
            return self._uniform32(words)
        part = np.right_shift(words, np.uint32(16))
        line = part.astype(np.int64)
        np.bitwise_and(words, np.uint32(0xFFFF), out=part)
        values = part.view(np.int32).astype(np.float32)
        if not self._all:
            used, line = np.unique(line, return_inverse=True)
            offset, slope = _scaled(_lines(self.law.standard()[0], used), self.law)
        else:
            offset, slope = _lines_of(self.law)
        # mode="wrap" spares take its range check, which costs as much as the take.
        term = np.take(slope, line, mode="wrap")
        np.multiply(values, term, out=values)
        np.take(offset, line, mode="wrap", out=term)
        np.add(values, term, out=values)
        np.subtract(words, np.uint32((1 << 31) - _END), out=part)
        ends = np.flatnonzero(part < np.uint32(2 * _END))
        if ends.size:
            values[ends] = _quantiles(self.law, words[ends].view(np.int32).astype(np.int64), 32)
        return values

    def _uniform32(self, words: NDArray[np.uint32]) -> NDArray[np.float32]:
        low, high = self.law.support
        if low == -high:
            values = words.view(np.int32).astype(np.float32)
            np.add(values, np.float32(0.5), out=values)
            return _scale(values, high, 2.0**-31)
        values = (words ^ np.uint32(1 << 31)).astype(np.float32)
        np.add(values, np.float32(0.5), out=values)
        _scale(values, high - low, 2.0**-32)
        return np.add(values, np.float32(low), out=values)


def _scale(values: NDArray[F], factor: float, power: float) -> NDArray[F]:
    """``values`` times ``factor`` times a power of two, in place and rounded once."""
    kind = values.dtype.type
    if kind(factor * power) < np.finfo(kind).tiny:  # their product has lost digits: one after the other
        np.multiply(values, kind(power), out=values)
        power = 1.0
    np.multiply(values, kind(factor * power), out=values)
    return values


def _quantiles(law: Law, words: NDArray[np.int64], bits: int) -> Floats:
    """The law's quantiles at (w + 1/2) / 2^bits + 1/2, each counted from its nearer end."""
    # From the lower end w + 2^(b-1) words lie before this one; from the upper end 2^(b-1) - 1 - w do.
    upper = words >= 0
    last = np.int64(2 ** (bits - 1) - 1)
    before = (words ^ np.where(upper, last, ~last)).astype(np.float64)
    return law.quantiles((before + 0.5) * 2.0**-bits, upper)


def _lines(law: Law, segments: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Offset and slope of the line of each of ``segments`` (the top 16 bits of a word, unsigned)."""
    first = segments.astype(np.uint16).view(np.int16).astype(np.int64) << 16
    left, right = (_quantiles(law, first + low, 32) for low in (_LEFT, _RIGHT))
    slope = (right - left) / (_RIGHT - _LEFT)
    return left - slope * _LEFT, slope


@lru_cache(maxsize=4)
def _all_lines(law: Law) -> tuple[Floats, Floats]:
    return _lines(law, np.arange(1 << 16))


# A model has few laws that differ; the tables of one are 512 kB.
@lru_cache(maxsize=32)
def _lines_of(law: Law) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _scaled(_all_lines(law.standard()[0]), law)


def _scaled(lines: tuple[Floats, Floats], law: Law) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The lines of a standard law as those of ``law``, rounded to float32."""
    _, shift, scale = law.standard()
    offset, slope = lines
    return (offset * scale + shift).astype(np.float32), (slope * scale).astype(np.float32)
