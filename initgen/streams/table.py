"""Values of narrow dtypes by a table of the top 16 bits of a word: 65,536 entries, where the dtype has few numbers.

All words with the same top 16 bits lie next to each other on a law, and most such segments hold one or two of the numbers
of a narrow dtype. An entry is t = (number << 16) + 2^16 - first, where ``first`` is the lowest of the low 16 bits that has
the next number already: (t + low) >> 16 is then the one number or the other, without a branch. Numbers are counted
in their order. What a segment with more numbers has is computed one by one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.streams import rounding
from initgen.streams.lines import Room

Words32 = NDArray[np.uint32]
Values32 = Callable[[Words32], NDArray[np.float32]]

# Marks a segment that has more than two numbers. As a number it would be NaN.
_MORE = np.int32(0x7FFF0000)
# Above this share of such segments computing all values is as fast.
_MOST = 0.15


class Table:
    """The bits in which a dtype of 8 or 16 bits stores each segment's values.

    Args:
        values: the float32 values of words. Within a segment they must not fall as words grow. NaN where that is not sure.
    """

    def __init__(self, values: Values32, dtype: DType) -> None:
        self._dtype = dtype
        segments = np.arange(1 << 16, dtype=np.uint32) << np.uint32(16)

        def number(low: NDArray[np.uint32], of: Words32) -> NDArray[np.int32]:
            return _number_of(rounding.stored(values(of + low), dtype), dtype)

        sure = ~np.isnan(values(segments))
        least, most = (number(np.full(1 << 16, low, np.uint32), segments) for low in (0, 0xFFFF))
        first = np.full(1 << 16, 1 << 16, np.int32)
        two = np.flatnonzero(sure & (most == least + 1))
        # Where the next number begins, by halving: it does not at ``below``, it does at ``above``.
        below, above = np.zeros(two.size, np.uint32), np.full(two.size, 0xFFFF, np.uint32)
        while (above - below > 1).any():
            middle = (below + above) // np.uint32(2)
            next_one = number(middle, segments[two]) > least[two]
            below, above = np.where(next_one, below, middle), np.where(next_one, middle, above)
        first[two] = above
        self._entries = (least << np.int32(16)) + (np.int32(1 << 16) - first)
        self._entries[~(sure & (most <= least + 1))] = _MORE
        self.helps = bool((self._entries == _MORE).mean() < _MOST)

    def fill(self, words: Words32, out: NDArray[Any], room: Room) -> NDArray[np.intp]:
        """Fill in the bits of each word's value, but for those in segments with more numbers, and say where these are."""
        line, low, entries = room.split(words)
        # mode="wrap" spares take its range check, which costs as much as the take.
        np.take(self._entries, line, mode="wrap", out=entries.view(np.int32))
        np.add(entries, low, out=entries)
        numbers = np.right_shift(entries.view(np.int32), np.int32(16), out=low.view(np.int32)).astype(np.int16)
        more = np.flatnonzero(numbers == np.int16(_MORE >> 16))
        # From numbers in order to bits: of a negative one all but the sign are turned.
        turned = numbers >> np.int16(15)
        np.bitwise_and(turned, np.int16(2 ** (8 * self._dtype.itemsize - 1) - 1), out=turned)
        np.bitwise_xor(numbers, turned, out=numbers)
        np.copyto(out.view(f"<i{out.itemsize}"), numbers, casting="unsafe")
        return more


def _number_of(stored: NDArray[np.generic], dtype: DType) -> NDArray[np.int32]:
    """Numbers in their order, from -2^(b-1) for the lowest: -0 is -1, and 0 is 0."""
    signed = stored.view(f"<i{dtype.itemsize}").astype(np.int32)
    return np.where(signed < 0, signed ^ np.int32(2 ** (8 * dtype.itemsize - 1) - 1), signed)
