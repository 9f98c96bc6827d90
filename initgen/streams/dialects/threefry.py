"""JAX's random bits: Threefry-2x32 with 20 rounds, and the two ways in which JAX counts elements with it.

Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"; jax/_src/random/threefry2x32.py. Every element's bits
are a function of its index, so that any piece of a tensor can be drawn alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Key = tuple[int, int]

BLOCK = 1 << 15

_MASK = 0xFFFFFFFF
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def encrypt(key: Key, x0: Words, x1: Words, room: Words) -> None:
    """Encrypt the blocks (x0, x1) in place; ``room`` is scratch of their size."""
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    np.add(x0, np.uint32(keys[0]), out=x0)
    np.add(x1, np.uint32(keys[1]), out=x1)
    for group in range(5):
        for by in _ROTATIONS[group % 2]:
            np.add(x0, x1, out=x0)
            np.left_shift(x1, np.uint32(by), out=room)
            np.right_shift(x1, np.uint32(32 - by), out=x1)
            np.bitwise_or(x1, room, out=x1)
            np.bitwise_xor(x1, x0, out=x1)
        np.add(x0, np.uint32(keys[(group + 1) % 3]), out=x0)
        np.add(x1, np.uint32((keys[(group + 2) % 3] + group + 1) & _MASK), out=x1)


def seeded(seed: int, wide: bool) -> Key:
    """``jax.random.key(seed)``: all 64 bits of the seed where jax_enable_x64 is set, and the lower 32 elsewhere."""
    return (seed >> 32) & _MASK if wide else 0, seed & _MASK


def fold_in(key: Key, number: int) -> Key:
    """``jax.random.fold_in``, of a number that is read as 32 bits."""
    x0, x1 = np.zeros(1, np.uint32), np.full(1, number & _MASK, np.uint32)
    encrypt(key, x0, x1, np.empty_like(x0))
    return int(x0[0]), int(x1[0])


class Bits(ABC):
    """A way of counting: the random bits of a tensor of ``total`` elements, ``width`` bits for each: 8, 16, 32 or 64."""

    most: int
    "Elements that a tensor may have."

    @abstractmethod
    def blocks(self, key: Key, width: int, start: int, count: int, total: int) -> Iterator[NDArray[Any]]:
        """The bits of elements ``start`` to ``start + count``, as unsigned integers of that width, a block at a time."""


class Partitionable(Bits):
    """jax_threefry_partitionable=True, the default since jax 0.5: element i encrypts i."""

    most = 1 << 63

    def blocks(self, key: Key, width: int, start: int, count: int, total: int) -> Iterator[NDArray[Any]]:
        for at, size in _pieces(start, count, 1 << 32):
            x0 = np.full(size, at >> 32, np.uint32)
            x1 = _range(at, size)
            encrypt(key, x0, x1, np.empty_like(x0))
            if width == 64:
                yield _joined(x0, x1)
            else:
                yield np.bitwise_xor(x0, x1, out=x1).astype(f"u{width // 8}", copy=False)


class Original(Bits):
    """jax_threefry_partitionable=False: the tensor is cut in two halves, and a block gives a word for each.

    Of W words, H = ceil(W/2), block j encrypts (j, j + H): its first word is word j, its second word j + H. Where W is
    odd, the last block encrypts 0 in place of j + H.
    """

    most = (1 << 31) - 1
    "Of 64 bits each; from 2^32 - 1 words on JAX splits the key."

    def blocks(self, key: Key, width: int, start: int, count: int, total: int) -> Iterator[NDArray[Any]]:
        words = -(-width * total // 32)
        if width == 64:
            for at, size in _pieces(start, count):
                yield _joined(*self._both(key, words, at, size))
        elif width == 32:
            yield from self._words(key, words, start, count)
        else:
            share = 32 // width
            first, skip = start // share, start % share
            for block in self._words(key, words, first, -(-(start + count) // share) - first):
                shares = block.astype("<u4", copy=False).view(f"<u{width // 8}")
                values = shares.astype(f"u{width // 8}", copy=False)[skip : skip + count]
                count -= values.size
                skip = 0
                yield values

    def _words(self, key: Key, words: int, start: int, count: int) -> Iterator[Words]:
        half = -(-words // 2)
        for at, size in _pieces(start, count, half):
            if at < half:
                yield self._both(key, words, at, size)[0]
            else:
                yield self._both(key, words, at - half, size)[1]

    def _both(self, key: Key, words: int, at: int, size: int) -> tuple[Words, Words]:
        half = -(-words // 2)
        x0, x1 = _range(at, size), _range(at + half, size)
        if at + size + half > words:
            x1[-1] = 0
        encrypt(key, x0, x1, np.empty_like(x0))
        return x0, x1


def _range(start: int, count: int) -> Words:
    return np.arange(count, dtype=np.uint32) + np.uint32(start & _MASK)


def _joined(high: Words, low: Words) -> NDArray[np.uint64]:
    joined = high.astype(np.uint64)
    np.left_shift(joined, np.uint64(32), out=joined)
    return np.bitwise_or(joined, low, out=joined)


def _pieces(start: int, count: int, wall: int = 1 << 64) -> Iterator[tuple[int, int]]:
    """``start`` to ``start + count`` in pieces of at most a block, none of which crosses a multiple of ``wall``."""
    end = start + count
    while start < end:
        size = min(BLOCK, end - start, wall - start % wall)
        yield start, size
        start += size
