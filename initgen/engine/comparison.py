"""A file that is written to be compared with another, and kept nowhere."""

import io
import os
from typing import Any, BinaryIO


class Comparison(io.RawIOBase):
    """Holds what is written against what stands at the same place of ``other``.

    A place may be written again, as a zip file's headers are once the checksums are known: the last time counts.
    """

    def __init__(self, other: BinaryIO) -> None:
        self._other, self._at, self._end = other, 0, 0
        self._wrong: dict[int, int] = {}  # from where to where

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        end = self._at + size
        self._other.seek(self._at)
        if self._other.read(size) != bytes(data):
            self._wrong[self._at] = max(end, self._wrong.get(self._at, 0))
        elif self._wrong.get(self._at, end + 1) <= end:
            del self._wrong[self._at]
        self._at = end
        self._end = max(self._end, self._at)
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    @property
    def equal(self) -> bool:
        """Whether all that was written is all that the other file has."""
        return not self._wrong and os.fstat(self._other.fileno()).st_size == self._end
