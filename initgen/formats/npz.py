"""numpy's .npz: a zip of .npy files, not compressed. Written with fixed times, so that equal arrays make equal bytes."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from initgen.core.errors import FormatError, InitgenError
from initgen.formats.format import Budget, Contents, Extent, Format, Header, Stored, check_fits, check_unpacks
from initgen.formats.npy import Npy, of_header, read_header, width

if TYPE_CHECKING:
    import zipfile

    import numpy as np
    from numpy.typing import NDArray

# Deflate makes at most 1032 bytes of one.
_MAX_RATIO = 1032
# The earliest time that zip can say.
_TIME = (1980, 1, 1, 0, 0, 0)


class Npz(Format):
    """Any number of arrays by name. A checksum stands before each, so it is written from start to end."""

    name = "npz"
    suffixes = (".npz",)
    dtypes = Npy.dtypes
    sequential = True
    carries_recipe = False

    def check_name(self, name: str) -> None:
        super().check_name(name)
        # The library keeps such names, and whoever unpacks the file writes outside of the place meant for it.
        if "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise FormatError(f"name = {name!r} is not a path of plain names in a zip file")
        if len(name.encode()) > 65000:
            raise FormatError(f"a name of {len(name.encode())} bytes does not go into a zip file")

    def prefix(self, headers: Sequence[Header], recipe: str) -> None:
        return None

    def layout(self, path: str, headers: Sequence[Header], recipe: str) -> list[Extent]:
        raise NotImplementedError("an .npz is packed")

    def pack(
        self, file: IO[bytes], headers: Sequence[Header], recipe: str, data: Iterable[Iterable[bytes | memoryview]]
    ) -> None:
        import zipfile

        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for header, pieces in zip(headers, data, strict=True):
                entry = zipfile.ZipInfo(f"{header.name}.npy", _TIME)
                entry.external_attr = 0o644 << 16
                entry.create_system = 3  # not the machine's
                with archive.open(entry, "w", force_zip64=True) as array:
                    array.write(Npy().prefix([header], ""))
                    for piece in pieces:
                        array.write(piece)

    def read(self, path: str) -> Contents:
        import zipfile

        try:
            with zipfile.ZipFile(path) as archive, open(path, "rb") as raw:
                return Contents(tuple(self._entries(path, archive, raw)))
        except InitgenError:
            raise
        except Exception as error:
            # zipfile and its unpackers raise what they like; the file is at fault whatever it is
            reason = (str(error) or "it ends too early").splitlines()[0]
            raise FormatError(f"{path}: {reason}", "the file is damaged, or no .npz") from None

    def _entries(self, path: str, archive: "zipfile.ZipFile", raw: BinaryIO) -> Iterator[Stored]:
        import zipfile

        size = os.fstat(raw.fileno()).st_size
        budget = Budget(path, size)
        seen: set[str] = set()
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            name = entry.filename.removesuffix(".npy")
            shown = f"{path}: {name}"
            if name in seen:
                raise FormatError(f"{path}: two arrays are called {name!r}")
            seen.add(name)
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # bzip2 makes a gigabyte of a thousand bytes in one go.
                raise FormatError(f"{shown} is compressed in a way that numpy does not write")
            if entry.file_size > _MAX_RATIO * entry.compress_size + (1 << 20):
                raise FormatError(f"{shown} says to unpack to {entry.file_size} bytes, which initgen does not do")
            with archive.open(entry) as file:
                stored, start = of_header(cast(BinaryIO, file), shown)
            nbytes = math.prod(stored.shape) * width(stored)
            check_fits(path, name, stored.shape, start + nbytes, entry.file_size)
            plain = stored.extent is not None and entry.compress_type == 0 and not entry.flag_bits & 1
            extent = None
            if plain:  # stored as it is
                raw.seek(entry.header_offset + 26)
                lengths = raw.read(4)
                begin = entry.header_offset + 30 + int.from_bytes(lengths[:2], "little")
                begin += int.from_bytes(lengths[2:], "little") + start
                check_fits(path, name, stored.shape, begin + nbytes, size)
                extent = Extent(begin, nbytes)
            elif entry.compress_type:
                check_unpacks(shown, nbytes, min(entry.compress_size, size))
            yield budget.take(replace(stored, name=name, extent=extent), nbytes)

    def load(self, path: str, stored: Stored) -> "NDArray[np.generic]":
        import zipfile

        import numpy as np

        try:
            # Not np.load, which warns of old spellings.
            with zipfile.ZipFile(path) as archive:
                (entry,) = [each for each in archive.infolist() if each.filename.removesuffix(".npy") == stored.name]
                with archive.open(entry) as file:
                    shape, fortran, dtype = read_header(cast(BinaryIO, file), f"{path}: {stored.name}")
                    data = file.read(math.prod(shape) * dtype.itemsize)
                    file.read(1)  # at its end an entry is held against its checksum
            array: NDArray[np.generic] = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        except InitgenError:
            raise
        except Exception as error:
            reason = (str(error) or "it ends too early").splitlines()[0]
            raise FormatError(f"{path}: {stored.name}: {reason}", "the file is damaged") from None
        return array
