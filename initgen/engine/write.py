"""Writes described tensors to a file, or says whether the file has them already."""

import math
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import IO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from initgen.core.errors import Appeared, BadParameter, FormatError, OutputError
from initgen.core.shapes import format_shape
from initgen.engine.comparison import Comparison
from initgen.engine.descriptors import opened, read_at, reserve, write_at
from initgen.engine.draw import Tensor, keep_freed_memory
from initgen.engine.ordered import ordered
from initgen.engine.output import appearing, check_space, faults_of, target_of
from initgen.engine.plan import Chunk, batches, chunks
from initgen.engine.processes import spread
from initgen.engine.progress import SILENT, Progress
from initgen.engine.temporary import clear
from initgen.formats import Extent, Format
from initgen.specs.recipe import recipe_of
from initgen.specs.tensor import TensorSpec
from initgen.streams import rounding


@dataclass(frozen=True)
class Written:
    """What became of an output: its path, what was done, and its size in bytes."""

    path: str
    action: Literal["wrote", "unchanged"]
    nbytes: int


@dataclass(frozen=True)
class Difference:
    """A tensor of a file that is not what its description gives: how many elements, and the first of them."""

    name: str
    count: int
    first: int


@dataclass(frozen=True)
class Blank:
    """A file that is to be made, where nobody reads yet.

    Attributes:
        path: where it is made.
        name: what it will be called.
    """

    path: str
    name: str
    tensors: Sequence[Tensor]
    form: Format

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return sum(tensor.spec.nbytes for tensor in self.tensors)


# Makes files of blanks, and hands each back when its data is in place: this machine's threads, or a cluster.
Filler = Callable[[Iterable[Blank], Progress], Iterator[Blank]]


def write(
    specs: Sequence[TensorSpec],
    path: str,
    form: Format,
    *,
    force: bool = False,
    fsync: bool = True,
    threads: int | None = None,
    progress: Progress = SILENT,
    filler: Filler | None = None,
) -> Written:
    """Make a file with these tensors. A file that is there already stays, unless ``force``.

    Args:
        filler: who draws; by default ``threads`` of this machine.

    Raises:
        FormatError: the format cannot hold them.
        BadParameter: a dtype cannot hold its law.
        OutputError: the path cannot be written, or holds something else.
    """
    form.check([spec.header for spec in specs])
    target = target_of(path)
    tensors = Tensor.all_of(specs)
    if target.mode is not None and not force:
        if matches(specs, path, form, threads, progress):
            clear(os.path.dirname(target.real))
            return _unchanged(path)
        raise OutputError(f"{path}: exists and holds something else", "--force replaces it")
    check_space(target, sum(spec.nbytes for spec in specs))
    try:
        with appearing(target, force=force, fsync=fsync) as temporary:
            (made,) = (filler or local(threads))([Blank(temporary, path, tensors, form)], progress)
            size = os.stat(made.path).st_size
    except Appeared:  # the same command at the same time makes the same
        if not matches(specs, path, form, threads):
            raise
        return _unchanged(path)
    progress.end(path)
    return Written(path, "wrote", size)


def _unchanged(path: str) -> Written:
    with faults_of(path):
        return Written(path, "unchanged", os.stat(path).st_size)


def local(threads: int | None = None) -> Filler:
    """The threads of this machine, which fill one file after the other."""

    def fill(blanks: Iterable[Blank], progress: Progress) -> Iterator[Blank]:
        for blank in blanks:
            progress.begin(blank.name, blank.nbytes)
            _make(blank, threads, progress)
            yield blank

    return fill


def _make(blank: Blank, threads: int | None, progress: Progress) -> None:
    keep_freed_memory()
    specs = [tensor.spec for tensor in blank.tensors]
    if blank.form.sequential:
        headers, recipe = [spec.header for spec in specs], recipe_of(specs)
        with open(blank.path, "wb") as file:
            blank.form.pack(file, headers, recipe, _pieces(blank.tensors, threads, progress))
        return
    _, extents = lay_out(blank.path, specs, blank.form)
    descriptor = opened(blank.path, os.O_RDWR)
    try:
        for nbytes in spread(
            lambda run: put(descriptor, blank.tensors, run),
            lambda: runs(blank.tensors, extents),
            work_of(blank.tensors),
            threads,
        ):
            progress(nbytes)
    finally:
        os.close(descriptor)


def lay_out(path: str, specs: Sequence[TensorSpec], form: Format) -> tuple[int, list[Extent]]:
    """Make a file with everything but its data, and all of its room; its size, and where the data of each tensor goes."""
    extents = form.layout(path, [spec.header for spec in specs], recipe_of(specs))
    descriptor = opened(path, os.O_RDWR)
    try:
        size = max([os.fstat(descriptor).st_size, *(extent.offset + extent.nbytes for extent in extents)])
        reserve(descriptor, size)
    finally:
        os.close(descriptor)
    return size, extents


@dataclass(frozen=True)
class Run:
    """Chunks whose bytes follow one another in a file, and where the first begins."""

    batch: list[Chunk]
    offset: int
    nbytes: int

    @property
    def alone(self) -> AbstractContextManager[object]:
        """Keeps threads that handle small tensors from each other, who would only fight for the interpreter."""
        return _SMALL if len(self.batch) > 1 else nullcontext()


_SMALL = threading.Lock()


def work_of(tensors: Sequence[Tensor]) -> int:
    """How much there is to do, in bytes: a small tensor takes as long as some 20 kB of a large one."""
    return sum(tensor.spec.nbytes + 20_000 for tensor in tensors)


def put(descriptor: int, tensors: Sequence[Tensor], run: Run) -> int:
    """Draw a run and write it to its place in a file; how many bytes that were."""
    with run.alone:
        pieces = Tensor.pieces(tensors, run.batch)
    data = pieces[0].data if len(pieces) == 1 else np.concatenate(pieces).data
    write_at(descriptor, data, run.offset)
    return len(data)


def runs(tensors: Sequence[Tensor], extents: Sequence[Extent]) -> Iterator[Run]:
    """All chunks in the order of the file, small ones that are neighbours together."""
    order = sorted(range(len(tensors)), key=lambda number: extents[number].offset)
    for batch in batches([tensors[number].spec for number in order]):
        run: list[Chunk] = []
        begin = end = 0
        for chunk in batch:
            number = order[chunk.tensor]
            size = tensors[number].spec.dtype.itemsize
            at = extents[number].offset + chunk.start * size
            if run and at != end:
                yield Run(run, begin, end - begin)
                run = []
            if not run:
                begin = at
            run.append(Chunk(number, chunk.start, chunk.count))
            end = at + chunk.count * size
        if run:
            yield Run(run, begin, end - begin)


def _pieces(
    tensors: Sequence[Tensor], threads: int | None, progress: Progress = SILENT
) -> Iterator[Iterator[memoryview]]:
    """The data of each tensor in order, in pieces; each has to be taken to its end before the next."""

    def draw(chunk: Chunk) -> tuple[int, memoryview]:
        return chunk.count, tensors[chunk.tensor](chunk.start, chunk.count).view(np.uint8).data

    drawn = ordered(draw, chunks([tensor.spec for tensor in tensors]), threads)

    def of(count: int) -> Iterator[memoryview]:
        while count:
            size, data = next(drawn)
            count -= size
            progress(len(data))
            yield data

    for tensor in tensors:
        yield of(tensor.spec.count)


def stream(
    specs: Sequence[TensorSpec], form: Format, threads: int | None = None, progress: Progress = SILENT
) -> Generator[bytes | memoryview, None, None]:
    """A file piece by piece in order, for an output that cannot be filled in place.

    Raises:
        FormatError: the format is not one header followed by the data.
    """
    specs = form.in_order(specs)
    headers = [spec.header for spec in specs]
    form.check(headers)
    tensors = Tensor.all_of(specs)
    prefix = form.prefix(headers, recipe_of(specs))
    if prefix is None:
        raise FormatError(f"{form.name} cannot be streamed", "write it to a file: -o FILE")
    yield prefix
    keep_freed_memory()
    for data in _pieces(tensors, threads, progress):
        yield from data


def array(spec: TensorSpec, threads: int | None = None) -> NDArray[np.generic]:
    """A tensor in memory, in its shape; narrow dtypes as those of ml_dtypes.

    Raises:
        BadParameter: a dtype cannot hold its law, or numpy such a shape.
    """
    tensor = Tensor(spec)
    if math.prod(size for size in spec.shape if size) * spec.dtype.itemsize >= 2**63:  # also where another axis is 0
        raise BadParameter(f"{spec.name}: numpy has no arrays of shape {format_shape(spec.shape)}")
    flat = rounding.empty(spec.count, spec.dtype)

    def fill(chunk: Chunk) -> None:
        tensor.fill(chunk.start, flat[chunk.start : chunk.start + chunk.count])

    keep_freed_memory()
    for _ in ordered(fill, chunks([spec]), threads):
        pass
    return flat.view(spec.dtype.numpy).reshape(spec.shape)


def matches(
    specs: Sequence[TensorSpec], path: str, form: Format, threads: int | None = None, progress: Progress = SILENT
) -> bool:
    """Whether a file is what writing these tensors there would make: byte for byte, or in HDF5 by its contents."""
    progress.begin(path, sum(spec.nbytes for spec in specs))
    with faults_of(path):
        same = _matches(specs, path, form, threads, progress)
    progress.end(path)
    return same


def _matches(specs: Sequence[TensorSpec], path: str, form: Format, threads: int | None, progress: Progress) -> bool:
    headers, recipe = [spec.header for spec in specs], recipe_of(specs)
    form.check(headers)
    try:
        contents = form.read(path)
    except FormatError:
        return False
    if form.sequential:
        with open(path, "rb") as file:
            comparison = Comparison(file)
            form.pack(cast(IO[bytes], comparison), headers, recipe, _pieces(Tensor.all_of(specs), threads, progress))
            return comparison.equal
    prefix = form.prefix(headers, recipe)
    if prefix is not None:
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            if size != len(prefix) + sum(spec.nbytes for spec in specs) or file.read(len(prefix)) != prefix:
                return False
    found = {stored.name: stored for stored in contents.tensors}
    extents = []
    for spec in specs:
        stored = contents.tensors[0] if not form.many else found.get(spec.name)
        if stored is None or stored.dtype != spec.dtype or stored.shape != spec.shape or stored.extent is None:
            return False
        extents.append(stored.extent)
    if len(contents.tensors) != len(specs) or (form.carries_recipe and (contents.recipe or "") != recipe):
        return False
    if contents.groups != form.groups:
        return False
    return next(differences(specs, path, extents, threads, progress), None) is None


def differences(
    specs: Sequence[TensorSpec],
    path: str,
    extents: Sequence[Extent],
    threads: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[Difference]:
    """The tensors of a file that differ from their descriptions, drawn anew and compared byte for byte."""
    tensors = Tensor.all_of(specs)
    keep_freed_memory()
    with open(path, "rb") as file:
        descriptor = file.fileno()

        def compare(run: Run) -> tuple[int, list[tuple[int, int, int]]]:
            got = np.frombuffer(read_at(descriptor, run.offset, run.nbytes, path), np.uint8)
            with run.alone:
                pieces = Tensor.pieces(tensors, run.batch)
            wanted = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
            if np.array_equal(got, wanted):
                return run.nbytes, []
            found, at = [], 0
            for chunk, piece in zip(run.batch, pieces, strict=True):
                size = tensors[chunk.tensor].spec.dtype.itemsize
                wrong = np.flatnonzero((got[at : at + piece.size] != piece).reshape(-1, size).any(axis=1))
                at += piece.size
                if wrong.size:
                    found.append((chunk.tensor, wrong.size, chunk.start + int(wrong[0])))
            return run.nbytes, found

        counts: dict[int, tuple[int, int]] = {}
        for nbytes, found in spread(compare, lambda: runs(tensors, extents), work_of(tensors), threads):
            progress(nbytes)
            for tensor, count, first in found:
                known, earliest = counts.get(tensor, (0, first))
                counts[tensor] = (known + count, min(earliest, first))
        for number in sorted(counts):
            yield Difference(specs[number].name, *counts[number])
