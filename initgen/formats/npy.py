"""numpy's .npy, version 1.0: a Python literal, padded to 64 bytes, then the data. Byte for byte what ``np.save`` writes."""

import io
import math
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError
from initgen.core.shapes import Shape
from initgen.formats.format import Contents, Extent, Format, Header, Stored, check_fits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DESCR = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bool": "|b1", "int8": "|i1", "uint8": "|u1"} | {
    f"{kind}{8 * size}": f"<{kind[0]}{size}" for kind in ("int", "uint") for size in (2, 4, 8)
}
_MAGIC = b"\x93NUMPY"
# numpy takes no longer header either, but only after it has read it.
_MAX_HEADER = 10_000


class Npy(Format):
    """One array. It has no place for a name or a recipe, and numpy itself has no bfloat16 or float8."""

    name = "npy"
    suffixes = (".npy",)
    dtypes = tuple(_DESCR)
    many = False
    carries_recipe = False

    def prefix(self, headers: Sequence[Header], recipe: str) -> bytes:
        (header,) = headers
        text = f"{{'descr': '{_DESCR[header.dtype.name]}', 'fortran_order': False, 'shape': {header.shape}, }}"
        if header.shape:
            # np.save leaves room for the first size to grow to 21 digits in place.
            text += " " * (21 - len(str(header.shape[0])))
        start = len(_MAGIC) + 4
        padded = text + " " * (64 - (start + len(text) + 1) % 64) + "\n"
        return _MAGIC + b"\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("ascii")

    def layout(self, path: str, headers: Sequence[Header], recipe: str) -> list[Extent]:
        prefix = self.prefix(headers, recipe)
        with open(path, "wb") as file:
            file.write(prefix)
        return [Extent(len(prefix), headers[0].nbytes)]

    def read(self, path: str) -> Contents:
        with open(path, "rb") as file:
            stored, start = of_header(file, path)
            size = os.fstat(file.fileno()).st_size
        end = start + math.prod(stored.shape) * width(stored)
        check_fits(path, "the array", stored.shape, end, size)
        extra = (f"{size - end} bytes follow the array",) if size > end else ()
        return Contents((stored,), warnings=extra)

    def load(self, path: str, stored: Stored) -> "NDArray[np.generic]":
        import numpy as np

        # Not np.load, which warns of old spellings.
        with open(path, "rb") as file:
            shape, fortran, dtype = read_header(file, path)
            if not math.prod(shape):
                return np.empty(shape, dtype)
            return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def of_header(file: BinaryIO, path: str) -> tuple[Stored, int]:
    """The array that a .npy file or stream begins, and where in it the data starts.

    Raises:
        FormatError: not a .npy file, or one of Python objects or records.
    """
    shape, fortran, dtype = read_header(file, path)
    start = file.tell()
    known = DTYPES.entries.get(dtype.newbyteorder("=").name)
    plain = not fortran and dtype == dtype.newbyteorder("<")
    extent = Extent(start, math.prod(shape) * dtype.itemsize) if plain else None
    return Stored("array", shape, known, dtype.name, extent), start


def width(stored: Stored) -> int:
    """Bytes of one of its values."""
    import numpy as np

    return stored.dtype.itemsize if stored.dtype else np.dtype(stored.kind).itemsize


def read_header(file: BinaryIO, path: str) -> "tuple[Shape, bool, np.dtype[np.generic]]":
    """Shape, whether in Fortran order, and dtype; leaves ``file`` at the data.

    Raises:
        FormatError: not a .npy file, or one of Python objects or records.
    """
    from numpy.lib import format as npy

    start = file.read(8)
    if start[:6] != _MAGIC:
        raise FormatError(f"{path}: not a .npy file" + (": it is empty" if not start else ""))
    if start[6:] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise FormatError(f"{path}: version {'.'.join(map(str, start[6:]))} of .npy is not known")
    read = npy.read_array_header_1_0 if start[6] == 1 else npy.read_array_header_2_0
    said = file.read(2 if start[6] == 1 else 4)
    length = int.from_bytes(said, "little")
    if length > _MAX_HEADER:
        raise FormatError(f"{path}: its .npy header says to be {length} bytes long; the most is {_MAX_HEADER}")
    header = io.BytesIO(said + file.read(length))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old spellings, of Python 2 and of dtypes
            shape, fortran, dtype = read(header)
    except Exception as error:  # numpy's tokenizer raises what it likes; the file is at fault whatever it is
        raise FormatError(
            f"{path}: its .npy header is damaged: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from None
    if dtype.hasobject or dtype.names or dtype.subdtype or dtype.kind not in "fiubc":
        raise FormatError(f"{path}: an array of {dtype} is not a tensor of numbers")
    if any(size < 0 for size in shape):
        raise FormatError(f"{path}: its shape {shape} has a negative size")
    return shape, fortran, dtype
