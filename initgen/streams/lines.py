"""The quantile of a law in float32: 2^16 lines, one for each value of a word's top 16 bits, and the ends beside them.

docs/stream.md says it to the bit; in short: the low 16 bits are the argument of the line, c0 + c1 * low, in float32. It goes
through the quantiles at low = 9598 and 55937. In the outermost 128 segments of either end, where the quantile bends
too much, the quantile itself is taken in float64 and rounded.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from initgen.laws import Law

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Words32 = NDArray[np.uint32]

# Where a line meets the quantile: the Chebyshev points of 0 ... 65535, which halve the largest error.
_LEFT, _RIGHT = 9598, 55937
# Segments at either end, p below 0.002, where the quantile itself is taken.
_END = 128
# Below this many elements the lines that are used are computed, above it all of them.
_FEW = 1 << 16


class Room:
    """Arrays that one block after the other is computed in, while they are in the cache; of one thread.

    Args:
        size: words of the largest block.
    """

    def __init__(self, size: int) -> None:
        self._line = np.empty(size, np.intp)
        self._low, self._more = np.empty(size, np.uint32), np.empty(size, np.uint32)

    def split(self, words: Words32) -> tuple[NDArray[np.intp], Words32, Words32]:
        """The top 16 bits of each word, its low 16 bits, and an array as long for what comes of them."""
        line, low, more = self._line[: words.size], self._low[: words.size], self._more[: words.size]
        np.right_shift(words, np.uint32(16), out=low)
        np.copyto(line, low, casting="same_kind")
        np.bitwise_and(words, np.uint32(0xFFFF), out=low)
        return line, low, more


class Lines:
    """The float32 values of a law by their words. Holds tables only: one object may serve several threads.

    Args:
        low, high: what every value is held inside.
        count: about how many will be drawn; it chooses a way of computing, never a value.
    """

    def __init__(self, law: Law, low: float, high: float, count: int) -> None:
        self.law, self._low, self._high = law, np.float32(low), np.float32(high)
        self._tables = _lines_of(law) if count > _FEW else None
        self._clip = self._leaves()

    def _leaves(self) -> bool:
        """Whether a line may leave the bounds. None turns, so its two ends tell."""
        if self._tables is None:
            return True
        offset, slope = self._tables
        ends = [offset, offset + slope * np.float32(0xFFFF)]
        return bool(np.nanmin(ends) < self._low or np.nanmax(ends) > self._high)

    def __call__(self, words: Words32) -> Floats32:
        """The value of each word."""
        values = np.empty(words.size, np.float32)
        ends = self.fill(words, values, Room(words.size))
        values[ends] = self.ends(words[ends])
        return values

    def fill(self, words: Words32, values: Floats32, room: Room) -> NDArray[np.intp]:
        """Fill in the values of all words but those at the ends, which become NaN, and say where these are."""
        line, low, term = room.split(words)
        np.copyto(values, low.view(np.int32), casting="unsafe")
        if self._tables is None:
            used, line = np.unique(line, return_inverse=True)
            offset, slope = _scaled(_lines(self.law.standard()[0], used), self.law)
        else:
            offset, slope = self._tables
        term = term.view(np.float32)
        # mode="wrap" spares take its range check, which costs as much as the take.
        np.take(slope, line, mode="wrap", out=term)
        np.multiply(values, term, out=values)
        np.take(offset, line, mode="wrap", out=term)
        np.add(values, term, out=values)
        if self._clip:
            np.clip(values, self._low, self._high, out=values)
        return np.flatnonzero(np.isnan(values))

    def ends(self, words: Words32) -> Floats32:
        """The values of words at the ends: the quantile itself."""
        values = quantiles(self.law, words.view(np.int32).astype(np.int64), 32).astype(np.float32)
        return np.clip(values, self._low, self._high, out=values)


def quantiles(law: Law, words: NDArray[np.int64], bits: int) -> Floats:
    """The law's quantiles at (w + 1/2) / 2^bits + 1/2, each counted from its nearer end."""
    # From the lower end w + 2^(b-1) words lie before this one; from the upper end 2^(b-1) - 1 - w do.
    # The sign, 0 or -1, turns the one into the other.
    before = words >> np.int64(63)
    before ^= words
    before ^= np.int64(2 ** (bits - 1) - 1)
    tail = before.astype(np.float64)
    tail += 0.5
    tail *= 2.0**-bits
    return law.quantiles(tail, words >= 0)


def _lines(law: Law, segments: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Offset and slope of the line of each of ``segments`` (the top 16 bits of a word, unsigned); NaN at the ends."""
    signed = segments.astype(np.uint16).view(np.int16).astype(np.int64)
    left, right = (quantiles(law, (signed << 16) + low, 32) for low in (_LEFT, _RIGHT))
    slope = (right - left) / (_RIGHT - _LEFT)
    offset = left - slope * _LEFT
    offset[(signed < _END - (1 << 15)) | (signed >= (1 << 15) - _END)] = np.nan
    return offset, slope


@lru_cache(maxsize=4)
def _all_lines(law: Law) -> tuple[Floats, Floats]:
    return _lines(law, np.arange(1 << 16))


# A model has few laws that differ; the tables of one are 512 kB.
@lru_cache(maxsize=32)
def _lines_of(law: Law) -> tuple[Floats32, Floats32]:
    return _scaled(_all_lines(law.standard()[0]), law)


def _scaled(lines: tuple[Floats, Floats], law: Law) -> tuple[Floats32, Floats32]:
    """The lines of a standard law as those of ``law``, rounded to float32."""
    _, shift, scale = law.standard()
    offset, slope = lines
    return (offset * scale + shift).astype(np.float32), (slope * scale).astype(np.float32)
