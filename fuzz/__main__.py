"""Fuzz all targets, or some, and say what came of it: ``python -m fuzz [TARGET]… --time 60``."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz.merge import merge
from fuzz.replay import CORPUS, ROOT, replay, report
from fuzz.sandbox import new
from fuzz.targets import TARGETS, Target

SCRATCH = ROOT / ".fuzz"
# Wall clock of one input; what takes more than 5 s of a processor is found by the target itself.
TIMEOUT = 30


@dataclass
class Outcome:
    """What came of fuzzing one target."""

    target: str
    runs: int = 0
    seconds: float = 0
    coverage: int = 0
    corpus: int = 0
    findings: list[str] = field(default_factory=list)
    native: int = 0


def fuzz(target: Target, seconds: int, most: int) -> Outcome:
    """Run one target for so many seconds, started anew after each finding, of which there may be ``most``."""
    outcome = Outcome(target.name)
    end = time.monotonic() + seconds
    while (left := round(end - time.monotonic())) > 0:
        found = _run(target, left, outcome)
        if found is None:
            break
        if target.native and "libFuzzer" in found:
            outcome.native += 1
            continue
        outcome.findings.append(found)
        if len(outcome.findings) >= most:
            break
    return outcome


def _run(target: Target, seconds: int, outcome: Outcome) -> str | None:
    own = SCRATCH / "corpus" / target.name
    findings = SCRATCH / "findings"
    for folder in (own, findings):
        folder.mkdir(parents=True, exist_ok=True)
    options = {
        "max_total_time": seconds,
        "max_len": target.length,
        "timeout": 10 if target.native else TIMEOUT,
        "rss_limit_mb": 1024,
        "print_final_stats": 1,
        "artifact_prefix": f"{findings}/{target.name}-",
    }
    seeds = [CORPUS / name for name in (target.name, *target.seeds) if (CORPUS / name).is_dir()]
    given = [*(f"-{name}={value}" for name, value in options.items()), *map(str, (own, *seeds))]
    start = time.monotonic()
    done = _runner(target, given)
    said = done.stdout
    outcome.runs += max(
        [0, *(int(number) for number in re.findall(r"^#(\d+)\s", said, re.M)), *_stat("number_of_executed_units", said)]
    )
    outcome.seconds += time.monotonic() - start
    outcome.coverage = max([outcome.coverage, *(int(number) for number in re.findall(r"cov: (\d+)", said))])
    outcome.corpus = len(list(own.iterdir()))
    if not done.returncode:
        return None
    why = re.findall(r"^((?:[\w.]+: |== ?\d+ ?==ERROR: libFuzzer: |== ?\d+ ?== ERROR: libFuzzer: ).*)", said, re.M)
    kept = re.findall(r"Test unit written to (\S+)", said)
    if not kept:
        return f"{target.name}: does not run: {said[-2000:]}"
    place = [line.strip() for line in said.splitlines() if re.match(r'\s+File ".*initgen/', line)]
    why = [line for line in why if not line.startswith(("INFO", "WARNING", "DEDUP", "ALARM"))]
    native = [line for line in why if "libFuzzer" in line and "fuzz target exited" not in line]
    reason = (native or why or ["a crash"])[0]
    python = os.path.relpath(sys.executable, ROOT) if sys.executable.startswith(f"{ROOT}/") else "python"
    again = f"{python} -m fuzz --replay {target.name} {os.path.relpath(kept[-1], ROOT)}"
    return f"{reason[:300]} {place[-1] if place else ''}\n    {again}"


def _runner(target: Target, given: list[str]) -> "subprocess.CompletedProcess[str]":
    root = new()
    try:
        return subprocess.run(
            [sys.executable, "-m", "fuzz.runner", target.name, *given],
            cwd=ROOT,
            env={**os.environ, "INITGEN_FUZZ_SANDBOX": root},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _stat(name: str, said: str) -> list[int]:
    return [int(number) for number in re.findall(rf"stat::{name}:\s+(\d+)", said)]


def campaign(targets: list[Target], seconds: int, jobs: int, most: int, log: Path | None) -> Iterator[Outcome]:
    """All targets, each for its share of the time, so many at once."""
    share = max(2, round(seconds * jobs / len(targets)))
    waiting, done = list(targets), []
    lock = threading.Lock()
    ended = threading.Semaphore(0)

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                target = waiting.pop(0)
            outcome = fuzz(target, share, most)
            with lock:
                done.append(outcome)
                if log:
                    with log.open("a") as file:
                        file.write(json.dumps(asdict(outcome)) + "\n")
            ended.release()

    for _ in range(jobs):
        threading.Thread(target=work, daemon=True).start()
    for number in range(len(targets)):
        ended.acquire()
        yield done[number]


def table(outcomes: list[Outcome]) -> str:
    """A line for each target, and one for all."""
    rows = [("target", "runs", "runs/s", "coverage", "new inputs", "findings", "in a library")]
    for one in outcomes:
        speed = one.runs / one.seconds if one.seconds else 0
        rows.append(
            (
                one.target,
                f"{one.runs:,}",
                f"{speed:,.0f}",
                f"{one.coverage:,}",
                f"{one.corpus:,}",
                str(len(one.findings)),
                str(one.native or ""),
            )
        )
    rows.append(
        (
            "all",
            f"{sum(one.runs for one in outcomes):,}",
            "",
            "",
            "",
            str(sum(len(one.findings) for one in outcomes)),
            "",
        )
    )
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main() -> int:
    """The command line; 1 where there is a finding."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="by default all: " + ", ".join(TARGETS))
    parser.add_argument(
        "--time", type=int, default=60, help="seconds in all, shared by the targets; starting them comes on top"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--findings", type=int, default=1, help="of a target, before it is given up")
    parser.add_argument("--log", type=Path, help="a file to which each outcome is added as a line of JSON")
    parser.add_argument("--merge", action="store_true", help="take what raised coverage into the corpus")
    parser.add_argument("--most", type=int, default=4000, help="with --merge: bytes of a target's new inputs")
    parser.add_argument("--replay", metavar="TARGET", help="run inputs through a target, without atheris")
    given = parser.parse_args()
    if given.replay:
        return report(replay(TARGETS[given.replay], [Path(path).resolve() for path in given.targets]))
    targets = [TARGETS[name] for name in given.targets] or list(TARGETS.values())
    if given.merge:
        for target in targets:
            print(f"{target.name}: {merge(target, SCRATCH / 'corpus' / target.name, given.most)} inputs", flush=True)
        return 0
    outcomes = []
    for outcome in campaign(targets, given.time, given.jobs, given.findings, given.log):
        outcomes.append(outcome)
        print(f"{outcome.target}: {outcome.runs:,} runs", *outcome.findings, sep="\n  ", file=sys.stderr, flush=True)
    print(table(sorted(outcomes, key=lambda outcome: list(TARGETS).index(outcome.target))))
    return 1 if any(outcome.findings for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
