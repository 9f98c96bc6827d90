"""The raw words of the native stream, version 1: SHA-256 for the key, PCG64DXSM for the words.

Only the bit generator's raw output is used, which numpy promises never to change, and its state is set directly:
nothing of ``SeedSequence`` or ``Generator``, which numpy may improve, takes part.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.random import PCG64DXSM
from numpy.typing import NDArray

VERSION = "native-1"

_LITTLE64, _LITTLE32 = np.dtype("<i8"), np.dtype("<u4")

W = TypeVar("W", bound=np.generic)


def key(seed: int, name: str) -> tuple[int, int]:
    """State and increment of the generator for a tensor, 128 bits each.

    They are the two halves of SHA-256 over ``initgen native-1``, a zero byte, the seed (8 bytes, little-endian) and the
    name (UTF-8), read little-endian; the increment is made odd. A tensor with a seed of its own has the empty name.
    """
    message = f"initgen {VERSION}\0".encode() + seed.to_bytes(8, "little") + name.encode()
    digest = hashlib.sha256(message).digest()
    return int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:], "little") | 1


class _Generator(threading.local):
    """One generator for each thread: making one costs more than drawing a small tensor."""

    def __init__(self) -> None:
        self.bits = PCG64DXSM(0)


_generator = _Generator()


class Words:
    """Random access to one tensor's words."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed, self._name = seed, name

    @cached_property
    def _start(self) -> Any:
        state, increment = key(self._seed, self._name)
        return {
            "bit_generator": "PCG64DXSM",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }

    def blocks64(self, start: int, count: int, size: int) -> Iterator[NDArray[np.int64]]:
        """64-bit words ``start`` to ``start + count``, read as signed integers, ``size`` at a time.

        They come from the thread's one generator: take them to the end before another stream's.
        """
        bits = _generator.bits
        bits.state = self._start
        bits.advance(start)
        for at in range(0, count, size):
            yield bits.random_raw(min(size, count - at)).view(np.int64)

    def blocks32(self, start: int, count: int, size: int) -> Iterator[NDArray[np.uint32]]:
        """32-bit words ``start`` to ``start + count``, ``size`` at a time, an even number: low half first, then high half."""
        skip = start % 2
        first = start // 2
        for words in self.blocks64(first, (start + count + 1) // 2 - first, size // 2):
            halves = (
                words.astype(_LITTLE64, copy=False).view(_LITTLE32).astype(np.uint32, copy=False)[skip : skip + count]
            )
            count -= halves.size
            skip = 0
            yield halves


class Joined:
    """Pieces of several streams, end to end, as if they were the words of one."""

    def __init__(self, parts: Sequence[tuple[Words, int, int]]) -> None:
        self._parts = parts

    def blocks64(self, start: int, count: int, size: int) -> Iterator[NDArray[np.int64]]:
        """All pieces, as 64-bit words."""
        return _cut(
            np.concatenate([block for part in self._parts for block in part[0].blocks64(*part[1:], size)]), size
        )

    def blocks32(self, start: int, count: int, size: int) -> Iterator[NDArray[np.uint32]]:
        """All pieces, as 32-bit words."""
        return _cut(
            np.concatenate([block for part in self._parts for block in part[0].blocks32(*part[1:], size)]), size
        )


def _cut(words: NDArray[W], size: int) -> Iterator[NDArray[W]]:
    for at in range(0, words.size, size):
        yield words[at : at + size]
