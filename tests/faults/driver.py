"""A process that has imported the tool, and forks for every run: some 20 ms each, where a command of its own takes 200.

It reads a request as a line of JSON and answers with one. It knows nothing of faults: the library that is preloaded does.
"""

import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any

# A run that takes longer hangs; SIGALRM ends it.
LIMIT = 30
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def warm(runs: list[list[str]]) -> None:
    """Import all that the runs need, by making them."""
    from initgen.cli import main

    for argv in runs:
        try:
            main(argv)
        except SystemExit as end:
            if end.code:
                raise SystemExit(f"error: {argv} ended with {end.code}") from None
    for number in ENDING:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page


def begin(argv: list[str], limits: dict[str, int], room: int | None) -> tuple[int, int]:
    """A run in a process and a group of its own, and where to read what it says.

    Args:
        limits: by the names of `resource`.
        room: bytes of memory that it may take beyond those that it has.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    out, into = os.pipe()  # no limit on files holds for what it says
    pid = os.fork()
    if not pid:
        try:
            os.setpgrp()
            os.dup2(into, 1)
            os.dup2(into, 2)
            os.closerange(3, into + 1)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
            signal.alarm(LIMIT)
            if room is not None:
                with open("/proc/self/statm") as file:
                    limits = {"RLIMIT_AS": int(file.read().split()[0]) * resource.getpagesize() + room}
            sys.argv = ["initgen", *argv]
            from initgen.cli import script

            for name, limit in limits.items():
                resource.setrlimit(getattr(resource, name), (limit, limit))
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
                script()
            except KeyboardInterrupt:  # before the command's own code hears it: initgen.__main__ does the same
                os._exit(130)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(99)
    os.close(into)
    os.set_blocking(out, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    return pid, out


def run(runs: list[dict[str, Any]]) -> list[tuple[int, float, float, int, str]]:
    """Some runs beside each other, each begun and sent its signals at its moments.

    Returns:
        Of each its exit code, or minus the signal that ended it; the seconds that it took, and those since the last
        signal; its process group; and what it said.
    """
    events = [(one["at"], number, 0) for number, one in enumerate(runs)]
    events += [(one["at"] + at, number, sent) for number, one in enumerate(runs) for at, sent in one["signals"]]
    pids: dict[int, int] = {}
    said: dict[int, int] = {}
    begun: dict[int, float] = {}
    last: dict[int, float] = {}
    first = time.perf_counter()
    for at, number, sent in sorted(events):
        time.sleep(max(0.0, at - (time.perf_counter() - first)))
        if sent:
            (os.killpg if runs[number]["group"] else os.kill)(pids[number], sent)
        else:
            pids[number], said[number] = begin(*(runs[number][name] for name in ("argv", "limits", "room")))
            begun[number] = time.perf_counter()
            os.setpgid(pids[number], pids[number])  # who comes first
        last[number] = time.perf_counter()
    answers = []
    for number, pid in sorted(pids.items()):
        _, status = os.waitpid(pid, 0)
        now = time.perf_counter()
        try:
            text = os.read(said[number], 1 << 16).decode(errors="replace")
        except BlockingIOError:  # a process that it forked lives on
            text = ""
        os.close(said[number])
        answers.append((os.waitstatus_to_exitcode(status), now - begun[number], now - last[number], pid, text))
    return answers


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    requests = os.fdopen(os.dup(0))
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    for line in requests:
        request = json.loads(line)
        answer = warm(request["warm"]) if "warm" in request else run(request["runs"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
