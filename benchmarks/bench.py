"""Speed and memory of initgen beside torch and beside what the machine allows, measured as whole processes.

``python benchmarks/bench.py --peer PYTHON_WITH_TORCH``. Runs take turns, so that what else the machine does falls on all
alike; a ratio is the median of the ratios within each turn. Nothing but the standard library is imported here: Linux
counts the memory of the process that starts another towards the other's peak.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PEERS = Path(__file__).parent / "peers"
EXAMPLES = Path(__file__).parent.parent / "examples"
GIB = 1 << 30


class Step(NamedTuple):
    """One process of a turn; what it leaves is removed after the step that needs it last."""

    name: str
    command: list[str]
    removes: Path | None = None


class Ratio(NamedTuple):
    """Time of ``over`` in times of ``under``, and what it should be."""

    over: str
    under: str
    limit: float
    least: bool


class Run(NamedTuple):
    """Wall-clock time of a process and the most memory it held."""

    seconds: float
    mib: float


def run(command: list[str]) -> Run:
    """Run a process to its end; a failure of it is one of the benchmark."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode()}")
    return Run(seconds, usage.ru_maxrss / 1024)


def take_turns(steps: list[Step], turns: int) -> dict[str, list[Run]]:
    """Run all steps one after the other, ``turns`` times, each time from clean caches of dirty pages."""
    runs: dict[str, list[Run]] = {step.name: [] for step in steps}
    for turn in range(turns):
        for step in steps:
            os.sync()
            progress(f"{turn + 1}/{turns} {step.name}")
            runs[step.name].append(run(step.command))
            if step.removes:
                step.removes.unlink()
    progress("")
    return runs


def progress(text: str) -> None:
    """Say on a terminal what runs now."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def initgen(*arguments: str) -> list[str]:
    """The command as its users run it: the script beside this interpreter."""
    script = Path(sys.executable).with_name("initgen")
    return [str(script), *arguments] if script.exists() else [sys.executable, "-m", "initgen", *arguments]


def small(directory: Path, peer: str) -> tuple[list[Step], list[Ratio]]:
    """Start-up: a file of 25 kB."""
    ours, theirs = directory / "small.npy", directory / "torch.npy"
    sample = initgen("sample", "--scheme", "he_uniform", "--shape", "100x64", "-o", str(ours), "--force")
    steps = [
        Step("import numpy, click", [sys.executable, "-c", "import numpy, click"]),
        Step("sample 100x64", sample, ours),
        Step("torch 100x64", [peer, str(PEERS / "torch_sample.py"), "he_uniform", "100", "64", str(theirs)], theirs),
    ]
    return steps, [
        Ratio("sample 100x64", "import numpy, click", 1.5, least=False),
        Ratio("torch 100x64", "sample 100x64", 8, least=True),
    ]


def large(directory: Path, peer: str, rows: int, columns: int) -> tuple[list[Step], list[Ratio]]:
    """Throughput: big float32 files, not flushed."""
    steps, ratios = [], []
    for law, scheme, least in (("he_uniform", "he_uniform", 4), ("normal", "random_normal:stddev=0.02", 3)):
        ours, theirs = directory / f"{law}.safetensors", directory / f"torch_{law}.safetensors"
        shape = f"{rows}x{columns}"
        sample = initgen("sample", "--scheme", scheme, "--shape", shape, "-o", str(ours), "--no-fsync")
        torch = [peer, str(PEERS / "torch_sample.py"), law, str(rows), str(columns), str(theirs)]
        steps += [
            Step(f"sample {law}", sample),
            Step(f"read {law}", [sys.executable, str(PEERS / "raw_read.py"), str(ours)]),
            Step(f"stats {law}", initgen("stats", str(ours)), ours),
            Step(f"torch {law}", torch, theirs),
        ]
        ratios += [
            Ratio(f"torch {law}", f"sample {law}", least, least=True),
            Ratio(f"stats {law}", f"sample {law}", 2, least=False),
            Ratio(f"stats {law}", f"read {law}", 0, least=True),
        ]
    raw = directory / "raw.bin"
    command = [sys.executable, str(PEERS / "raw_write.py"), str(rows * columns * 4), str(raw)]
    return [*steps, Step("pwrite alone", command, raw)], [
        *ratios,
        Ratio("sample he_uniform", "pwrite alone", 0, least=True),
    ]


MANY = """\
[tensors]
"layers.{0..999}.m.{0..24}.a" = { shape = [8, 8], scheme = "he_uniform" }
"layers.{0..999}.m.{0..24}.b" = { shape = [8], scheme = "zeros" }
"layers.{0..999}.m.{0..24}.c" = { shape = [16, 8], scheme = "random_normal:stddev=0.02" }
"layers.{0..999}.m.{0..24}.d" = { shape = [8, 4], scheme = "glorot_normal" }
"""
LLAMA = """\
preset = "llama"
[tensors]
"model.layers.{0..110}.self_attn.{q,k,v,o}_proj.weight" = { shape = [32, 32] }
"model.layers.{0..110}.mlp.{gate,up,down}_proj.weight" = { shape = [32, 32] }
"model.layers.{0..110}.{input,post_attention}_layernorm.weight" = { shape = [32] }
"lm_head.weight" = { shape = [32, 32] }
"""


def models(directory: Path) -> tuple[list[Step], list[Ratio]]:
    """Models: GPT-2 beside one tensor of as many bytes, 100,000 small tensors, the plan of a header of 1,000."""
    gpt2, one, many, like = (directory / f"{name}.safetensors" for name in ("gpt2", "one", "many", "like"))
    spec, source = directory / "many.toml", directory / "like.toml"
    spec.write_text(MANY)
    source.write_text(LLAMA)
    run(initgen("sample", str(source), "-o", str(like)))
    normal = ("--scheme", "random_normal:stddev=0.02", "--shape", "124439808")
    steps = [
        Step("sample one", initgen("sample", *normal, "-o", str(one), "--no-fsync"), one),
        Step("sample GPT-2", initgen("sample", str(EXAMPLES / "gpt2.toml"), "-o", str(gpt2), "--no-fsync")),
        Step("verify GPT-2", initgen("verify", str(gpt2)), gpt2),
        Step("sample 100,000", initgen("sample", str(spec), "-o", str(many))),
        Step("verify 100,000", initgen("verify", str(many)), many),
        Step("plan of 1,000", initgen("sample", "--like", str(like), "--preset", "llama", "--dry-run")),
    ]
    return steps, [Ratio("sample GPT-2", "sample one", 1.1, least=False)]


def signal(peer: str) -> tuple[list[Step], list[Ratio]]:
    """Two passes through 50 dense layers of 1024 units, 256 samples; the deeper network has to take no more memory."""
    wide = ("--width", "1024", "--batch", "256", "--json")
    theirs = [peer, str(PEERS / "torch_probe.py"), "50", "1024", "256"]
    steps = [
        Step("probe 50 layers", initgen("probe", "--depth", "50", *wide)),
        Step("torch 50 layers", theirs),
        Step("probe 200 layers", initgen("probe", "--depth", "200", *wide)),
    ]
    return steps, [Ratio("probe 50 layers", "torch 50 layers", 0, least=True)]


def huge(directory: Path) -> tuple[list[Step], list[Ratio]]:
    """Memory: 8 GiB."""
    ours = directory / "huge.safetensors"
    sample = initgen("sample", "--scheme", "he_uniform", "--shape", "65536x32768", "-o", str(ours), "--no-fsync")
    return [Step("sample 8 GiB", sample), Step("stats 8 GiB", initgen("stats", str(ours)), ours)], []


def table(runs: dict[str, list[Run]], ratios: list[Ratio], most_mib: float) -> list[str]:
    """What was measured, and how it stands to what it should be."""
    lines = [f"{'':22}{'median s':>10}{'least':>9}{'most':>9}{'peak MiB':>10}"]
    for name, each in runs.items():
        seconds = [run.seconds for run in each]
        peak = max(run.mib for run in each)
        ours = name.startswith(("sample", "stats", "verify", "probe"))
        most = 500 if "100,000" in name else most_mib  # what each tensor is described by has to be kept
        verdict = "" if not ours else f"  < {most:g}" + ("" if peak < most else "  MISSED")
        middle = statistics.median(seconds)
        lines.append(f"{name:22}{middle:10.3f}{min(seconds):9.3f}{max(seconds):9.3f}{peak:10.1f}{verdict}")
    lines.append("")
    for ratio in ratios:
        value = quotient(runs, ratio)
        said = f"{ratio.over} / {ratio.under}"
        reached = value >= ratio.limit if ratio.least else value <= ratio.limit
        wanted = f"{'≥' if ratio.least else '≤'} {ratio.limit:g}" if ratio.limit else ""
        lines.append(f"{said:44}{value:8.2f}  {wanted}" + ("" if reached else "  MISSED"))
    return lines


def quotient(runs: dict[str, list[Run]], ratio: Ratio) -> float:
    """The median of the ratios within each turn."""
    pairs = zip(runs[ratio.over], runs[ratio.under], strict=True)
    return statistics.median(over.seconds / under.seconds for over, under in pairs)


def machine(peer: str) -> dict[str, str]:
    """What the figures hold for."""

    def asked(python: str, *names: str) -> dict[str, str]:
        code = f"from importlib.metadata import version as v; print(*map(v, {names!r}))"
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        return dict(zip(names, answer, strict=True))

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {
        "cpu": next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
        ),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        **asked(sys.executable, "initgen", "numpy", "click"),
        **asked(peer, "torch", "safetensors"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, metavar="PYTHON", help="an interpreter that has torch and safetensors")
    parser.add_argument("--quick", action="store_true", help="256 MiB in place of 1 GiB, nothing of 8 GiB, fewer turns")
    parser.add_argument("--turns", type=int, default=5, help="of the big files; four times as many of the small ones")
    parser.add_argument("--dir", help="where the big files go; they are removed (default: a temporary directory)")
    parser.add_argument("--json", metavar="FILE", help="also write every figure there")
    given = parser.parse_args()
    turns = 3 if given.quick else given.turns
    rows = 4096 if given.quick else 16384
    runs: dict[str, list[Run]] = {}
    ratios: list[Ratio] = []
    with tempfile.TemporaryDirectory(dir=given.dir) as place:
        directory = Path(place)
        parts = [
            (small(directory, given.peer), 4 * turns),
            (large(directory, given.peer, rows, 16384), turns),
            (models(directory), turns),
            (signal(given.peer), turns),
        ]
        if not given.quick:
            parts.append((huge(directory), 1))
        run(parts[0][0][0][1].command)  # the first start of a day compiles and caches
        (directory / "small.npy").unlink()
        for (steps, wanted), count in parts:
            runs |= take_turns(steps, count)
            ratios += wanted
    about = machine(given.peer)
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"big files: {rows * 16384 * 4 / GIB:g} GiB, float32, .safetensors, not flushed; median of {turns}\n")
    print("\n".join(table(runs, ratios, most_mib=150)))
    if given.json:
        report = {
            "machine": about,
            "runs": {name: [run._asdict() for run in each] for name, each in runs.items()},
            "ratios": [{**ratio._asdict(), "value": quotient(runs, ratio)} for ratio in ratios],
        }
        Path(given.json).write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
