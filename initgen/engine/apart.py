"""Reading in a process of its own: what a crafted file does to HDF5, which is C, ends there.

It is no sandbox, since that process may do what this one may. But where HDF5 crashes, spins or asks for memory without
end, the answer is an error that names the file.
"""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO

from initgen.core import errors
from initgen.core.errors import FormatError, InitgenError
from initgen.engine.processes import LINUX
from initgen.engine.signals import forked

# What a reading may take beyond what the process has already.
_MEMORY = 3 << 30
# Seconds of processor time of one reading; a file of many tensors takes some for each megabyte.
_SECONDS, _PER_MEGABYTE = 60, 30

_reader: "_Reader | None" = None


def apart(work: Callable[..., Any], path: str, *given: Any) -> Any:
    """``work(path, *given)``, by a process that reads one file after the other.

    Args:
        work: a function of a module, of what JSON can say, to what JSON can say or to an array.

    Raises:
        FormatError: the process crashed on the file, or took too long for it.
    """
    global _reader
    if _reader is None:
        if not (LINUX and threading.active_count() == 1):  # a fork might copy a lock that another thread holds
            return work(path, *given)
        _reader = _Reader()
    reader, _reader = _reader, None  # unless an answer comes, it is of no more use
    try:
        answer = reader.ask(work, path, *given)
        _reader = reader
    except (EOFError, ConnectionError):
        raise FormatError(f"{path}: HDF5 {reader.end()}", "the file is damaged, or made to do that") from None
    finally:
        if _reader is None:
            reader.end()
    if isinstance(answer, Exception):
        raise answer
    return answer


class _Reader:
    """The process, and the pipes to it."""

    def __init__(self) -> None:
        (take, ask), (hear, answer) = os.pipe(), os.pipe()

        def serve() -> None:
            _close_all_but(take, answer)
            _serve(open(take, "rb"), open(answer, "wb"))  # noqa: SIM115

        self._pid = forked(serve)
        os.close(take)
        os.close(answer)
        self._ask, self._hear = open(ask, "wb"), open(hear, "rb")  # noqa: SIM115
        self._ended = ""

    def ask(self, work: Callable[..., Any], *given: Any) -> Any:
        """What comes of it: the result, or the error."""
        _send(self._ask, [work.__module__, work.__qualname__, given])
        kind, value, nbytes = _received(self._hear)
        if kind == "error":
            name, *details = value
            known: dict[str, type[Exception]] = {
                "MemoryError": MemoryError,
                "OSError": OSError,
                "RuntimeError": RuntimeError,
            }
            return (known.get(name) or getattr(errors, name))(*details)
        if kind == "value":
            return value
        import numpy as np

        data = bytearray(nbytes)
        if self._hear.readinto(data) < nbytes:
            raise EOFError
        dtype, shape = value
        return np.frombuffer(data, dtype).reshape(shape)

    def end(self) -> str:
        """End it, and say how it had ended by itself."""
        if not self._ended:
            for pipe in (self._ask, self._hear):
                with contextlib.suppress(OSError):  # what nobody takes any more
                    pipe.close()
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if not pid:
                os.kill(self._pid, signal.SIGKILL)
                status = os.waitpid(self._pid, 0)[1]
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            spun = number == signal.SIGXCPU
            crashed = f"crashed on it ({signal.Signals(number).name})" if number else "gave up on it"
            self._ended = "went on reading it without an end" if spun else crashed
        return self._ended


def _close_all_but(*kept: int) -> None:
    """What is open here stays open and locked for as long as any process has it."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):  # that of the directory itself is closed already
                os.close(int(name))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    import h5py

    while h5py.h5pl.size():  # HDF5 has any library there, if the file is not its own, say whether it is the library's
        h5py.h5pl.remove(0)
    import numpy as np

    while True:
        module, name, given = _received(requests)
        _limit(given[0])
        try:
            answer = getattr(import_module(module), name)(*given)
        except InitgenError as error:
            _send(answers, ["error", [type(error).__name__, error.message, error.hint], 0])
        except MemoryError:
            _send(answers, ["error", ["MemoryError"], 0])
        except OSError as error:
            _send(answers, ["error", ["OSError", error.errno, error.strerror, error.filename], 0])
        except Exception as error:
            _send(answers, ["error", ["RuntimeError", repr(error)], 0])
        else:
            if isinstance(answer, np.ndarray):
                array = np.ascontiguousarray(answer)
                _send(answers, ["array", [array.dtype.str, answer.shape], array.nbytes])
                answers.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
                answers.flush()
            else:
                _send(answers, ["value", answer, 0])
            del answer


def _limit(path: str) -> None:
    import resource

    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[0]) * resource.getpagesize() + _MEMORY
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + _SECONDS
    if os.path.exists(path):
        seconds += _PER_MEGABYTE * (os.stat(path).st_size >> 20)
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _send(file: BinaryIO, message: Any) -> None:
    file.write(json.dumps(message).encode() + b"\n")
    file.flush()


def _received(file: BinaryIO) -> Any:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return json.loads(line)
