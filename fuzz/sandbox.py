"""A directory in memory for one process's inputs and outputs, and a guard: nothing outside of it is read or written."""

import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parents[1]
_BESIDE = "beside.safetensors"
_WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
# What no input may cause at all.
_NEVER = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class"}


class Outside(BaseException):
    """Something outside of the sandbox was touched. Not an Exception: nobody's ``except`` may hide it."""


def new() -> str:
    """An empty directory, in memory where there is such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.mkdtemp(prefix="initgen-fuzz-", dir=memory)


class Sandbox:
    """The directories ``in``, ``out`` and ``cwd``; the last is the working directory. Beside them is a file to stray to.

    Args:
        root: an empty directory to be used, and to be removed by others.
    """

    def __init__(self, root: str | None = None) -> None:
        self.root = os.path.realpath(root or new())
        self.inside, self.out, self.cwd = (os.path.join(self.root, name) for name in ("in", "out", "cwd"))
        for path in (self.inside, self.out, self.cwd):
            os.mkdir(path)
        Path(self.root, _BESIDE).write_bytes(b"\2\0\0\0\0\0\0\0{}")  # sound, as what is not is not opened by us
        self.guarded = False
        self.seen: list[str] = []
        own = {
            sys.prefix,
            sys.base_prefix,
            sys.exec_prefix,
            *sysconfig.get_paths().values(),
            *map(os.path.abspath, sys.path),
        }
        self._readable = tuple(
            sorted({str(_HERE), self.inside, self.out, self.cwd, "/usr/", "/lib", "/proc/", "/sys/", os.devnull, *own})
        )
        platform.processor()  # which h5py asks for, and which runs a program the first time
        sys.addaudithook(self._heard)

    def put(self, name: str, data: bytes) -> str:
        """A file among the inputs."""
        path = os.path.join(self.inside, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def remove(self) -> None:
        """Take it away."""
        shutil.rmtree(self.root, ignore_errors=True)

    def clear(self) -> None:
        """Remove what was put out."""
        for path in (self.out, self.cwd):
            for entry in list(os.scandir(path)):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)

    def strays(self, outputs: Collection[str] = ()) -> list[str]:
        """What lies where nothing should: beside these outputs."""
        known = {"in", "out", "cwd", _BESIDE, *outputs}
        return sorted({*os.listdir(self.cwd), *os.listdir(self.root), *os.listdir(self.out)} - known)

    def _heard(self, event: str, told: tuple[Any, ...]) -> None:
        if not self.guarded:
            return
        if event == "open":
            path, _, flags = told
            writes = isinstance(flags, int) and flags & (
                os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            )
            self._check(event, path, bool(writes))
        elif event in _WRITES:
            for path in told[: 2 if event in ("os.rename", "os.link") else 1]:
                self._check(event, path, True)
        elif event in _NEVER:
            self._refuse(f"{event} {told!r:.200}")

    def _check(self, event: str, path: object, writes: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor, of what was opened before
        text = os.fsdecode(path)
        whole = os.path.normpath(os.path.join(self.cwd, text))
        if writes and whole not in (self.root, os.devnull) and not whole.startswith(self.root + os.sep):
            self._refuse(f"{event} for writing: {whole}")
        if not writes and not whole.startswith(self._readable):
            self._refuse(f"{event} for reading: {whole}")

    def _refuse(self, what: str) -> None:
        self.seen.append(what)
        raise Outside(what)
