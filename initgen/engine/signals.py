"""Signals to end a program, and the few moments at which they have to wait."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

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
            os.kill(os.getpid(), came[0])
