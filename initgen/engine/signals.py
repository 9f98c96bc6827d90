"""Signals to end a program, and the few moments at which they have to wait."""

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

# Windows has not all of them.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Signals to end wait until the block has ended, and then do what they do.

    A mask would not do: the system gives a signal to any thread that takes it, and linear algebra has some.
    """
    if threading.current_thread() is not threading.main_thread():  # only there does Python handle them
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in ENDING}
    heard = [number for number in ENDING if before[number] not in (signal.SIG_IGN, None)]
    for number in heard:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
        if came:
            signal.raise_signal(came[0])


def forked(work: Callable[[], object]) -> int:
    """Have ``work()`` done by a process that is forked from this one, and dies with it; its number. On Linux."""
    first = os.getpid()
    with held():  # a signal in the middle of it would be lost, or take the new process for the first
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: numpy's own are made for it
            pid: int = os.fork()  # type: ignore[attr-defined, unused-ignore]
        if not pid:
            try:
                for number in ENDING:
                    signal.signal(number, signal.SIG_IGN)  # a terminal tells all; the first process ends the others
                _die_with(first)
                work()
            finally:
                os._exit(0)
    return pid


def _die_with(parent: int) -> None:
    """Have this process killed when its parent is: nobody would take what it makes."""
    import ctypes

    death = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(death, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
    if os.getppid() != parent:  # it was killed before
        os._exit(1)


def unwind(thread: threading.Thread) -> None:
    """Have a thread end that has been told to, if need be in the middle of what it does, and clean up; wait for it."""
    thread.join(0.1)
    if not thread.is_alive():
        return
    import ctypes

    # SystemExit, since a thread that ends with it says nothing.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
    thread.join()


def listening(work: Callable[[], T]) -> T:
    """``work()``, for work that is one long call of compiled code, in which no signal would be heard.

    It runs in a thread of its own, which is left to itself where the caller has to end.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # handed to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)  # not for ever: `unwind` reaches a thread only between two calls
    if errors:
        raise errors[0]
    return results[0]
