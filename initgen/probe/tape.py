"""The outputs of all steps, kept on disk: memory does not grow with the depth of a network."""

import contextlib
import tempfile
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from initgen.core.errors import OutputError
from initgen.probe.operations.operation import Array

_HINT = "activations are kept there: TMPDIR, or --batch"


class Tape:
    """Arrays by number, in a temporary file that goes away with it; the last one stays in memory.

    Raises:
        OutputError: there is no room for them.
    """

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="initgen-")  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise OutputError(f"temporary file: {error.strerror}", _HINT) from None
        self._places: dict[int, tuple[int, tuple[int, ...], np.dtype[np.floating]]] = {}
        self._last: tuple[int, Array] | None = None
        self._end = 0

    def __enter__(self) -> "Tape":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # it writes what is left first, which a full disk has no room for
            self._file.close()

    def write(self, number: int, array: Array) -> None:
        """Keep an array."""
        whole: NDArray[np.floating] = np.ascontiguousarray(array)
        self._places[number] = (self._end, whole.shape, whole.dtype)
        self._last = number, whole
        try:
            self._file.seek(self._end)
            self._file.write(whole.data)
            self._file.flush()
        except OSError as error:
            folder = tempfile.gettempdir()
            raise OutputError(f"{folder}: {error.strerror}", _HINT) from None
        self._end += whole.nbytes

    def read(self, number: int) -> Array:
        """An array that was kept."""
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        place, shape, dtype = self._places[number]
        found = np.empty(shape, dtype)
        self._file.seek(place)
        self._file.readinto(memoryview(found.data).cast("B"))
        self._last = number, found
        return found
