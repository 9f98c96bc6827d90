"""Speed and memory of initgen beside what a user would use instead, and beside what the machine allows.

``python benchmarks/bench.py --peer torch=PYTHON …``, with an interpreter for each of numpy, torch, jax and keras that takes
part. It takes about 20 minutes on two cores, with ``--quick`` about five. ``make bench`` makes the peers' environments.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from measure import Runs
from table import Ratio, document, page
from work import FULL, NAMES, QUICK, Bench

PACKAGES = {
    "initgen": ("initgen", "numpy", "click"),
    "numpy": ("numpy", "ml_dtypes", "safetensors"),
    "torch": ("torch", "safetensors"),
    "jax": ("jax", "jaxlib", "safetensors"),
    "keras": ("keras", "jax", "safetensors"),
}
OPEN, CLOSE = "<!-- bench -->\n", "<!-- /bench -->"


def peer(text: str) -> tuple[str, str]:
    """NAME=PYTHON."""
    name, _, python = text.partition("=")
    if name not in NAMES or not python:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=PYTHON, with one of {', '.join(NAMES)}")
    return name, python


def about(peers: dict[str, str], directory: Path) -> list[tuple[str, str]]:
    """What the figures hold for."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        ("date", datetime.datetime.now(datetime.UTC).date().isoformat()),
        ("machine", f"{models[0] if models else platform.machine()}, {cores} cores, {memory:.0f} GiB of memory"),
        ("load before", f"{os.getloadavg()[0]:.1f}"),
        ("system", f"{platform.system()} {platform.release()}, {filesystem(directory)}"),
        *((name, versions(python, PACKAGES[name])) for name, python in {"initgen": sys.executable, **peers}.items()),
    ]


def versions(python: str, packages: tuple[str, ...]) -> str:
    """Of an interpreter and of packages that it has to have."""
    code = (
        "import platform; from importlib.metadata import version; "
        f"print(', '.join(['Python ' + platform.python_version(), *(n + ' ' + version(n) for n in {packages!r})]))"
    )
    try:
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(f"{python}: {error.strerror}") from None
    if asked.returncode:
        raise SystemExit(f"{python}: {asked.stderr.strip().splitlines()[-1]}")
    return asked.stdout.strip()


def filesystem(directory: Path) -> str:
    """The kind of file system that a directory is on."""
    try:
        lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "file system unknown"
    place = directory.resolve()
    mounts = [(len(fields[1]), fields[2]) for fields in lines if place.is_relative_to(fields[1])]
    return max(mounts, default=(0, "file system unknown"))[1]


def put(path: Path, text: str) -> None:
    """Put the tables between the marks of a page."""
    before, _, rest = path.read_text().partition(OPEN)
    _, mark, after = rest.partition(CLOSE)
    if not mark:
        raise SystemExit(f"{path}: no {OPEN.strip()} … {CLOSE}")
    path.write_text(f"{before}{OPEN}\n{text}\n\n{CLOSE}{after}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", type=peer, default=[], metavar="NAME=PYTHON", help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="smaller files, fewer turns")
    parser.add_argument("--turns", type=int, help=f"in place of {FULL.turns}, or with --quick {QUICK.turns}")
    parser.add_argument(
        "--only", action="append", metavar="PATTERN", help="like 'startup', '* float32'; may be repeated"
    )
    parser.add_argument("--dir", help="where the big files go; they are removed (default: a temporary directory)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="put the tables into it, between <!-- bench --> marks"
    )
    given = parser.parse_args(arguments)
    scale = QUICK if given.quick else FULL
    if given.turns:
        scale = replace(scale, turns=given.turns, few=min(given.turns, scale.few))
    peers = dict(given.peer)
    runs, ratios = Runs(), list[Ratio]()
    with tempfile.TemporaryDirectory(dir=given.dir) as place:
        facts = about(peers, Path(place))
        for name, make in Bench(Path(place), peers, scale).work():
            if not given.only or any(fnmatch(name, pattern) for pattern in given.only):
                work = make()
                runs.take_turns(work.steps, work.turns)
                ratios += work.ratios
    options = ["--quick"] * given.quick + [f"--turns {given.turns}"] * bool(given.turns)
    options += [f"--only '{pattern}'" for pattern in given.only or ()] + [f"--peer {name}=PYTHON" for name in peers]
    facts.append(("command", " ".join(["python benchmarks/bench.py", *options])))
    text = "\n".join(page(runs, ratios, facts))
    print(text)
    if given.json:
        given.json.write_text(json.dumps(document(runs, ratios, facts), indent=1, ensure_ascii=False) + "\n")
    if given.write:
        put(given.write, text)


if __name__ == "__main__":
    main()
