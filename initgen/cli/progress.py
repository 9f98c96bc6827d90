"""How far the work has come: a line on a terminal's stderr, or with ``--json-progress`` lines of JSON for machines."""

import sys
import time
from types import TracebackType

from initgen.core.errors import printable
from initgen.engine.output import in_units
from initgen.engine.progress import Progress


class _Shown(Progress):
    """Keeps count, and ends with the work.

    Args:
        total: bytes of all files.

    Attributes:
        failed: whether the work ended without an error, and is not done all the same.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done, self.path = total, 0, ""
        self.start = self.said = time.monotonic()
        self.failed = False

    def begin(self, path: str, nbytes: int) -> None:
        self.path = path

    def __call__(self, nbytes: int) -> None:
        self.done = min(self.done + nbytes, self.total)  # a file that is found wrong is gone through twice

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def due(self, seconds: float) -> bool:
        """Whether so much time has gone since something was said; what is asked this counts as saying it."""
        now = time.monotonic()
        if now - self.said < seconds:
            return False
        self.said = now
        return True

    @property
    def rate(self) -> float:
        """Bytes in a second, over all."""
        return self.done / max(time.monotonic() - self.start, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """At that rate; None before anything is done."""
        return (self.total - self.done) / self.rate if self.done else None


class _Line(_Shown):
    """One line that is written over; nothing in the first second."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.width = 0

    def __call__(self, nbytes: int) -> None:
        super().__call__(nbytes)
        if self.due(0.1 if self.width else 1):
            line = (
                f"{self.done / max(self.total, 1):4.0%}  {in_units(self.done)} of {in_units(self.total)}"
                f"  {in_units(round(self.rate))}/s  {self.seconds_left:.0f} s left  {printable(self.path)}"
            )
            self._write(line)

    def _write(self, line: str) -> None:
        import shutil

        line = line[: shutil.get_terminal_size().columns - 1]  # a line that is folded cannot be written over
        print("\r" + line.ljust(self.width), end="", file=sys.stderr, flush=True)
        self.width = len(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.width:
            print("\r" + " " * self.width + "\r", end="", file=sys.stderr, flush=True)


class _Json(_Shown):
    """A line of JSON for the start, for each file, every fifth of a second, and for the end."""

    def __enter__(self) -> "_Json":
        self._say("start")
        return self

    def begin(self, path: str, nbytes: int) -> None:
        super().begin(path, nbytes)
        self._say("begin", path=path, file_bytes=nbytes)

    def __call__(self, nbytes: int) -> None:
        super().__call__(nbytes)
        if self.due(0.2):
            self._say("progress", path=self.path)

    def end(self, path: str) -> None:
        self._say("end", path=path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say("failed" if error or self.failed else "done")

    def _say(self, event: str, **more: object) -> None:
        import json

        seconds = time.monotonic() - self.start
        left = self.seconds_left
        line = {
            "event": event,
            **more,
            "bytes": self.done,
            "total_bytes": self.total,
            "seconds": round(seconds, 3),
            "bytes_per_second": round(self.rate),
            "seconds_left": None if left is None else round(left, 3),
        }
        print(json.dumps(line), file=sys.stderr, flush=True)


class _Silent(_Shown):
    """Nobody looks."""


def progress_of(total: int, *, quiet: bool, as_json: bool) -> _Shown:
    """What says how far work on ``total`` bytes has come: to machines, to a terminal, or nobody."""
    if as_json:
        return _Json(total)
    return _Silent(total) if quiet or not sys.stderr.isatty() else _Line(total)
