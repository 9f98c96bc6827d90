"""Runs that are ended from outside at random moments: killed, or asked to end, once and twice."""

import contextlib
import glob
import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field

import verdict
from bench import COMMAND, Bench, environment
from injection import SIGNALS, Fault
from scenes import SCENES, tree

BY_NAME = {scene.name: scene for scene in SCENES}
KILLED = {"safetensors single force": 200, "hdf5 single force": 200, "shards force": 200, "safetensors large": 60}
ASKED = ("hdf5 single force", "shards force", "safetensors large")

# Work that is long before anything can be written: one skips far in a stream, one decomposes a matrix in one call.
LONG = {
    "skip in a stream": (
        *("--stream", "keras-numpy", "--scheme", "random_normal"),
        *("--shape", "2000000000", "--elements", "1999000000:"),
    ),
    "decomposition": ("--scheme", "orthogonal", "--shape", "3000x3000"),
}


@dataclass
class Tally:
    """What became of a number of runs."""

    name: str
    runs: int = 0
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    longest: float = 0.0

    def add(self, state: str, problem: str) -> None:
        self.runs += 1
        self.states[state] += 1
        if problem:
            self.problems.append(f"{self.name}, run {self.runs}: {problem}")

    @property
    def good(self) -> int:
        """How many were right."""
        return self.runs - len(self.problems)


def moments(chance: random.Random, seconds: float, count: int) -> list[float]:
    """Half spread over a run, half about its end, where files get their names."""
    return [seconds * (chance.uniform(0, 1.1) if n % 2 else chance.uniform(0.5, 1.05)) for n in range(count)]


def killed(bench: Bench, name: str, count: int, seed: int = 0) -> Tally:
    """SIGKILL at random moments: whole files, temporaries at most, which the next run clears, and no orphan."""
    scene, tally = BY_NAME[name], Tally(name)
    seconds = bench.ready(scene).seconds
    for moment in moments(random.Random(f"{name} {seed}"), seconds, count):
        ready = bench.begin(scene)
        run = bench.run(scene.argv(bench.home, bench.top), signals=[(moment, int(signal.SIGKILL))])
        alone = ended(run.group)
        found = tree(bench.top)
        files = verdict.of_files(scene, found, ready.old, ready.new, temporaries=True)
        problem = files.problem or ("" if run.code in (0, -9) else f"code {run.code}: {run.said.strip()}")
        problem = problem or ("" if alone else "a process that it forked lives on") or bench.after(scene, found)
        left = any(verdict.is_temporary(path) for path in found)
        tally.add(f"{files.state}{' and a temporary' if left else ''}", problem)
    return tally


def ended(group: int) -> bool:
    """Whether all processes of a group end within two seconds."""
    deadline = time.monotonic() + 2
    while living(group):
        if time.monotonic() > deadline:
            os.killpg(group, signal.SIGKILL)
            return False
        time.sleep(0.005)
    return True


def living(group: int) -> list[str]:
    """The processes of a group that are more than an entry in the table."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return []
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                state, _, of = file.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state not in "ZX":
            found.append(path)
    return found


def asked_to_end(bench: Bench, name: str, count: int, seed: int = 0) -> Tally:
    """SIGINT, SIGTERM and SIGHUP, once and twice, to the process and to its group as a terminal does it."""
    scene, tally = BY_NAME[name], Tally(name)
    chance = random.Random(f"{name} {seed}")
    seconds = bench.ready(scene).seconds
    for number in range(count):
        kind = ("INT", "TERM", "HUP")[number % 3]
        ready = bench.begin(scene)
        moment = chance.uniform(0, seconds)
        sent = [(moment, int(SIGNALS[kind]))]
        if number // 3 % 2:
            sent.append((moment + chance.choice((0.0, 0.002, 0.02)), int(SIGNALS[kind])))
        run = bench.run(scene.argv(bench.home, bench.top), signals=sent, group=bool(number // 6 % 2))
        found = tree(bench.top)
        files = verdict.of_files(scene, found, ready.old, ready.new)
        problem = files.problem or verdict.of_signal(run, kind) or bench.after(scene, found)
        problem = problem or ("" if ended(run.group) else "a process that it forked lives on")
        tally.longest = max(tally.longest, run.since)
        tally.add(files.state, f"{kind} {sent}: {problem}" if problem else "")
    return tally


def asked_in_long_work(bench: Bench, what: str) -> Tally:
    """A signal to a command in the middle of work that hears nothing by itself."""
    tally, made = Tally(what), os.path.join(bench.top, "w.npy")
    bench.injection.arm("")
    os.makedirs(bench.top, exist_ok=True)
    for kind in ("INT", "TERM", "HUP"):
        process = _popen(["sample", *LONG[what], "--force", "-o", made], {})
        deadline = time.monotonic() + 20
        while not _temporaries(bench) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(SIGNALS[kind])
        begun = time.monotonic()
        said, _ = process.communicate()
        since = time.monotonic() - begun
        problem = verdict.of_signal(verdict.Run(process.returncode, said, since=since), kind)
        problem = problem or ("it was faster than the signal" if process.returncode == 0 else "")
        tally.longest = max(tally.longest, since)
        tally.add("ended", problem or "".join(f"left {path}" for path in _temporaries(bench)))
    return tally


def _popen(argv: list[str], more: dict[str, str]) -> "subprocess.Popen[str]":
    """A command that runs beside us."""
    return subprocess.Popen(
        [*COMMAND, *argv],
        env={**environment(), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _temporaries(bench: Bench) -> set[str]:
    return {path for path in tree(bench.top) if verdict.is_temporary(path)}


def stopped(bench: Bench, name: str) -> Tally:
    """A run that stands still is alive: another beside it does its work, and leaves alone what the first has begun."""
    scene, tally = BY_NAME[name], Tally(name)
    total = sum(bench.ready(scene).calls[call] for call in ("open", "write", "fsync"))
    for number in range(4, total, 3):
        ready = bench.begin(scene, Fault("disk", "STOP", number))
        argv = scene.argv(bench.home, bench.top)
        first = _popen(argv, bench.injection.environment)
        while first.poll() is None and not bench.injection.reached:
            time.sleep(0.002)
        before = _temporaries(bench)
        second = _popen(argv, {})
        with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for one that stands between two names
            second.wait(3)
        after = _temporaries(bench)
        first.send_signal(signal.SIGCONT)
        said = first.communicate(timeout=60)[0] + second.communicate(timeout=60)[0]
        files = verdict.of_files(scene, tree(bench.top), ready.old, ready.new)
        problem = files.problem
        if first.returncode or second.returncode:
            problem = problem or f"codes {first.returncode} and {second.returncode}: {said.strip()}"
        if not before <= after:
            problem = problem or "the second run cleared what the first one had begun"
        tally.add(files.state, problem)
    return tally
