"""System calls that fail on demand: the library of inject.c, built here, and the memory that it shares with us."""

import ctypes
import errno
import mmap
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass

CALLS = (
    *("open", "fallocate", "truncate", "write", "fsync", "rename", "link", "unlink", "chmod", "mkdir", "mmap", "close"),
    *("flock", "read", "stat", "list", "fork", "pipe", "memory", "disk"),
)
# What a call can be made to do besides failing with an errno: to end the process, or to take less than it was given.
SIGNALS = {name: getattr(signal, f"SIG{name}") for name in ("KILL", "INT", "TERM", "HUP", "STOP")}
SHORT = {"1byte": 2, "half": 3}
_FAIL, _SIGNAL, _LOG = 1, 4, 1 << 20

# Which faults each call can really have. EINTR comes once: it is a signal's, and who asks again is right.
ERRORS = {
    "open": ("ENOSPC", "EIO", "EACCES", "EINTR", "EMFILE"),
    "fallocate": ("ENOSPC", "EIO", "EFBIG", "EINTR", "EDQUOT", "EOPNOTSUPP"),
    "truncate": ("ENOSPC", "EIO", "EFBIG", "EINTR"),
    "write": ("ENOSPC", "EIO", "EFBIG", "EINTR", "EDQUOT", "1byte", "half"),
    "fsync": ("ENOSPC", "EIO", "EINTR", "EDQUOT"),
    "rename": ("ENOSPC", "EIO", "EACCES", "EROFS"),
    "link": ("ENOSPC", "EIO", "EACCES", "EPERM", "EDQUOT", "EMLINK"),
    "unlink": ("EIO", "EACCES"),
    "chmod": ("EIO", "EACCES", "EPERM"),
    "mkdir": ("ENOSPC", "EIO", "EACCES", "EDQUOT"),
    "mmap": ("ENOMEM", "EACCES"),
    "close": ("ENOSPC", "EIO", "EINTR"),
    "flock": ("EINTR", "ENOLCK", "EOPNOTSUPP"),
    "read": ("EIO", "EINTR", "1byte", "half"),
    "stat": ("EIO",),
    "list": ("EIO", "EACCES", "EMFILE"),
    "fork": ("EAGAIN", "ENOMEM"),
    "pipe": ("EMFILE",),
    "disk": ("KILL", "INT", "TERM", "EIO", "EROFS"),
}
# What cannot last; a byte at a time would, and takes its time.
ONCE = (*SIGNALS, "EINTR", "1byte")
# A disk that goes is gone.
ALWAYS = "disk"


@dataclass(frozen=True)
class Fault:
    """One call that goes wrong, or all from one on; as text: ``write ENOSPC 3`` and ``write ENOSPC 3+``."""

    call: str
    kind: str
    number: int
    lasting: bool = False

    @classmethod
    def of(cls, text: str) -> "Fault":
        call, kind, number = text.split()
        found = re.fullmatch(r"(\d+)(\+?)", number)
        if call not in CALLS or not found or (kind not in SIGNALS and kind not in SHORT and not hasattr(errno, kind)):
            raise SystemExit(f"error: {text!r} is no fault; one is like 'write ENOSPC 3', or 3+ for all from there on")
        return cls(call, kind, int(found[1]), bool(found[2]))

    def __str__(self) -> str:
        return f"{self.call} {self.kind} {self.number}{'+' if self.lasting else ''}"


class _Shared(ctypes.Structure):
    """`struct shared` of inject.c."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("deed", "call", "first", "last", "number", "large")),
        *((name, ctypes.c_int) for name in ("leader", "reached", "named", "named_before")),
        ("seen", ctypes.c_int * len(CALLS)),
        ("top", ctypes.c_char * 1024),
        ("used", ctypes.c_int),
        ("log", ctypes.c_char * _LOG),
    )


def missing() -> str:
    """Why calls cannot be made to fail here; empty where they can."""
    if os.uname().sysname != "Linux":
        return "only Linux preloads a library as it is done here"
    return "" if shutil.which("cc") else "there is no C compiler (cc)"


def build(directory: str) -> str:
    """The library, compiled."""
    made = os.path.join(directory, "inject.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inject.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", made, source, "-ldl"], check=True)
    return made


class Injection:
    """What the library is to do in the processes that have this environment, and what it saw there."""

    def __init__(self, library: str, path: str) -> None:
        with open(path, "wb") as file:
            file.truncate(ctypes.sizeof(_Shared))
        with open(path, "r+b") as file:
            self._shared = _Shared.from_buffer(mmap.mmap(file.fileno(), 0))
        self.environment = {"LD_PRELOAD": library, "INJECT_SHARED": path}

    def arm(self, top: str, fault: Fault | None = None) -> None:
        """Begin anew: count calls below ``top``, and have one of them go wrong."""
        shared = self._shared
        ctypes.memset(ctypes.byref(shared), 0, _Shared.log.offset)
        shared.top = os.path.realpath(top).encode()
        if not fault:
            return
        shared.call, shared.first = CALLS.index(fault.call), fault.number
        shared.last = 2**31 - 1 if fault.lasting else fault.number
        shared.large = 4096 if fault.call == "memory" else 0
        shared.deed = SHORT.get(fault.kind) or (_SIGNAL if fault.kind in SIGNALS else _FAIL)
        shared.number = SIGNALS[fault.kind] if fault.kind in SIGNALS else getattr(errno, fault.kind, 0)

    @property
    def reached(self) -> bool:
        """Whether the call that was to go wrong was made."""
        return bool(self._shared.reached)

    @property
    def named(self) -> int:
        """How many files had got their names by then."""
        return self._shared.named_before

    @property
    def seen(self) -> dict[str, int]:
        """How often each call was made."""
        return dict(zip(CALLS, self._shared.seen, strict=True))

    def log(self) -> list[tuple[str, str, str, int]]:
        """The calls in their order: which, on what, its other path (or "new" for a file that is made), and the error."""
        text = self._shared.log[: min(self._shared.used, _LOG)].decode(errors="replace")
        rows = [line.split("\t") for line in text.splitlines()]
        return [(row[0], row[1], row[2], int(row[3])) for row in rows if len(row) == 4]
