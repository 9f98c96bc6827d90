"""A line on a terminal's stderr for work that takes more than about a second."""

import sys
import time
from types import TracebackType


class Progress:
    """Called with the bytes done since the last call; says nothing in the first second, nor off a terminal."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total, self._done = total, 0
        self._silent = quiet or not sys.stderr.isatty()
        self._start = self._said = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, nbytes: int) -> None:
        self._done += nbytes
        now = time.monotonic()
        if self._silent or now - self._start < 1 or now - self._said < 0.1:
            return
        self._said = now
        rate = self._done / (now - self._start)
        left = (self._total - self._done) / rate
        print(
            f"\r{self._done / self._total:4.0%}  {rate / 1e9:.2f} GB/s  {left:.0f} s left ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._said > self._start:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
