"""What the engine asks of open files and of disks, on every system: Windows and macOS lack some of it."""

import errno
import os
import threading

from initgen.core.errors import FormatError

# Without it Windows would change line ends.
_BINARY = getattr(os, "O_BINARY", 0)
_AT_A_TIME = threading.Lock()


def opened(path: str, flags: int) -> int:
    """A descriptor of a file that is there, for its bytes as they are."""
    return os.open(path, flags | _BINARY)


def read_at(descriptor: int, offset: int, nbytes: int, path: str) -> bytes:
    """Bytes of a file at a place, all of them.

    Raises:
        FormatError: the file ends before them.
    """
    data = b""
    while len(data) < nbytes:
        more = _some(descriptor, nbytes - len(data), offset + len(data))
        if not more:
            raise FormatError(f"{path}: became shorter while it was read")
        data = data + more if data else more
    return data


def _some(descriptor: int, nbytes: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        data: bytes = os.pread(descriptor, nbytes, offset)
        return data
    with _AT_A_TIME:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, nbytes)


def write_at(descriptor: int, data: memoryview, offset: int) -> None:
    """Put all of ``data`` into a place of a file."""
    done = 0
    while done < len(data):
        if hasattr(os, "pwrite"):
            done += os.pwrite(descriptor, data[done:], offset + done)
        else:
            with _AT_A_TIME:
                os.lseek(descriptor, offset + done, os.SEEK_SET)
                done += os.write(descriptor, data[done:])


def reserve(descriptor: int, size: int) -> None:
    """Give a file its whole size at once: pages then need not be found one by one, and a full disk says so now."""
    try:
        os.posix_fallocate(descriptor, 0, size)  # type: ignore[attr-defined, unused-ignore]
    except AttributeError:  # not on macOS or Windows
        os.ftruncate(descriptor, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        os.ftruncate(descriptor, size)


def flush(path: str) -> None:
    """Have the disk take a file, or the names in a directory."""
    directory = os.path.isdir(path)
    if directory and os.name == "nt":  # it has no way to ask for that
        return
    descriptor = opened(path, os.O_RDONLY if directory or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free(path: str) -> int:
    """Bytes that this user may still write to the disk of a file or directory."""
    if hasattr(os, "statvfs"):
        disk = os.statvfs(path)
        return int(disk.f_bavail * disk.f_frsize)
    import shutil

    return shutil.disk_usage(path).free
