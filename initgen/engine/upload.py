"""How a file gets to another place: in parts, while the next are drawn, and under its name only when all are there."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from initgen.core.errors import Appeared, InitgenError, OutputError

# S3's limits, the narrowest: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_PARTS = 10_000
LARGEST = 5 << 40
# Bytes of a part. Larger ones wait less for answers, and about four are in memory.
PART = 16 << 20
_MIB = 1 << 20

# Packages whose files are uploads: nothing is visible before they are closed, nor ever if they are discarded.
_UPLOADING = ("s3fs", "gcsfs", "adlfs")


def uploading(files: Any) -> bool:
    """Whether a file system of fsspec is an object store."""
    return type(files).__module__.partition(".")[0] in _UPLOADING


def part_of(size: int) -> int:
    """Bytes of a part of a file of ``size``, so that no store has too many."""
    return max(PART, -(-size // (_PARTS * _MIB)) * _MIB)


def upload(url: str, files: Any, place: str, pieces: Iterable[bytes | memoryview], size: int, *, force: bool) -> None:
    """Make a file of ``size`` bytes out of these pieces: whole, or not at all.

    Args:
        files: a file system of fsspec.
        place: the URL as that calls it.
        force: replace what is there.

    Raises:
        OutputError: it cannot be written, or is there already and not ``force``.
    """
    part = part_of(size)
    kind: type[_Upload] | type[_Renamed] = _Upload if uploading(files) else _Renamed
    made = kind(files, place, part, force=force)
    # A signal interrupts what waits here, and not a request: none is on its way when the upload is aborted.
    with ThreadPoolExecutor(1) as sender:
        try:
            sent: Future[None] | None = None
            for block in _blocks(pieces, part):
                _done(url, sent)
                sent = sender.submit(made.write, block)
            _done(url, sent)
            _done(url, sender.submit(made.finish))
        except BaseException:
            sender.submit(made.abandon).result()
            raise


class _Upload:
    """An object of a store that shows nothing before all is there."""

    def __init__(self, files: Any, place: str, part: int, *, force: bool) -> None:
        # "x": the store itself refuses, at the end, if the name is taken by then.
        self._open: Callable[[], Any] = lambda: files.open(place, "wb" if force else "xb", block_size=part)
        self._file: Any = None

    def write(self, data: bytes | bytearray) -> None:
        if self._file is None:
            self._file = self._open()
        self._file.write(data)

    def finish(self) -> None:
        self.write(b"")
        self._file.close()

    def abandon(self) -> None:
        if self._file is not None:
            with contextlib.suppress(Exception):  # what went wrong before it is what is said
                self._file.discard()
            self._file.closed = True  # or it would finish what there is of it when it is forgotten


class _Renamed:
    """A file of a place that shows what is written: written under another name."""

    def __init__(self, files: Any, place: str, part: int, *, force: bool) -> None:
        self._files, self._place, self._part, self._force = files, place, part, force
        self._above = place.rpartition("/")[0]
        self._temporary = f"{self._above}/.initgen-{os.urandom(8).hex()}.tmp"
        self._file: Any = None

    def write(self, data: bytes | bytearray) -> None:
        if self._file is None:
            if self._above:
                self._files.makedirs(self._above, exist_ok=True)
            self._file = self._files.open(self._temporary, "wb", block_size=self._part)
        self._file.write(data)

    def finish(self) -> None:
        self.write(b"")
        self._file.close()
        self._files.invalidate_cache()
        if not self._force and self._files.exists(self._place):
            raise FileExistsError(self._place)
        self._files.mv(self._temporary, self._place)

    def abandon(self) -> None:
        if self._file is not None:
            with contextlib.suppress(Exception):
                self._file.close()
            with contextlib.suppress(Exception):
                self._files.rm_file(self._temporary)


@contextlib.contextmanager
def named(url: str) -> Iterator[None]:
    """What goes wrong over there in one line, with the URL."""
    try:
        yield
    except (InitgenError, MemoryError):
        raise
    except FileExistsError:
        raise Appeared(f"{url}: appeared while it was being made", "--force replaces it") from None
    except FileNotFoundError:
        raise OutputError(f"{url}: there is no such bucket or directory") from None
    except PermissionError as error:
        raise OutputError(f"{url}: access denied: {_first_line(error)}") from None
    except NotImplementedError:
        raise OutputError(f"{url}: files there can only be read") from None
    except Exception as error:  # of botocore, google.auth, aiohttp, paramiko: they share no class
        raise OutputError(f"{url}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def _done(url: str, sent: Future[None] | None) -> None:
    if sent is not None:
        with named(url):
            sent.result()


def _blocks(pieces: Iterable[bytes | memoryview], size: int) -> Iterator[bytearray]:
    """The same bytes, ``size`` at a time: some stores want all parts but the last alike."""
    block = bytearray()
    for piece in pieces:
        left = memoryview(piece)
        while left:
            room = size - len(block)
            block += left[:room]
            left = left[room:]
            if len(block) == size:
                yield block
                block = bytearray()
    if block:
        yield block
