"""The native stream, version 1: words to values of a law. A contract: once released, no value ever changes.

docs/stream.md says it to the bit, for any language; in short:

A word w is read as a signed integer of its b bits; it stands for the probability p = (w + 1/2) / 2^b + 1/2. Its value
is the law's quantile at p:

- a uniform law on [-h, h] takes (w + 1/2) * h / 2^(b-1); on [l, h] it takes (w' + 1/2) * (h - l) / 2^b + l, with
  w' = w + 2^(b-1); all in the dtype of the computation, which is float64 for float64 and float32 for the others;
- another law in float64 takes the quantile itself, ``law.quantiles``;
- in narrower dtypes the top 16 bits of w choose a line, and the low 16 bits are its argument (``lines``).

The value is then held inside the law's support and rounded to the stored dtype (``rounding``).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.laws import Constant, Law, Uniform
from initgen.streams import rounding
from initgen.streams.bits import Joined, Words
from initgen.streams.lines import Lines, Room, quantiles
from initgen.streams.table import Table

# Words that are drawn in one go: what a step leaves is still in the cache when the next step takes it.
_BLOCK32, _BLOCK64 = 1 << 16, 1 << 15
# From so many elements on, a table of stored values is worth the millisecond that it takes.
_MANY = 1 << 20


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
        self._table = None
        if isinstance(law, Uniform):
            self._linear = _Linear(law, np.float64 if dtype.word == 64 else np.float32)
            self._clip = self._leaves()
        elif dtype.word == 32 and not isinstance(law, Constant):
            self._lines = Lines(law, self._low, self._high, count)
            if count >= _MANY and dtype.itemsize <= 2:
                table = Table(self._along_a_line, dtype)
                self._table = table if table.helps else None

    def __call__(self, words: Words | Joined, start: int, count: int) -> NDArray[Any]:
        """Elements ``start`` to ``start + count``, as `rounding.empty` has room for them."""
        out = rounding.empty(count, self.dtype)
        self.fill(words, start, out)
        return out

    def fill(self, words: Words | Joined, start: int, out: NDArray[Any]) -> None:
        """The elements from ``start`` on, as many as ``out`` has room for."""
        if isinstance(self.law, Constant):
            out[...] = int(self._low) if self.dtype.whole else rounding.stored(np.full(1, self._low), self.dtype)
        elif self.dtype.word == 64:
            self._fill64(words, start, out)
        elif isinstance(self.law, Uniform):
            self._fill32(words, start, out)
        else:
            self._fill_by_lines(words, start, out)

    def _along_a_line(self, words: NDArray[np.uint32]) -> NDArray[np.float32]:
        values = np.empty(words.size, np.float32)
        self._lines.fill(words, values, Room(words.size))
        return values

    def _leaves(self) -> bool:
        """Whether a draw may leave the bounds. Draws grow with their words, so that the least and the largest tell."""
        bits = self.dtype.word
        outermost = np.empty(2, f"f{bits // 8}")
        self._linear.fill(np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1], f"i{bits // 8}"), outermost)
        first, last = outermost.tolist()
        return bool(first < self._low or last > self._high)

    def _fill64(self, words: Words | Joined, start: int, out: NDArray[Any]) -> None:
        at = 0
        for block in words.blocks64(start, out.size, _BLOCK64):
            if isinstance(self.law, Uniform):
                values = np.empty(block.size)
                self._linear.fill(block, values)
            else:
                values = quantiles(self.law, block, 64)
            if self._clip:
                np.clip(values, self._low, self._high, out=values)
            out[at : at + block.size] = values
            at += block.size

    def _fill32(self, words: Words | Joined, start: int, out: NDArray[Any]) -> None:
        at = 0
        low, high = np.float32(self._low), np.float32(self._high)
        for block in words.blocks32(start, out.size, _BLOCK32):
            part = out[at : at + block.size]
            values = self._floats(part)
            self._linear.fill(block, values)
            if self._clip:
                np.clip(values, low, high, out=values)
            rounding.store(values, self.dtype, part)
            at += block.size

    def _fill_by_lines(self, words: Words | Joined, start: int, out: NDArray[Any]) -> None:
        at = 0
        room = Room(min(out.size, _BLOCK32))
        left: list[tuple[NDArray[np.intp], NDArray[np.uint32]]] = []
        for block in words.blocks32(start, out.size, _BLOCK32):
            part = out[at : at + block.size]
            if self._table:
                rest = self._table.fill(block, part, room)
            else:
                values = self._floats(part)
                rest = self._lines.fill(block, values, room)
                rounding.store(values, self.dtype, part)
            left.append((rest + at, block[rest]))
            at += block.size
        if left:  # in one go, as each of many short calls costs more than what it computes
            places, rest_words = (np.concatenate(parts) for parts in zip(*left, strict=True))
            values = self._lines(rest_words) if self._table else self._lines.ends(rest_words)
            out[places] = rounding.stored(values, self.dtype)

    def _floats(self, part: NDArray[Any]) -> NDArray[np.float32]:
        """Room for the float32 values of a part of the output: itself where it is of float32."""
        return part if part.dtype == np.float32 else np.empty(part.size, np.float32)


class _Linear:
    """A uniform law as a linear function of the words, in the dtype of the computation."""

    def __init__(self, law: Uniform, kind: type[np.float32] | type[np.float64]) -> None:
        low, high = law.support
        bits = np.dtype(kind).itemsize * 8
        self._symmetric = low == -high
        factor, power = (high, 2.0 ** (1 - bits)) if self._symmetric else (high - low, 2.0**-bits)
        # Where the product of the two has lost digits, they are multiplied one after the other.
        apart = kind(factor * power) < np.finfo(kind).tiny
        self._factors = (kind(power), kind(factor)) if apart else (kind(factor * power),)
        self._half, self._low = kind(0.5), kind(low)
        self._signed, self._sign = np.dtype(f"i{bits // 8}"), np.dtype(f"u{bits // 8}").type(1 << (bits - 1))

    def fill(self, words: NDArray[Any], values: NDArray[Any]) -> None:
        """The value of each word."""
        if self._symmetric:
            np.copyto(values, words.view(self._signed), casting="unsafe")
        else:
            np.copyto(values, words.view(self._sign.dtype) ^ self._sign, casting="unsafe")
        np.add(values, self._half, out=values)
        for factor in self._factors:
            np.multiply(values, factor, out=values)
        if not self._symmetric:
            np.add(values, self._low, out=values)
