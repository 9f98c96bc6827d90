"""Where the files of a plan go one by one: each appears whole or not at all, and what was finished stays."""

from collections.abc import Iterator
from typing import Protocol

from initgen.engine.files import File
from initgen.engine.progress import Progress


class Store(Protocol):
    """A directory, or a prefix of an object store; its files go by their names below it, as `Plan.names` has them.

    Attributes:
        path: as the user wrote it, for messages.
    """

    path: str

    def names(self) -> Iterator[str]:
        """The files that are there, in no order, at any depth. None where the directory itself is not there.

        Hidden ones, as temporary ones are, need not be among them.
        """

    def matches(self, file: File, progress: Progress) -> bool:
        """Whether a file that is there is what `write` would make: every byte is read, and drawn anew."""

    def clear(self) -> None:
        """Remove what runs left that were killed."""

    def identity(self, name: str) -> object:
        """What is another when a file was replaced; None where there is none."""

    def check_place(self, name: str) -> None:
        """Refuse what stands in a file's place and is none.

        Raises:
            OutputError: a directory, a fifo, or a file where the file's directory should be.
        """

    def check_room(self, nbytes: int) -> None:
        """Refuse what there is no place for, before any of it is written; where nobody knows, nothing is refused."""

    def write(self, file: File, progress: Progress, *, force: bool) -> int:
        """Make a file whole, with its directories, and say how many bytes it has. One that is there and is the same stays.

        Raises:
            OutputError: it cannot be written, or another is there and not ``force``.
        """

    def holds(self, name: str, data: bytes) -> bool:
        """Whether a small file that is there has these bytes."""

    def write_bytes(self, name: str, data: bytes, *, force: bool) -> None:
        """Make a small file whole."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is as good."""
