"""What is to be drawn, cut into pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initgen.specs.tensor import TensorSpec

# Elements of a chunk, for words of 32 bits. Measured on two cores: normals take 2.5 s a gigabyte with 2^17, 1.3 with 2^19,
# and no less with 2^20. What is done for the few values in the tails is many short calls, and each is a fight over the
# interpreter lock; the larger the chunk, the fewer of them.
CHUNK = 1 << 19


@dataclass(frozen=True)
class Chunk:
    """Elements ``start`` to ``start + count`` of tensor number ``tensor``."""

    tensor: int
    start: int
    count: int


def chunks(specs: Sequence[TensorSpec]) -> Iterator[Chunk]:
    """Every element of every tensor once, in order. A structure is made whole, so it is one chunk."""
    for tensor, spec in enumerate(specs):
        size = CHUNK * 32 // spec.dtype.word if spec.element_law else max(spec.count, 1)
        for start in range(0, spec.count, size):
            yield Chunk(tensor, start, min(size, spec.count - start))


def batches(specs: Sequence[TensorSpec]) -> Iterator[list[Chunk]]:
    """The same chunks, small ones together: handing a task to a thread costs as much as drawing a small tensor."""
    batch: list[Chunk] = []
    room = CHUNK
    for chunk in chunks(specs):
        if batch and (chunk.count > room or len(batch) == 256):
            yield batch
            batch, room = [], CHUNK
        batch.append(chunk)
        room -= chunk.count
    if batch:
        yield batch
