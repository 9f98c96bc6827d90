"""What a file format does: say what it holds, lay out an empty file, and read what a file has."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, ClassVar, Protocol, TypeVar

from initgen.core.dtypes import DTYPES, DType
from initgen.core.errors import FormatError
from initgen.core.registry import repeated
from initgen.core.shapes import Shape, format_shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Header:
    """A tensor to be written: all that a format needs to know of it."""

    name: str
    shape: Shape
    dtype: DType

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Extent:
    """Where a tensor's data lies in a file, in bytes: little-endian, C order, without gaps."""

    offset: int
    nbytes: int


@dataclass(frozen=True)
class Stored:
    """A tensor found in a file.

    Attributes:
        dtype: None where it is not one that weights are stored in (integers, bool, complex).
        kind: the dtype as the file names it.
        extent: None where the data is not plain (compressed, big-endian, Fortran order): `Format.load` reads it.
    """

    name: str
    shape: Shape
    dtype: DType | None
    kind: str
    extent: Extent | None


@dataclass(frozen=True)
class Contents:
    """What a file holds: its tensors in the file's order, and the text of its recipe if it has one.

    Attributes:
        groups: paths of the groups that hold nothing; Keras keeps one for a layer without weights.
    """

    tensors: tuple[Stored, ...]
    recipe: str | None = None
    warnings: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Named(Protocol):
    """What is stored under a name: a header, or a description of a tensor."""

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> DType: ...


T = TypeVar("T", bound=Named)


class Format(ABC):
    """One file format.

    Attributes:
        suffixes: with the dot, lower case.
        dtypes: names of those it can hold.
        many: whether it holds more than one tensor.
        sequential: whether it is written from start to end, by `pack`, and not filled in place after `layout`.
        carries_recipe: whether it has a place for the recipe.
        groups: paths of groups that its files have besides, and that hold nothing: see `grouped`.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]]
    dtypes: ClassVar[tuple[str, ...]] = tuple(DTYPES.entries)
    many: ClassVar[bool] = True
    sequential: ClassVar[bool] = False
    carries_recipe: ClassVar[bool] = True
    max_rank: ClassVar[int] = 64
    groups: tuple[str, ...] = ()

    def check(self, headers: Sequence[Header]) -> None:
        """Refuse what this format cannot hold, before anything is created.

        Raises:
            FormatError: a dtype, rank or name that it has no place for.
        """
        if not self.many and len(headers) != 1:
            hint = f"use .safetensors, .h5 or .npz; or a directory, with --format {self.name}"
            raise FormatError(f"{self.name} holds one tensor, not {len(headers)}", hint)
        for header in headers:
            if header.dtype.name not in self.dtypes:
                raise FormatError(f"{self.name} cannot hold {header.dtype.name}", "use .safetensors or .h5, which can")
            if len(header.shape) > self.max_rank:
                raise FormatError(f"{self.name} holds at most {self.max_rank} axes, not {len(header.shape)}")
            self.check_name(header.name)
        twice = repeated(header.name for header in headers)
        if twice is not None:
            raise FormatError(f"two tensors are called {twice!r}")

    def check_name(self, name: str) -> None:
        """Refuse a tensor name that this format cannot keep."""
        try:
            name.encode()
        except UnicodeEncodeError:
            raise FormatError(f"name = {name!a} is not valid Unicode") from None

    @abstractmethod
    def layout(self, path: str, headers: Sequence[Header], recipe: str) -> list[Extent]:
        """Write a file with everything but the data, and say where the data of each header goes.

        The file may still end before its data does: the caller gives it its size.
        """

    def pack(
        self, file: IO[bytes], headers: Sequence[Header], recipe: str, data: Iterable[Iterable[bytes | memoryview]]
    ) -> None:
        """Write a whole file that can be sought, from the data of each tensor in order, in pieces; if sequential."""
        raise NotImplementedError(f"{self.name} is filled in place")

    @abstractmethod
    def prefix(self, headers: Sequence[Header], recipe: str) -> bytes | None:
        """All bytes before the data, where they are fully determined and the data follows without a gap."""

    def grouped(self, groups: Sequence[str]) -> "Format":
        """This format, for a file that also has these groups, which hold nothing; itself where it has no groups."""
        return self

    def in_order(self, tensors: Sequence[T]) -> list[T]:
        """Tensors, or headers, in the order of their data in a file."""
        return list(tensors)

    @abstractmethod
    def read(self, path: str) -> Contents:
        """What a file holds, without its data. Declared sizes are held against the file's size.

        Raises:
            FormatError: the file is not of this format, or is damaged.
        """

    @abstractmethod
    def load(self, path: str, stored: Stored) -> "NDArray[np.generic]":
        """The data of a tensor that has no extent."""


def check_fits(path: str, name: str, shape: Shape, end: int, size: int) -> None:
    """Refuse a tensor whose declared data ends after the file does."""
    if end > size:
        raise FormatError(
            f"{path}: {name} of shape {format_shape(shape)} ends at byte {end}, the file at {size}", "it is truncated"
        )


# Bytes that are unpacked from however few: of the zeros in an optimizer's state, say.
_ANY_RATIO = 1 << 28
# Of larger ones so many times what is stored: weights hardly pack at all.
_RATIO, _MAX_UNPACKED = 16, 1 << 31


def check_unpacks(shown: str, nbytes: int, packed: int) -> None:
    """Refuse to unpack, in memory, what was made to fill it."""
    if nbytes > _MAX_UNPACKED or nbytes > max(_ANY_RATIO, _RATIO * packed):
        raise FormatError(
            f"{shown} is packed in {packed} bytes and says to hold {nbytes}, which initgen does not unpack"
        )


class Budget:
    """What the tensors of one file may say to hold in all, where its format lets them share their bytes.

    Each question takes time by the bytes of the tensors; a small file could hold the same ones a million times.

    Args:
        size: bytes of the file.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path, self._size = path, size
        self._plain = self._unpacked = 0

    def take(self, stored: Stored, nbytes: int) -> Stored:
        """A tensor that was found, and what it says to hold.

        Raises:
            FormatError: it is too much.
        """
        if stored.extent:
            self._plain += nbytes
        else:
            self._unpacked += nbytes
        if self._plain > 2 * self._size or self._unpacked > 1000 * self._size + _ANY_RATIO:
            held = self._plain + self._unpacked
            raise FormatError(f"{self._path}: its tensors say to hold {held} bytes and more, in a file of {self._size}")
        return stored
