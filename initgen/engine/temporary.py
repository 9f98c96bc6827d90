"""Temporary files and directories beside an output, which a later run clears when this one was killed.

Whoever makes one holds a lock on it. The system gives the lock back when the process ends, however it ends, so that what can
be locked belongs to nobody; a number of a process would say nothing in another container or on another machine.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator

from initgen.engine.signals import held

_NAME = re.compile(r"\.initgen-[0-9a-f]{16}\.tmp")
# What a file system says that has no locks. What is made there is never cleared by others: they get none either.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


_own: dict[str, bool] = {}  # what this process made and has not removed, and whether it is a directory


@contextlib.contextmanager
def temporary(directory: str, *, folder: bool = False) -> Iterator[str]:
    """A new file or directory in ``directory``, gone when the block ends unless it was renamed; those of the dead go first.

    Raises:
        OSError: it cannot be made.
    """
    clear(directory)
    path, lock = "", None
    try:
        while lock is None:
            _own.pop(path, None)
            # What tempfile does, without the 10 ms of importing it. Named before it is there: a signal may come in between.
            path = os.path.join(directory, f".initgen-{os.urandom(8).hex()}.tmp")
            _own[path] = folder
            _make(path, folder)
            lock = _held(path)
        yield path
    finally:
        with held():  # the second signal to end comes while the first is obeyed
            if lock is not None and lock >= 0:
                with contextlib.suppress(OSError):
                    os.close(lock)
            _remove(path, folder)
            _own.pop(path, None)


def clear_own() -> None:
    """Remove what this process made: a signal may come between two steps, where nobody is there yet to clean up."""
    for path, folder in _own.items():
        _remove(path, folder)


def clear(directory: str) -> None:
    """Remove the temporaries of processes that were killed; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for name in [entry.name for entry in os.scandir(directory) if entry.name.startswith(".initgen-")]:
            if _NAME.fullmatch(name):
                _remove_abandoned(os.path.join(directory, name))


def _make(path: str, folder: bool) -> None:
    if folder:
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _held(path: str) -> int | None:
    """A descriptor whose lock keeps others from clearing it; -1 where there are no locks, None where it is gone already.

    The lock is a shared one, as a reader has it: HDF5 asks for such a lock on every file that it opens.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return -1
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # another run took it for abandoned, in the moment before it was locked
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # type: ignore[attr-defined, unused-ignore]
        os.stat(path)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NO_LOCKS:
            return -1
        if error.errno == errno.ENOENT:
            return None
        raise
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(path: str) -> None:
    """Remove one that nobody holds, and hold it meanwhile: its maker may be about to lock it."""
    try:
        import fcntl

        # Neither waits for a pipe nor follows a link that somebody gave such a name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # type: ignore[attr-defined, unused-ignore]
    except (ImportError, OSError):
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[attr-defined, unused-ignore]
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            _remove(path, stat.S_ISDIR(mode))
    except OSError:
        return
    finally:
        os.close(descriptor)


def _remove(path: str, folder: bool) -> None:
    if not folder:
        with contextlib.suppress(OSError):
            os.unlink(path)
    elif os.path.lexists(path):
        import shutil  # with its compressors it takes 10 ms that a single file can do without

        shutil.rmtree(path, ignore_errors=True)
