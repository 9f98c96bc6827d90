"""Faults of every kind in every way to write: `make test-faults`. README.md says how to read what it prints."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ends
import limits
import order
import table
import writers
from bench import Bench
from ends import BY_NAME, Tally
from injection import Fault, build, missing
from loop import Cell, loop
from scenes import SCENES, tree

PARTS = ("loop", "order", "limits", "kill", "signals", "writers")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/faults", description=__doc__)
    parser.add_argument("--only", metavar="POINT", help="one point, shown in full: 'write ENOSPC 3 hdf5 single force'")
    parser.add_argument("--command", action="store_true", help="with --only: in a command of its own, not a fork")
    parser.add_argument("--scene", action="append", help="ways to write whose name begins so")
    parser.add_argument("--call", action="append", help="calls of the fault loop")
    parser.add_argument("--part", action="append", choices=PARTS, help="all by default")
    parser.add_argument("--share", type=float, default=1.0, help="of the random runs, 1 for all of them")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


def show_point(bench: Bench, text: str, *, command: bool) -> int:
    """One point, with all that was called."""
    words = text.split()
    scene = BY_NAME.get(" ".join(words[3:]))
    if scene is None:
        raise SystemExit(f"error: no such way to write: {' '.join(words[3:])!r}; there are: {', '.join(BY_NAME)}")
    fault = Fault.of(" ".join(words[:3]))
    ready = bench.begin(scene, fault)
    argv = scene.argv(bench.home, bench.top)
    run = bench.command(argv) if command else bench.run(argv)
    print(f"$ initgen {' '.join(argv)}")
    print(run.said.rstrip())
    print(f"code {run.code}, {'met' if bench.injection.reached else 'not met'} after {bench.injection.named} names")
    for call, path, more, error in bench.injection.log():
        places = " -> ".join(
            os.path.relpath(one, bench.top) if one.startswith("/") else one for one in (path, more) if one
        )
        print(f"  {call:10} {places}{f'  {os.strerror(error)}' if error else ''}")
    for path, entry in sorted(tree(bench.top).items()):
        which = [name for name, side in (("old", ready.old), ("new", ready.new)) if side.get(path) == entry]
        print(f"  there: {path} {' and '.join(which) or 'neither old nor new'}")
    verdict, _ = bench.point(scene, fault, command=command)
    print(f"{'wrong: ' + verdict.problem if verdict.problem else 'right: ' + verdict.state}")
    return 1 if verdict.problem else 0


class Crew:
    """As many benches as jobs; each takes the next piece of work."""

    def __init__(self, library: str, home: str, jobs: int) -> None:
        self._free = [Bench(library, home) for _ in range(jobs)]
        self._benches = list(self._free)
        self._threads = ThreadPoolExecutor(jobs)

    def map(self, work: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers in the order of the work: functions of a bench, each with what else it takes."""

        def one(task: tuple[Any, ...]) -> Any:
            bench = self._free.pop()
            try:
                return task[0](bench, *task[1:])
            finally:
                self._free.append(bench)
                done.append(task)
                if sys.stderr.isatty():
                    print(f"\r{len(done)}/{len(work)}\033[K", end="", file=sys.stderr, flush=True)

        done: list[object] = []
        answers = list(self._threads.map(one, work))
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        return answers

    def close(self) -> None:
        """End the drivers."""
        for bench in self._benches:
            bench.close()


def main() -> int:
    given = arguments()
    reason = missing()
    if reason:
        print(f"skipped: {reason}")
        return 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    home = tempfile.mkdtemp(prefix="faults-", dir=memory)
    try:
        library = build(home)
        if given.only:
            bench = Bench(library, home)
            try:
                return show_point(bench, given.only, command=given.command)
            finally:
                bench.close()
        crew = Crew(library, home, given.jobs)
        try:
            return run(crew, given)
        finally:
            crew.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run(crew: Crew, given: argparse.Namespace) -> int:
    begun = time.monotonic()
    parts = given.part or PARTS
    problems: list[str] = []
    lines: list[str] = []

    def chosen(names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(tuple(given.scene or ("",)))]

    def count(runs: int) -> int:
        return max(2, round(runs * given.share))

    def tally(what: str, work: Sequence[tuple[Any, ...]], *, longest: bool = False) -> None:
        done: list[Tally] = crew.map(work)
        print(table.summary(what, done, longest=longest), end="\n\n", flush=True)
        lines.append(f"{what}: {sum(one.good for one in done)}/{sum(one.runs for one in done)}")
        problems.extend(problem for one in done for problem in one.problems)

    if "loop" in parts:
        scenes = [BY_NAME[name] for name in chosen(BY_NAME)]
        calls = tuple(given.call) if given.call else None
        queue = sorted(scenes, key=lambda scene: (not scene.large, not scene.many))  # what takes longest first
        found = dict(zip(queue, crew.map([(loop, scene, calls) for scene in queue]), strict=True))
        cells: dict[str, dict[str, Cell]] = {scene.name: found[scene] for scene in scenes}
        print("fault loop: N reached, the number of the call up to which it was made to fail\n")
        print(table.matrix(cells), end="\n\n")
        print(table.outcomes(cells), end="\n\n", flush=True)
        every = [cell for row in cells.values() for cell in row.values()]
        points, wrong = sum(cell.points for cell in every), sum(len(cell.problems) for cell in every)
        lines.append(f"fault loop: {points - wrong}/{points}")
        problems += [f"{point}: {what}" for cell in every for point, what in cell.problems]
    if "order" in parts:
        tally(
            "order of flushes and names", [(order.promised, scene) for scene in SCENES if scene.name in chosen(BY_NAME)]
        )
    if "limits" in parts:
        names = chosen(limits.SCENE_NAMES)
        reason = limits.no_disk()
        if reason:
            print(f"full disk: skipped, {reason}\n")
            lines.append(f"full disk: skipped, {reason}")
        else:
            tally("disk with few pages", [(limits.full, name, limits.SIZES) for name in names])
            tally("disk with few inodes", [(limits.full, name, limits.INODES) for name in names])
        tally("limit on the size of files", [(limits.limited, name, "RLIMIT_FSIZE") for name in names])
        tally("limit on open files", [(limits.limited, name, "RLIMIT_NOFILE") for name in names])
        memory: list[tuple[Any, ...]] = [(limits.limited, name, "RLIMIT_AS") for name in chosen(limits.IN_MEMORY)]
        tally("limit on memory", memory if given.scene else [(limits.commands,), *memory])
    if "kill" in parts:
        names = chosen(ends.KILLED)
        tally("kill loop", [(ends.killed, name, count(ends.KILLED[name])) for name in names])
        tally("beside a run that stands still", [(ends.stopped, name) for name in names])
    if "signals" in parts:
        long: list[tuple[Any, ...]] = [(ends.asked_in_long_work, what) for what in ends.LONG if not given.scene]
        tally("signals", [*long, *((ends.asked_to_end, name, count(120)) for name in chosen(ends.ASKED))], longest=True)
    if "writers" in parts:
        work = [(writers.pairs, name, count(50), False) for name in chosen((*writers.FORCED, *writers.FIRST))]
        tally("two writers", [*work, *((writers.pairs, name, count(25), True) for name in chosen(writers.FIRST))])
    for problem in problems[:60]:
        print(f"FAILED {problem[:400]}")
    print("\n".join(lines))
    print(f"{len(problems)} failed, {time.monotonic() - begun:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
