"""Runs that meet a limit: a disk that is full, out of inodes, files or memory that may not grow."""

import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import verdict
from bench import Bench
from ends import BY_NAME, Tally
from scenes import SUFFIXES, copy, tree

SCENE_NAMES = (
    *(f"{form} single {way}" for form in SUFFIXES for way in ("new", "force")),
    *("shards new", "shards beside", "shards force", "arrays beside", "arrays force"),
)
# Bytes: a rung below and above each size that a file of the scenes has on its way.
FILE_SIZES = (0, 1, 100, 512, 1000, 1500, 2100, 3000, 5000, 6200, 8000, 9000, 11000, 13000, 20000)


SIZES = [f"size={4 * pages}k" for pages in range(1, 22)]
INODES = [f"nr_inodes={count}" for count in range(2, 20)]
IN_MEMORY = ("npz single force", "safetensors single force", "hdf5 single force", "shards force", "safetensors large")


def no_disk() -> str:
    """Why no small disk can be mounted here; empty where one can."""
    if os.geteuid():
        return "only root may mount one"
    probe = f"/tmp/initgen-{os.getpid()}"
    os.mkdir(probe)
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", probe], capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip() or "mount is refused"
        subprocess.run(["umount", probe], check=True)
    except OSError as error:
        return f"mount: {error.strerror}"
    finally:
        os.rmdir(probe)
    return ""


@contextmanager
def disk(place: str, options: str) -> Iterator[None]:
    """A file system in memory that is as small as wanted."""
    os.makedirs(place, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def full(bench: Bench, name: str, options: Sequence[str]) -> Tally:
    """On disks that are larger and larger."""
    tally, scene = Tally(name), BY_NAME[name]
    ready = bench.ready(scene)
    bench.injection.arm("")
    place = os.path.join(bench.home, "disk")
    for option in options:
        with disk(place, option):
            top = os.path.join(place, "top")
            try:
                copy(ready.start, top)
            except OSError:  # no room for what is there before
                continue
            run = bench.run(scene.argv(bench.home, top))
            _add(tally, bench, run, name, top)
    return tally


def limited(bench: Bench, name: str, limit: str) -> Tally:
    """Under more and more generous limits of the system (`resource`), or of memory beyond what the process has."""
    tally, scene = Tally(name), BY_NAME[name]
    asked: list[dict[str, Any]]
    if limit == "RLIMIT_FSIZE":
        asked = [{"limits": {limit: size}} for size in FILE_SIZES]
    elif limit == "RLIMIT_NOFILE":
        asked = [{"limits": {limit: count}} for count in range(3, 11)]
    else:
        asked = [{"room": (150 << 20) * step // 24} for step in range(25)]
    for one in asked:
        bench.begin(scene)
        run = bench.run(scene.argv(bench.home, bench.top), **one)
        _add(tally, bench, run, name, bench.top, temporaries=limit == "RLIMIT_NOFILE" and scene.many)
    return tally


def _add(tally: Tally, bench: Bench, run: verdict.Run, name: str, top: str, *, temporaries: bool = False) -> None:
    """Judge a run; to clear a directory takes open files, and where there are none the next run does it."""
    scene = BY_NAME[name]
    ready = bench.ready(scene)
    found = tree(top)
    files = verdict.of_files(scene, found, ready.old, ready.new, temporaries=temporaries)
    if run.code == 0:
        problem = "" if files.state == "new" else f"code 0, and {files.state} is there"
    else:
        problem = verdict.of_refusal(run, os.path.dirname(top))  # its output there, or the spec
    if temporaries and not problem:
        problem = bench.after(scene, found)
    tally.add(files.state, files.problem or problem)


def commands(bench: Bench) -> Tally:
    """Commands of their own with little memory, from none at all: some cannot even begin, and say so in a line."""
    tally, scene = Tally("commands with little memory"), BY_NAME["hdf5 single force"]
    for size in range(20, 400, 20):
        bench.begin(scene)
        limit = (size << 20, size << 20)
        run = bench.command(
            scene.argv(bench.home, bench.top),
            preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, limit),
        )
        _add(tally, bench, run, scene.name, bench.top)
    return tally
