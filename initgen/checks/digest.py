"""SHA-256 of tensors, whatever file they are in, and of files."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import IO

from initgen.core.url import is_url
from initgen.engine.draw import Tensor, keep_freed_memory
from initgen.engine.files import Plan
from initgen.engine.ordered import ordered
from initgen.engine.plan import Chunk, chunks
from initgen.specs.tensor import TensorSpec

_BLOCK = 1 << 22


def digests_of_specs(specs: Sequence[TensorSpec], threads: int | None = None) -> dict[str, str]:
    """The digest of each tensor's data, little-endian and in C order, as it is drawn: the same in every format."""
    tensors = Tensor.all_of(specs)
    keep_freed_memory()

    def draw(chunk: Chunk) -> tuple[int, memoryview]:
        return chunk.tensor, tensors[chunk.tensor](chunk.start, chunk.count).view("u1").data

    digests = {}
    current, hashing = 0, hashlib.sha256()
    for tensor, data in ordered(draw, chunks(specs), threads):
        while current < tensor:  # also past tensors without elements
            digests[specs[current].name] = hashing.hexdigest()
            current, hashing = current + 1, hashlib.sha256()
        hashing.update(data)
    for spec in specs[current:]:
        digests[spec.name] = hashing.hexdigest()
        hashing = hashlib.sha256()
    return digests


def digests_of_files(plan: Plan, threads: int | None = None) -> dict[str, str]:
    """The digest of each file of an output, by its path; each has been written."""
    paths = [os.path.join(plan.path, name) if name else plan.path for name in plan.names]
    return dict(zip(paths, ordered(_of_file, paths, threads), strict=True))


def _opened(path: str) -> AbstractContextManager[IO[bytes]]:
    if not is_url(path):
        return open(path, "rb")
    from initgen.engine.remote import Remote

    return Remote(path).opened("")


def _of_file(path: str) -> str:
    hashing = hashlib.sha256()
    with _opened(path) as file:
        while data := file.read(_BLOCK):
            hashing.update(data)
    return hashing.hexdigest()
