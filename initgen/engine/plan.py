"""What is to be drawn, cut into pieces that stay in a core's cache."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initgen.laws import Law
from initgen.specs.tensor import TensorSpec

# 1 MiB of words. Measured: with half of it two threads fight over the interpreter lock, with twice they leave the cache.
CHUNK = 1 << 17


@dataclass(frozen=True)
class Chunk:
    """Elements ``start`` to ``start + count`` of tensor number ``tensor``."""

    tensor: int
    start: int
    count: int


def chunks(specs: Sequence[TensorSpec]) -> Iterator[Chunk]:
    """Every element of every tensor once, in order. A structure is made whole, so it is one chunk."""
    for tensor, spec in enumerate(specs):
        size = CHUNK * 32 // spec.dtype.word if isinstance(spec.made, Law) else max(spec.count, 1)
        for start in range(0, spec.count, size):
            yield Chunk(tensor, start, min(size, spec.count - start))
