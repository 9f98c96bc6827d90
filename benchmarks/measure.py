"""Whole processes, one after the other and in turns: how long each takes, and how much memory.

Turns, so that what else the machine does falls on all alike. Nothing but the standard library is imported here: Linux counts
the memory of the process that starts another towards the other's peak.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

LIMIT = 900  # seconds of one process

# Compiled modules are kept, as those of an installation are.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Run(NamedTuple):
    """Seconds of a process, and the most memory it held in MiB."""

    seconds: float
    mib: float


class Failed(Exception):
    """A process ended with an error, whose last line this is."""


@dataclass(frozen=True)
class Step:
    """One process of a turn, in a row and a column of the table.

    Attributes:
        removes: a file that is not needed after it.
        turns: in how many it takes part; by default in all.
        times_itself: it prints its seconds, without those of its interpreter's start.
        peer: it may fail, and then has no figure.
    """

    row: str
    column: str
    command: list[str]
    removes: Path | None = None
    turns: int | None = None
    times_itself: bool = False
    peer: bool = False


@dataclass
class Runs:
    """What was measured: the runs of each row and column, and why there are none."""

    of: dict[tuple[str, str], list[Run]] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def take_turns(self, steps: list[Step], turns: int) -> None:
        """Run all steps one after the other, ``turns`` times, each time without dirty pages of the one before.

        Raises:
            SystemExit: a step failed that is no peer's.
        """
        for turn in range(turns):
            for step in steps:
                if (step.row, step.column) not in self.failures and (step.turns is None or turn < step.turns):
                    progress(f"{turn + 1}/{turns} {step.row}: {step.column}")
                    self._take(step)
                if step.removes:
                    step.removes.unlink(missing_ok=True)
        progress("")

    def _take(self, step: Step) -> None:
        os.sync()
        try:
            measured = run(step)
        except Failed as failure:
            if not step.peer:
                raise SystemExit(f"{' '.join(step.command)}\n{failure}") from None
            self.failures[step.row, step.column] = str(failure)
        else:
            self.of.setdefault((step.row, step.column), []).append(measured)


def run(step: Step) -> Run:
    """Run a process to its end.

    Raises:
        Failed: it ended with an error, or not in time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(step.command, stdout=out, stderr=said, env=ENVIRONMENT)
        if step.peer:
            # Where memory runs out, the peer that took it is the one to go.
            with contextlib.suppress(OSError):
                Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
        clock = threading.Timer(LIMIT, process.kill)
        clock.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        clock.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").split("\n")
            if process.returncode == -signal.SIGKILL:
                lines = [f"over {LIMIT} s" if seconds >= LIMIT else "killed: out of memory"]
            raise Failed(next((line for line in reversed(lines) if line.strip()), f"exit {process.returncode}"))
        if step.times_itself:
            out.seek(0)
            seconds = float(out.read())
    return Run(seconds, usage.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10)))


def progress(text: str) -> None:
    """Say on a terminal what runs now."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
