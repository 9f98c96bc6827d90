"""A directory as the place where the files of a plan go one by one."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from initgen.engine import write
from initgen.engine.descriptors import flush
from initgen.engine.files import File
from initgen.engine.output import check_space, directory_of, faults_of, holds, is_there, write_bytes
from initgen.engine.progress import Progress
from initgen.engine.store import Store
from initgen.engine.temporary import clear


class Directory(Store):
    """A directory of this machine, or of a file system that several share; its parent must be there.

    Raises:
        OutputError: a file, a parent that is missing, or one of the two closed to us.
    """

    def __init__(self, path: str, *, fsync: bool = True, threads: int | None = None) -> None:
        self.path, self._fsync, self._threads = path, fsync, threads
        self._target = directory_of(path)

    def names(self) -> Iterator[str]:
        with faults_of(self.path):
            yield from self._below("", set())

    def _below(self, inside: str, seen: set[str]) -> Iterator[str]:
        top = os.path.join(self._target.real, inside)
        if os.path.realpath(top) in seen:  # a link to a directory above
            return
        try:
            found = os.listdir(top)
        except FileNotFoundError:
            return
        except PermissionError:
            if not inside:
                raise
            return  # lost+found, where a disk begins; what is ours there shows when it is written
        for name in found:
            if name.startswith("."):
                continue
            try:
                mode = os.stat(os.path.join(top, name)).st_mode
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ELOOP):  # a link that leads nowhere, or in a circle
                    raise
                continue
            if stat.S_ISDIR(mode):
                yield from self._below(os.path.join(inside, name), {*seen, os.path.realpath(top)})
            elif stat.S_ISREG(mode):
                yield os.path.join(inside, name).replace(os.sep, "/")

    def matches(self, file: File, progress: Progress) -> bool:
        return write.matches(file.specs, self._shown(file.name), file.form, self._threads, progress)

    def clear(self) -> None:
        for inside in {"", *(os.path.dirname(name) for name in self.names())}:
            clear(os.path.join(self._target.real, inside))

    def identity(self, name: str) -> object:
        try:
            found = os.stat(os.path.join(self._target.real, name))
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def check_place(self, name: str) -> None:
        is_there(self._target.real, self.path, name)

    def check_room(self, nbytes: int) -> None:
        check_space(self._target, nbytes)

    def write(self, file: File, progress: Progress, *, force: bool) -> int:
        self._make_room(file.name)
        return write.write(
            file.specs,
            self._shown(file.name),
            file.form,
            force=force,
            fsync=self._fsync,
            threads=self._threads,
            progress=progress,
        ).nbytes

    def holds(self, name: str, data: bytes) -> bool:
        with faults_of(self._shown(name)):
            return holds(os.path.join(self._target.real, name), data)

    def write_bytes(self, name: str, data: bytes, *, force: bool) -> None:
        self._make_room(name)
        write_bytes(self._shown(name), data, force=force, fsync=self._fsync)

    def remove(self, name: str) -> None:
        path = os.path.join(self._target.real, name)
        with faults_of(self._shown(name)), contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            if self._fsync:  # what comes next relies on its being gone
                flush(os.path.dirname(path))

    def _shown(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _make_room(self, name: str) -> None:
        """Make the directories of a file; others may be making them at the same time."""
        directory = os.path.dirname(name)
        with faults_of(self._shown(directory)):
            self._make(os.path.join(self._target.real, directory) if directory else self._target.real)

    def _make(self, directory: str) -> None:
        if os.path.isdir(directory):
            return
        above = os.path.dirname(directory)
        if directory != self._target.real:
            self._make(above)
        try:
            os.mkdir(directory)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
        if self._fsync:
            flush(above)
