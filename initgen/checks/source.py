"""The tensors of a file or of a stream, in blocks of values."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DTYPES, DType
from initgen.core.errors import FormatError
from initgen.core.registry import fits
from initgen.core.shapes import Shape
from initgen.engine.descriptors import opened, read_at
from initgen.formats import Extent, Format, Stored
from initgen.formats.npy import read_header
from initgen.formats.parts import Part
from initgen.specs.recipe import read_recipe
from initgen.specs.tensor import TensorSpec

# Elements of a block, about; see engine.plan.CHUNK for why not fewer.
BLOCK = 1 << 20

Block = Callable[[], NDArray[np.generic]]


def cuts(shape: Shape) -> Iterator[tuple[int, int]]:
    """Where the blocks of a tensor start in storage order, and how many elements they have.

    A block has whole slices of the first axis or lies within one, and has whole lines of the last axis, as far as these
    are short enough. So sums over slices can be made block by block.
    """
    count = math.prod(shape)
    if not count:
        return
    rows = shape[0] if len(shape) > 1 else 1
    row, line = count // rows, shape[-1] if shape else 1
    if row <= 2 * BLOCK:
        step = row * max(1, BLOCK // row)
        yield from ((start, min(step, count - start)) for start in range(0, count, step))
        return
    step = line * max(1, BLOCK // line) if line <= 2 * BLOCK and len(shape) > 1 else BLOCK
    for end in range(row, count + 1, row):
        yield from ((start, min(step, end - start)) for start in range(end - row, end, step))


@dataclass(frozen=True)
class Source:
    """One tensor and how to read it.

    Attributes:
        blocks: calls that read and may run on any thread; where they start, `cuts` says.
        again: whether it can be read more than once.
    """

    stored: Stored
    dtype: "np.dtype[np.generic]"
    blocks: Callable[[], Iterator[Block]]
    again: bool = True

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.stored.shape)

    def read(self, array: NDArray[np.generic]) -> "Source":
        """This source with its values in memory, so that a stream need not be read twice."""
        return source_of_array(array.astype(self.dtype, copy=False), self.stored.dtype, self.stored.name)

    def whole(self) -> NDArray[np.generic]:
        """The tensor in memory, in its shape."""
        parts = [block() for block in self.blocks()]
        return (np.concatenate(parts) if parts else np.empty(0, self.dtype)).reshape(self.stored.shape)

    def doubles(self) -> NDArray[np.float64]:
        """The tensor in memory, in its shape, in float64."""
        with np.errstate(invalid="ignore"):  # signalling NaNs among them
            return self.whole().astype(np.float64)


def source_of_array(array: NDArray[np.generic], dtype: DType | None, name: str) -> Source:
    """An array in memory as a source."""
    flat = array.reshape(-1)

    def blocks() -> Iterator[Block]:
        return (partial(flat.__getitem__, slice(start, start + size)) for start, size in cuts(array.shape))

    return Source(Stored(name, array.shape, dtype, array.dtype.name, None), array.dtype, blocks)


def recipe_in(part: Part) -> dict[str, TensorSpec]:
    """The descriptions that a file carries.

    Raises:
        FormatError: it carries none, or one that makes no sense.
    """
    if part.contents.recipe is None:
        raise FormatError(
            f"{part.path}: carries no recipe",
            "check it against a scheme: initgen stats FILE --scheme NAME; or a spec: initgen verify FILE --spec SPEC"
            if part.form.carries_recipe
            else f"{part.form.name} has no place for one: initgen verify FILE --spec SPEC",
        )
    return read_recipe(part.contents.recipe, part.path)


def sources_of(part: Part) -> Iterator[Source]:
    """The tensors of a file, in its order."""
    return (source_of(part, stored) for stored in part.contents.tensors)


def called(path: str, sources: list[Source], patterns: Sequence[str]) -> list[Source]:
    """The tensors whose names fit one of ``patterns``.

    Raises:
        FormatError: there are none.
    """
    chosen = [source for source in sources if fits(source.stored.name, patterns)]
    if not chosen:
        names = [source.stored.name for source in sources]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise FormatError(
            f"{path}: no tensor is called {' or '.join(pattern or repr('') for pattern in patterns)}",
            f"it has {', '.join(names[:5])}{more}",
        )
    return chosen


def source_of(part: Part, stored: Stored) -> Source:
    """A tensor of a file."""
    dtype = stored.dtype.numpy if stored.dtype else _plain(stored.kind)
    if stored.dtype is None and dtype.kind not in "fiubc":
        return Source(stored, dtype, partial(_opaque_blocks, part.path, stored))
    if stored.extent:
        return Source(stored, dtype, partial(_file_blocks, part.path, stored.extent, stored.shape, dtype))
    return Source(stored, dtype, partial(_loaded_blocks, part.path, part.form, stored, dtype))


# Names of the safetensors header for what numpy has and tensors of models are not stored in.
_TAGS = {"C64": "<c8"}


def _plain(kind: str) -> "np.dtype[np.generic]":
    """The numpy dtype of a kind; bytes of no meaning where numpy has none."""
    try:
        return np.dtype(_TAGS.get(kind, kind))
    except TypeError:
        return np.dtype("V1")


def _file_blocks(path: str, extent: Extent, shape: tuple[int, ...], dtype: "np.dtype[np.generic]") -> Iterator[Block]:
    for start, size in cuts(shape):
        yield partial(_read, path, extent.offset + start * dtype.itemsize, size * dtype.itemsize, dtype)


def _read(path: str, offset: int, size: int, dtype: "np.dtype[np.generic]") -> NDArray[np.generic]:
    # Opened for each block: blocks are read by several threads, some after the last was handed out.
    descriptor = opened(path, os.O_RDONLY)
    try:
        return np.frombuffer(read_at(descriptor, offset, size, path), dtype)
    finally:
        os.close(descriptor)


def _opaque_blocks(path: str, stored: Stored) -> Iterator[Block]:
    """Values that numpy has no dtype for, as bytes; objects and records have none of their own."""
    if stored.extent is None or (0 not in stored.shape and not stored.extent.nbytes):
        raise FormatError(f"{path}: {stored.name} holds {stored.kind}, which initgen does not read")
    return _file_blocks(path, stored.extent, (stored.extent.nbytes,), np.dtype("V1"))


def _loaded_blocks(path: str, form: Format, stored: Stored, dtype: "np.dtype[np.generic]") -> Iterator[Block]:
    array = np.ascontiguousarray(form.load(path, stored)).reshape(stored.shape)
    if array.dtype.kind == "V":
        array = array.view(dtype)
    yield from source_of_array(array, stored.dtype, stored.name).blocks()


def stream_source(file: BinaryIO, path: str) -> Source:
    """The array of a .npy stream, read once from start to end."""
    shape, fortran, dtype = read_header(file, path)
    if fortran and sum(size > 1 for size in shape) > 1:
        raise FormatError(f"{path}: an array in Fortran order cannot be read from a stream", "save it to a file first")

    def blocks() -> Iterator[Block]:
        count = math.prod(shape)
        for start, size in cuts(shape):
            data = file.read(size * dtype.itemsize)
            if len(data) < size * dtype.itemsize:
                early = (count - start) * dtype.itemsize - len(data)
                raise FormatError(f"{path}: ends {early} bytes early", "it is truncated")
            yield partial(np.frombuffer, data, dtype)
        if file.read(1):
            raise FormatError(f"{path}: more bytes follow the array")

    known = DTYPES.entries.get(dtype.newbyteorder("=").name)
    return Source(Stored("array", shape, known, dtype.name, None), dtype, blocks, again=False)
