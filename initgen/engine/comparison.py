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
        self._wrong: set[int] = set()

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if os.pread(self._other.fileno(), size, self._at) == bytes(data):
            self._wrong.discard(self._at)
        else:
            self._wrong.add(self._at)
        self._at += size
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
