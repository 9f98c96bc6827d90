"""Outputs elsewhere: an object store, or whatever else fsspec reaches by a URL. The only file that imports fsspec."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Set
from typing import IO, Any

from initgen.core.errors import Appeared, OutputError
from initgen.engine.draw import Tensor
from initgen.engine.files import File, Plan
from initgen.engine.output import Target, check_space, in_units
from initgen.engine.progress import SILENT, Progress
from initgen.engine.shards import resume
from initgen.engine.upload import LARGEST, PART, named, upload, uploading
from initgen.engine.write import Blank, Written, local, matches, stream


class Remote:
    """A URL as a `Store`: of one object, under the name ``""``, or of a prefix that objects are below.

    Args:
        path: the URL, as the user wrote it.
        threads: to draw on.

    Raises:
        OutputError: no such protocol, a package that is not there, or a place that does not answer.
    """

    def __init__(self, path: str, threads: int | None = None) -> None:
        self.path, self._threads = path, threads
        self._files, root = _filesystem(path)
        self._root = root.rstrip("/")
        self._uploading = uploading(self._files)
        if self._uploading and not self._root.partition("/")[0]:
            raise OutputError(f"{path}: names no bucket")

    def _url(self, name: str) -> str:
        return f"{self.path}{'' if self.path.endswith('/') else '/'}{name}" if name else self.path

    def _place(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def names(self) -> Iterator[str]:
        below = f"{self._root}/"
        with named(self.path):
            self._files.invalidate_cache()  # others write there too
            try:
                found = self._files.find(self._root)
            except FileNotFoundError:
                found = []
        return (place[len(below) :] for place in found if place.startswith(below))

    def size(self, name: str) -> int | None:
        """Bytes of a file, None where there is none."""
        with named(self._url(name)):
            self._files.invalidate_cache()
            try:
                found = self._files.info(self._place(name))
            except FileNotFoundError:
                return None
            if found["type"] != "directory":
                return int(found["size"])
            if self._uploading:  # a prefix of other objects, which takes nothing from an object of that name
                return None
        raise OutputError(f"{self._url(name)}: is a directory")

    def clear(self) -> None:
        """An upload that was not completed never shows, and is the store's to forget."""

    def identity(self, name: str) -> object:
        with named(self._url(name)):
            self._files.invalidate_cache()
            try:
                return self._files.ukey(self._place(name))
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """A file to be read from start to end."""
        with named(self._url(name)):
            file = self._files.open(self._place(name), "rb", block_size=PART)
        try:
            yield file
        finally:
            file.close()

    def matches(self, file: File, progress: Progress) -> bool:
        size = self.size(file.name)
        if size is None:
            return False
        url = self._url(file.name)
        progress.begin(url, file.nbytes)
        if _streams(file):
            same = self._streamed_is(file, size, progress)
        else:
            with _scratch(url, size) as path:
                with named(url):
                    self._files.get_file(self._place(file.name), path)
                same = matches(file.specs, path, file.form, self._threads)
        progress.end(url)
        return same

    def _streamed_is(self, file: File, size: int, progress: Progress) -> bool:
        with contextlib.closing(stream(file.specs, file.form, self._threads, progress)) as pieces:
            prefix = next(pieces)
            if size != len(prefix) + file.nbytes:
                return False
            with self.opened(file.name) as there:
                return all(self._next_is(there, piece, file) for piece in itertools.chain((prefix,), pieces))

    def _next_is(self, there: IO[bytes], wanted: bytes | memoryview, file: File) -> bool:
        got = b""
        while len(got) < len(wanted):
            with named(self._url(file.name)):
                more = there.read(len(wanted) - len(got))
            if not more:
                return False
            got = got + more if got else more
        return got == wanted

    def holds(self, name: str, data: bytes) -> bool:
        if self.size(name) != len(data):
            return False
        with named(self._url(name)):
            return bytes(self._files.cat_file(self._place(name))) == data

    def check_place(self, name: str) -> None:
        """Nothing is refused: there are only objects."""

    def check_room(self, nbytes: int) -> None:
        pass

    def write(self, file: File, progress: Progress, *, force: bool) -> int:
        there = None if force else self.size(file.name)
        if there is not None:
            if self.matches(file, progress):
                return there
            raise self.taken(file.name)
        url = self._url(file.name)
        try:
            size = self._send(file, url, progress, force=force)
        except Appeared:  # the same command at the same time makes the same
            if not self.matches(file, SILENT):
                raise
            return self.size(file.name) or 0
        progress.end(url)
        return size

    def _send(self, file: File, url: str, progress: Progress, *, force: bool) -> int:
        if _streams(file):
            progress.begin(url, file.nbytes)
            with contextlib.closing(stream(file.specs, file.form, self._threads, progress)) as pieces:
                prefix = next(pieces)
                size = len(prefix) + file.nbytes
                self._upload(file.name, itertools.chain((prefix,), pieces), size, force=force)
            return size
        with _scratch(url, file.nbytes) as path:
            blank = Blank(path, url, Tensor.all_of(file.specs), file.form)
            for made in local(self._threads)([blank], progress):
                size = os.stat(made.path).st_size
            self._upload(file.name, _pieces_of(path), size, force=force)
        return size

    def write_bytes(self, name: str, data: bytes, *, force: bool) -> None:
        if not force and self.size(name) is not None:
            if self.holds(name, data):
                return
            raise self.taken(name)
        self._upload(name, (data,), len(data), force=force)

    def taken(self, name: str, how: str = "") -> OutputError:
        """The refusal to replace a file."""
        return OutputError(f"{self._url(name)}: {how or 'exists and holds something else'}", "--force replaces it")

    def _upload(self, name: str, pieces: Iterable[bytes | memoryview], size: int, *, force: bool) -> None:
        if self._uploading and size > LARGEST:
            raise OutputError(
                f"{self._url(name)}: would have {in_units(size)}; an object has at most {in_units(LARGEST)}",
                "in shards: -o URL/ --max-shard-size SIZE",
            )
        upload(self._url(name), self._files, self._place(name), pieces, size, force=force)

    def remove(self, name: str) -> None:
        with named(self._url(name)), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._place(name))


def write_remote(
    plan: Plan, *, force: bool = False, threads: int | None = None, progress: Progress = SILENT
) -> Written:
    """Make the files of a plan at a URL, each whole or not at all; those of a directory as `shards.resume` does.

    Raises:
        BadParameter: a dtype cannot hold its law.
        OutputError: a place that cannot be written, or that holds something else and not ``force``.
    """
    store = Remote(plan.path, threads)
    if plan.directory:
        done = resume(plan, store, force=force, progress=progress)
        size = sum(store.size(name) or 0 for name in plan.names)
        return Written(plan.path, "wrote" if done.wrote else "unchanged", size)
    (file,) = plan.files
    Tensor.all_of(plan.specs)  # what cannot be drawn says so before anything is made
    if not force and store.size("") is not None:
        if not store.matches(file, progress):
            raise store.taken("")
        return Written(plan.path, "unchanged", store.size("") or 0)
    return Written(plan.path, "wrote", store.write(file, progress, force=force))


def matches_remote(plan: Plan, threads: int | None = None, progress: Progress = SILENT) -> bool:
    """Whether what is at a URL is what `write_remote` would make."""
    store = Remote(plan.path, threads)
    there = _there(store, plan)
    return (
        there >= {*plan.names}
        and not plan.stale(there)
        and all(store.holds(name, data) for name, data in plan.beside.items())
        and all(store.matches(file, progress) for file in plan.files)
    )


def exists(plan: Plan) -> bool:
    """Whether anything is at the URL of a plan."""
    return bool(_there(Remote(plan.path), plan))


def _there(store: Remote, plan: Plan) -> Set[str]:
    if plan.directory:
        return set(store.names())
    return {""} if store.size("") is not None else set()


def _filesystem(path: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the URL as that calls it."""
    protocol = path.partition("://")[0]
    install = "pip install 'initgen[remote]'"
    try:
        from fsspec import get_filesystem_class
        from fsspec.core import url_to_fs
    except ImportError:
        raise OutputError(f"{path}: needs the package fsspec", install) from None
    try:
        get_filesystem_class(protocol)
    except ValueError:
        raise OutputError(f"{path}: {protocol}:// is no protocol that fsspec knows", "like s3:// or gs://") from None
    except ImportError as error:  # says which package to install
        hint = install if protocol in ("s3", "s3a", "gs", "gcs") else ""
        raise OutputError(f"{path}: {protocol}:// needs a package that is not there", hint or str(error)) from None
    with named(path):
        files, root = url_to_fs(path)
    return files, root


def _streams(file: File) -> bool:
    """Whether a format's files are a header that is known beforehand, and the data."""
    return file.form.prefix([spec.header for spec in file.specs], "") is not None


@contextlib.contextmanager
def _scratch(url: str, size: int) -> Iterator[str]:
    """A file on this machine, for a format that is not made, or not read, from start to end."""
    with tempfile.TemporaryDirectory(prefix="initgen-") as directory:
        path = os.path.join(directory, "file")
        check_space(Target(f"{url}: by way of {directory}", path, None), size)
        try:
            yield path
        except OSError as error:
            raise OutputError(f"{url}: by way of {directory}: {error.strerror or error}") from None


def _pieces_of(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PART):
            yield piece
