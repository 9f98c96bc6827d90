"""A map over processes: forked from this one, they have all that it has, and do not wait for one another's interpreter.

Drawing is some twenty short calls of numpy on each block, and between two of them a thread needs the interpreter's lock: two
threads are 1.2 to 1.4 times as fast as one, two processes 1.9 times.
"""

import json
import os
import select
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from initgen.core import errors
from initgen.core.errors import InitgenError, OutputError
from initgen.engine.ordered import cores, ordered
from initgen.engine.signals import forked

T = TypeVar("T")
R = TypeVar("R")

# Whether this process is ours alone, as that of the command is. Where others run their threads, a fork may copy a lock that
# one of them holds.
alone = False

# Elsewhere a fork is not there, or breaks what the system's libraries keep (macOS).
LINUX = sys.platform == "linux"

# Bytes of work below which a fork, some milliseconds, is not worth it.
LEAST = 64 << 20

_NUMBER = struct.Struct("<Q")


def spread(
    work: Callable[[T], R], tasks: Callable[[], Iterator[T]], nbytes: int, workers: int | None = None
) -> Iterator[R]:
    """``work(task)`` for each task, in no order, by ``workers`` at once (all cores by default).

    They are processes where this one may fork and there is enough to do, and threads else. Results are small, and what
    JSON can say. The first error, or the caller's leaving, ends all.

    Args:
        tasks: gives the same tasks, in the same order, whenever it is called.
        nbytes: about how many bytes are drawn in all.

    Raises:
        OutputError: a process was killed.
    """
    workers = workers or cores()
    if alone and LINUX and workers > 1 and nbytes >= LEAST and threading.active_count() == 1:
        return _forked(work, tasks, workers)
    return ordered(work, tasks(), workers)


def _forked(work: Callable[[T], R], tasks: Callable[[], Iterator[T]], workers: int) -> Iterator[R]:
    take, give = os.pipe()  # the numbers of the tasks that nobody has taken
    others: list[_Other] = []
    queue = _Queue(give, sum(1 for _ in tasks()))
    try:
        for _ in range(workers - 1):
            others.append(_fork(work, tasks, take, give, others))
        own = _Numbered(tasks)
        while (number := queue.next(take)) is not None:
            yield work(own[number])
            for other in others:
                yield from other.results(wait=False)
        for other in others:
            yield from other.results(wait=True)
    finally:
        queue.close()
        os.close(take)
        for other in others:
            other.end()


class _Queue:
    """Hands out the numbers of tasks: into a pipe that all read from, and, while that is full, to this process directly."""

    def __init__(self, give: int, count: int) -> None:
        self._give: int | None = give
        self._at, self._count = 0, count
        os.set_blocking(give, False)  # type: ignore[attr-defined, unused-ignore]

    def _fill(self) -> None:
        while self._give is not None:
            try:
                if self._at < self._count:
                    os.write(self._give, _NUMBER.pack(self._at))
                    self._at += 1
                else:
                    self.close()
            except BlockingIOError:
                return

    def next(self, take: int) -> int | None:
        """A number; None when all are taken."""
        self._fill()
        if self._give is not None:  # to read could wait for ever: the others may be faster, and only we put numbers in
            self._at += 1
            return self._at - 1
        return _number(take)

    def close(self) -> None:
        """No more numbers."""
        give, self._give = self._give, None  # first, as a signal may come in between
        if give is not None:
            os.close(give)


def _number(take: int) -> int | None:
    # A pipe gives one of its readers all bytes of a number, as each was written, and is asked for, in one piece.
    data = os.read(take, _NUMBER.size)
    return _NUMBER.unpack(data)[0] if data else None


class _Numbered:
    """Tasks by their numbers, quickly where these grow."""

    def __init__(self, tasks: Callable[[], Iterator[T]]) -> None:
        self._tasks = tasks
        self._rest, self._due = tasks(), 0

    def __getitem__(self, number: int) -> Any:
        if number < self._due:
            self._rest, self._due = self._tasks(), 0
        while True:
            task = next(self._rest)
            self._due += 1
            if self._due > number:
                return task


class _Other:
    """A process that was forked, and the pipe in which its results come."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid, self.pipe = pid, pipe
        self._data, self._done = b"", False

    def results(self, *, wait: bool) -> Iterator[Any]:
        """Those that have come, or all that are still to come.

        Raises:
            OutputError: the process was killed.
        """
        while not self._done and (wait or select.select([self.pipe], [], [], 0)[0]):
            more = os.read(self.pipe, 1 << 16)
            if not more:
                raise OutputError("a process that was drawing was killed", "for lack of memory? --threads 1 takes less")
            self._data += more
            while len(self._data) >= _NUMBER.size:
                end = _NUMBER.size + _NUMBER.unpack_from(self._data)[0]
                if len(self._data) < end:
                    break
                kind, value = json.loads(self._data[_NUMBER.size : end])
                self._data = self._data[end:]
                if kind == "error":
                    raise _error_of(*value)
                if kind == "end":
                    self._done = True
                    return
                yield value

    def end(self) -> None:
        """End it, if it has not ended."""
        os.close(self.pipe)
        if not self._done:
            os.kill(self.pid, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
        os.waitpid(self.pid, 0)


def _fork(
    work: Callable[[T], R], tasks: Callable[[], Iterator[T]], take: int, give: int, others: list[_Other]
) -> _Other:
    out, into = os.pipe()

    def serve() -> None:
        for descriptor in (give, out, *(other.pipe for other in others)):
            os.close(descriptor)
        _serve(work, tasks, take, into)

    pid = forked(serve)
    os.close(into)
    return _Other(pid, out)


def _serve(work: Callable[[T], R], tasks: Callable[[], Iterator[T]], take: int, into: int) -> None:
    own = _Numbered(tasks)
    try:
        while (number := _number(take)) is not None:
            _send(into, "result", work(own[number]))
        _send(into, "end", None)
    except BrokenPipeError:
        pass  # nobody waits any more
    except InitgenError as error:
        _send(into, "error", (type(error).__name__, error.message, error.hint))
    except OSError as error:
        _send(into, "error", ("OSError", error.errno, error.strerror, error.filename))
    except Exception as error:
        _send(into, "error", ("RuntimeError", repr(error)))


def _send(into: int, kind: str, value: object) -> None:
    data = json.dumps((kind, value)).encode()
    data = _NUMBER.pack(len(data)) + data
    while data:
        data = data[os.write(into, data) :]


def _error_of(kind: str, *details: Any) -> Exception:
    found: type[Exception] = {"OSError": OSError, "RuntimeError": RuntimeError}.get(kind) or getattr(errors, kind)
    return found(*details)
