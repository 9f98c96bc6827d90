"""Draws the elements of a described tensor, as they are stored."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DTYPES, DType
from initgen.core.errors import BadParameter
from initgen.engine.output import in_units
from initgen.engine.plan import CHUNK, Chunk
from initgen.engine.signals import listening
from initgen.laws import Law
from initgen.schemes.structure import Structure
from initgen.specs.tensor import TensorSpec
from initgen.streams import rounding
from initgen.streams.bits import Joined, Words
from initgen.streams.dialects import NATIVE, dialect_of
from initgen.streams.native import Draw

Bytes = NDArray[np.uint8]

# Elements from which a structure may take a second: the decomposition of a matrix is one call of LAPACK.
_LONG = 1 << 20


def keep_freed_memory() -> None:
    """Have the C library keep freed blocks for the next chunk, where it would return each to the system.

    glibc serves blocks from 128 KiB by mmap until one is freed; from then on blocks of that size stay in its heap.
    Without it every temporary array of a chunk is paged in anew, which costs more than drawing it.
    """
    np.empty(31 << 20, np.uint8)


def check_memory(made: Structure) -> None:
    """Refuse to make as a whole, in float64, what the machine's memory cannot hold with what it is made from."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # type: ignore[attr-defined, unused-ignore]
    except (AttributeError, ValueError, OSError):  # Windows does not say
        return
    nbytes = math.prod(made.shape) * 8
    if nbytes * (2 if made.bitwise else 4) > memory:
        raise BadParameter(
            f"{made}: is made as a whole, which takes over {in_units(nbytes)} of memory; there are {in_units(memory)}"
        )


def _native_law(spec: TensorSpec) -> Law | None:
    """The law by which its elements are drawn from the native stream, where that is so."""
    return spec.element_law if spec.stream == NATIVE or not spec.random else None


class Tensor:
    """One tensor, ready to be drawn piece by piece, by several threads at once.

    Args:
        draw: of the law of its elements, if there is one already.

    Raises:
        BadParameter: its dtype cannot hold what it describes.
    """

    def __init__(self, spec: TensorSpec, draw: Draw | None = None) -> None:
        self.spec = spec
        made = spec.made
        law = spec.element_law
        if isinstance(made, Structure) and law is None:
            check_memory(made)
        self._draw, self._drawing = draw, None
        if spec.stream != NATIVE and spec.random:
            self._drawing = dialect_of(spec.stream).drawing(spec.call)
        elif law and not draw:
            self._draw = Draw(law, spec.dtype, spec.count)
        self._zeros = made.zeros if isinstance(made, Structure) else (0, 0)
        if isinstance(made, Structure) and made.largest > spec.dtype.largest:
            raise BadParameter(f"{made} overflows {spec.dtype.name}, whose largest value is {spec.dtype.largest:g}")

    @staticmethod
    def pieces(tensors: "Sequence[Tensor]", batch: Sequence[Chunk]) -> list[Bytes]:
        """The bytes of each chunk. Chunks of one law are drawn in one call: for small tensors the calls are the cost."""
        pieces: list[Bytes] = [np.empty(0, np.uint8)] * len(batch)
        shared: dict[int, list[int]] = {}
        for number, chunk in enumerate(batch):
            tensor = tensors[chunk.tensor]
            if tensor._draw is None or len(batch) == 1:
                pieces[number] = tensor(chunk.start, chunk.count).view(np.uint8)
            else:
                shared.setdefault(id(tensor._draw), []).append(number)
        for numbers in shared.values():
            members = [batch[number] for number in numbers]
            first = tensors[members[0].tensor]
            assert first._draw is not None
            parts = [
                (tensors[chunk.tensor].words, tensors[chunk.tensor].spec.first + chunk.start, chunk.count)
                for chunk in members
            ]
            together = first._draw(Joined(parts), 0, sum(chunk.count for chunk in members)).view(np.uint8)
            at = 0
            for number, chunk in zip(numbers, members, strict=True):
                end = at + chunk.count * first.spec.dtype.itemsize
                pieces[number] = together[at:end]
                tensors[chunk.tensor]._blank(pieces[number], chunk.start, first.spec.dtype.itemsize)
                at = end
        return pieces

    @classmethod
    def all_of(cls, specs: Sequence[TensorSpec]) -> "list[Tensor]":
        """These tensors, each law made ready once for all that share it."""
        counts: Counter[tuple[Law, DType]] = Counter()
        for spec in specs:
            if law := _native_law(spec):
                counts[law, spec.dtype] += spec.count
        draws: dict[tuple[Law, DType], Draw] = {}
        tensors = []
        for spec in specs:
            try:
                draw = None
                if law := _native_law(spec):
                    key = (law, spec.dtype)
                    draw = draws[key] if key in draws else draws.setdefault(key, Draw(*key, counts[key]))
                tensors.append(cls(spec, draw))
            except BadParameter as error:
                if len(specs) == 1:
                    raise
                raise BadParameter(f"{spec.name}: {error.message}", error.hint) from None
        return tensors

    def __call__(self, start: int, count: int) -> NDArray[Any]:
        """Elements ``start`` to ``start + count``: little-endian, bfloat16 as its bits."""
        if self.spec.element_law is None:
            first = self.spec.first + start
            return self._whole()[first : first + count]
        out = rounding.empty(count, self.spec.dtype)
        self.fill(start, out)
        return out

    def fill(self, start: int, out: NDArray[Any]) -> None:
        """The elements from ``start`` on, as many as ``out`` has room for."""
        if self.spec.element_law is None:
            out[...] = self(start, out.size)
            return
        if self._drawing:
            self._drawing.fill(self.spec.first + start, out)
        else:
            assert self._draw is not None
            self._draw.fill(self.words, self.spec.first + start, out)
        self._blank(out, start)

    def _blank(self, drawn: NDArray[Any], start: int, unit: int = 1) -> NDArray[Any]:
        """What was drawn from element ``start`` on, ``unit`` numbers for each, with zeros where they belong."""
        first, end = (at - self.spec.first for at in self._zeros)
        if first < end:
            drawn[max(first - start, 0) * unit : max(end - start, 0) * unit] = 0
        return drawn

    @property
    def words(self) -> Words:
        """The words of its stream."""
        return Words(self.spec.seed, self.spec.stream_name)

    def _whole(self) -> NDArray[np.generic]:
        made = self.spec.made
        assert isinstance(made, Structure)
        return listening(lambda: self._built(made)) if math.prod(made.shape) >= _LONG else self._built(made)

    def _built(self, made: Structure) -> NDArray[np.generic]:
        dtype = self.spec.dtype
        if self._drawing:
            out = rounding.empty(math.prod(made.shape), dtype)
            self._drawing.fill(0, out)
            return out
        values = made.build(self._draws).reshape(-1)
        low, high = made.support
        if math.isfinite(low):
            np.clip(values, dtype.above(low), dtype.below(high), out=values)
        if dtype.whole:
            return values.astype(dtype.numpy)
        return rounding.stored(values, dtype)

    def _draws(self, law: Law, start: int, count: int) -> NDArray[np.float64]:
        """What a structure is made from: float64 draws of the tensor's stream."""
        draw = Draw(law, DTYPES["float64"], count)
        words = self.words
        out = np.empty(count)
        for at in range(0, count, CHUNK):
            size = min(CHUNK, count - at)
            out[at : at + size] = draw(words, start + at, size)
        return out
