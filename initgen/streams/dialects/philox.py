"""Philox4x32-10, a counter-based generator: any block of its words without those before it.

Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", section 3.3.
"""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]  # each of 32 bits
Four = tuple[Words, Words, Words, Words]

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def block(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The four words of one block."""
    w0, w1, w2, w3 = _encrypted(key, tuple(np.array([word], np.uint64) for word in counter))  # type: ignore[arg-type]
    return int(w0[0]), int(w1[0]), int(w2[0]), int(w3[0])


def blocks(key: tuple[int, int], upper: tuple[int, int], numbers: NDArray[np.uint64]) -> Four:
    """The words of those blocks of a stream whose counter is the block's number, with the ``upper`` two words above it.

    Args:
        numbers: of blocks, each below 2^64.

    Returns:
        The first word of every block, the second, and so on.
    """
    above = tuple(np.full(numbers.size, word, np.uint64) for word in upper)
    return _encrypted(key, (numbers & _LOW, numbers >> _HALF, *above))  # type: ignore[arg-type]


def _encrypted(key: tuple[int, int], counters: Four) -> Four:
    """Ten rounds. The arrays of ``counters`` are overwritten."""
    c0, c1, c2, c3 = counters
    first, second = np.empty_like(c0), np.empty_like(c0)
    for number in range(_ROUNDS):
        k0, k1 = (np.uint64((word + number * step) & 0xFFFFFFFF) for word, step in zip(key, _WEYL, strict=True))
        np.multiply(c0, _MULTIPLIERS[0], out=first)
        np.multiply(c2, _MULTIPLIERS[1], out=second)
        # The next counters are (high(second) ^ c1 ^ k0, low(second), high(first) ^ c3 ^ k1, low(first)).
        np.right_shift(second, _HALF, out=c0)
        np.bitwise_xor(c0, c1, out=c0)
        np.bitwise_xor(c0, k0, out=c0)
        np.right_shift(first, _HALF, out=c2)
        np.bitwise_xor(c2, c3, out=c2)
        np.bitwise_xor(c2, k1, out=c2)
        np.bitwise_and(second, _LOW, out=c1)
        np.bitwise_and(first, _LOW, out=c3)
    return c0, c1, c2, c3
