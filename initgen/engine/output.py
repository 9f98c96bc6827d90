"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from initgen.core.errors import Appeared, OutputError
from initgen.engine.descriptors import flush, free
from initgen.engine.temporary import temporary


@dataclass(frozen=True)
class Target:
    """Where an output goes, once it is known that it can.

    Attributes:
        path: as the user wrote it, for messages.
        real: the file itself, at the end of all symbolic links.
        mode: of the file that is there; None where there is none.
    """

    path: str
    real: str
    mode: int | None


def target_of(path: str) -> Target:
    """Look at an output before any work is done for it.

    Raises:
        OutputError: a directory, device or fifo; a parent that is missing or closed; a link that leads nowhere.
    """
    if not path or "\0" in path:
        raise OutputError(f"output = {path!r} is not a path")
    try:
        real = os.path.realpath(path)
        if os.path.islink(path) and not os.path.exists(path):
            raise OutputError(f"{path}: a symbolic link that leads nowhere")
        parent = os.path.dirname(real)
        if not os.path.isdir(parent):
            raise OutputError(f"{path}: there is no directory {os.path.dirname(path) or parent}")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise OutputError(f"{path}: its directory is not writable")
        try:
            mode = os.stat(path).st_mode  # not of ``real``, which names nothing where a link of /proc leads to a pipe
        except FileNotFoundError:
            return Target(path, real, None)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None
    except UnicodeEncodeError:
        raise OutputError(f"output = {path!a} is not a path") from None
    if stat.S_ISDIR(mode):
        raise OutputError(f"{path}: is a directory")
    if not stat.S_ISREG(mode) or not os.path.exists(real):  # or one that was removed, and is still open
        raise OutputError(f"{path}: is not a regular file", "-o - writes a .npy stream to standard output")
    return Target(path, real, stat.S_IMODE(mode))


def directory_of(path: str) -> Target:
    """The same for an output that is a directory, whose parent must be there.

    Raises:
        OutputError: a file, a parent that is missing, or one of the two closed to us.
    """
    place = path.rstrip("/" + os.sep) or path
    if os.path.isdir(place):
        real = os.path.realpath(place)
        if not os.access(real, os.W_OK | os.X_OK):
            raise OutputError(f"{path}: is not writable")
        return Target(path, real, stat.S_IMODE(os.stat(real).st_mode))
    if os.path.exists(place):
        raise OutputError(f"{path}: is not a directory")
    return target_of(place)


def is_there(place: str, path: str, name: str = "") -> bool:
    """Whether there is a file at ``place``, or under ``name`` in the directory that is there; ``path`` is for messages.

    Raises:
        OutputError: there is something else, or a file where one of its directories should be.
    """
    above = os.path.dirname(name)
    while above:
        if os.path.lexists(os.path.join(place, above)) and not os.path.isdir(os.path.join(place, above)):
            raise OutputError(f"{os.path.join(path, above)}: is not a directory")
        above = os.path.dirname(above)
    found = os.path.join(place, name) if name else place
    there = os.path.lexists(found)
    if there and not os.path.isfile(found):
        raise OutputError(f"{os.path.join(path, name) if name else path}: is not a regular file")
    return there


def check_space(target: Target, nbytes: int) -> None:
    """Refuse what the disk has no room for, before any of it is written."""
    # A directory that is there may be the root of a disk of its own.
    left = free(target.real if os.path.isdir(target.real) else os.path.dirname(target.real))
    if nbytes > left:
        raise OutputError(f"{target.path}: needs {in_units(nbytes)}, and the disk has {in_units(left)} free")


def in_units(nbytes: int) -> str:
    """Bytes for people: 25.6 kB, 1.07 GB."""
    size, unit = float(nbytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB"):
        if size < 1000 or unit == "EB":
            break
        size /= 1000
    return f"{nbytes} B" if unit == "B" else f"{size:.3g} {unit}"


@contextlib.contextmanager
def faults_of(path: str) -> Iterator[None]:
    """Faults of the system as errors that name the output, as the user wrote it."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from None


@contextlib.contextmanager
def appearing(target: Target, *, force: bool, fsync: bool) -> Iterator[str]:
    """A temporary file beside the target, which takes its place if the block ends well, and is removed if not.

    Without ``force`` the target must not be there, also not by the time the block ends.

    Raises:
        OutputError: the disk is full, the target has appeared meanwhile, or another fault of the system.
    """
    with faults_of(target.path), temporary(os.path.dirname(target.real)) as path:
        yield path
        _settle(path, target, force=force, fsync=fsync)


def holds(path: str, data: bytes) -> bool:
    """Whether a small file that is there has these bytes."""
    with open(path, "rb") as file:
        return file.read(len(data) + 1) == data


def write_bytes(path: str, data: bytes, *, force: bool, fsync: bool = True) -> None:
    """Make a small file; one that is there with the same bytes stays.

    Raises:
        OutputError: the path cannot be written, or holds something else and not ``force``.
    """
    target = target_of(path)
    if target.mode is not None and not force:
        with faults_of(path):
            same = holds(target.real, data)
        if same:
            return
        raise OutputError(f"{path}: exists and holds something else", "--force replaces it")
    with appearing(target, force=force, fsync=fsync) as made, open(made, "wb") as file:
        file.write(data)


def write_text(path: str, text: str, *, force: bool) -> None:
    """Make a text file; one that is there with the same text stays.

    Raises:
        OutputError: the path cannot be written, or holds something else and not ``force``.
    """
    write_bytes(path, text.encode(), force=force)


def _settle(made: str, target: Target, *, force: bool, fsync: bool) -> None:
    os.chmod(made, _new_mode() if target.mode is None else target.mode)
    if fsync:
        flush(made)
    if force or not linked(made, target):
        os.replace(made, target.real)
    if fsync:
        flush(os.path.dirname(target.real))


def linked(made: str, target: Target) -> bool:
    """Give the file its name only if the name is free; False where the file system has no hard links."""
    try:
        os.link(made, target.real)
    except FileExistsError:
        raise Appeared(f"{target.path}: appeared while it was being made", "--force replaces it") from None
    except OSError as error:
        if error.errno in (
            errno.EPERM,
            errno.EOPNOTSUPP,
            errno.ENOSYS,
            errno.EMLINK,
            errno.EINVAL,
        ) and not os.path.exists(target.real):
            return False
        raise
    return True


def _new_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
