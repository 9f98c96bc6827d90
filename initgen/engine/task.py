"""A piece of the work as text, for a worker that shares nothing with us but the files and the version of initgen.

The text has the recipes of the tensors that are drawn, and which bytes of which files they are. A piece that is done
twice, or by two at once, writes the same bytes twice.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from initgen import __version__
from initgen.core.errors import OutputError
from initgen.engine.descriptors import opened
from initgen.engine.draw import Tensor, keep_freed_memory
from initgen.engine.plan import Chunk
from initgen.engine.write import Blank, Run, lay_out, put, runs
from initgen.specs.recipe import read_recipe, recipe_of

# Of a piece at most, in chunks: small tensors have much recipe for little data.
_CHUNKS = 1024


@dataclass(eq=False)
class File:
    """A file that is being filled, and how many bytes it still lacks."""

    blank: Blank
    left: int


@dataclass(frozen=True)
class Part:
    """What one piece of the work fills of one file."""

    file: File
    runs: list[Run]

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return sum(run.nbytes for run in self.runs)


def tasks(blanks: Iterable[Blank], limit: int) -> Iterator[list[Part]]:
    """The work in pieces of about ``limit`` bytes: neighbours in a file, small files together.

    Each file is laid out when its first piece is due. One without data has a piece with nothing to do.
    """
    task: list[tuple[File, Run | None]] = []
    nbytes = chunks = 0
    for file, run in _runs(blanks):
        size, count = (run.nbytes, len(run.batch)) if run else (0, 1)
        if task and (nbytes + size > limit or chunks + count > _CHUNKS):
            yield _parts(task)
            task, nbytes, chunks = [], 0, 0
        task.append((file, run))
        nbytes, chunks = nbytes + size, chunks + count
    if task:
        yield _parts(task)


def _runs(blanks: Iterable[Blank]) -> Iterator[tuple[File, Run | None]]:
    for blank in blanks:
        _, extents = lay_out(blank.path, [tensor.spec for tensor in blank.tensors], blank.form)
        file = File(blank, blank.nbytes)
        if not file.left:
            yield file, None
        for run in runs(blank.tensors, extents):
            yield file, run


def _parts(task: list[tuple[File, Run | None]]) -> list[Part]:
    return [Part(file, [run for _, run in of if run]) for file, of in groupby(task, lambda pair: pair[0])]


def text_of(parts: Iterable[Part], *, fsync: bool) -> str:
    """A piece of the work as text, for `do`."""
    task = {"initgen": __version__, "fsync": fsync, "files": [_entry(part) for part in parts]}
    return json.dumps(task, separators=(",", ":"))


def _entry(part: Part) -> dict[str, Any]:
    blank = part.file.blank
    specs = {chunk.tensor: blank.tensors[chunk.tensor].spec for run in part.runs for chunk in run.batch}
    return {
        "path": blank.path,
        "name": blank.name,
        "recipe": recipe_of(list(specs.values())),
        "runs": [
            (run.offset, run.nbytes, [(specs[chunk.tensor].name, chunk.start, chunk.count) for chunk in run.batch])
            for run in part.runs
        ],
    }


def do(text: str) -> None:
    """Draw a piece of the work, and write it to its files.

    Raises:
        FileNotFoundError: a file is not there; the path is where it is made.
        OSError: a file cannot be written; the path is what it will be called.
        OutputError: the text is of another version of initgen.
    """
    task = json.loads(text)
    if task["initgen"] != __version__:
        raise OutputError(f"has initgen {__version__}, not {task['initgen']}", "install the same everywhere")
    with _freed_memory_kept():
        for file in task["files"]:
            try:
                _put(file, fsync=task["fsync"])
            except FileNotFoundError:
                raise
            except OSError as error:
                raise OSError(error.errno, error.strerror, file["name"]) from None


def _put(file: dict[str, Any], *, fsync: bool) -> None:
    specs = read_recipe(file["recipe"], file["name"])
    tensors, numbers = Tensor.all_of(list(specs.values())), {name: number for number, name in enumerate(specs)}
    # Not for reading: a client of NFS that has read a page may write all of it back, over what others wrote there.
    descriptor = opened(file["path"], os.O_WRONLY)
    try:
        for offset, nbytes, batch in file["runs"]:
            chunks = [Chunk(numbers[name], start, count) for name, start, count in batch]
            put(descriptor, tensors, Run(chunks, offset, nbytes))
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _freed_memory_kept() -> Iterator[None]:
    """`keep_freed_memory`, also where the environment forbids it; as it was when the block ends.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_, with which glibc goes on to serve blocks from 128 KiB by mmap.
    """
    trim = os.environ.get("MALLOC_TRIM_THRESHOLD_", "")
    if not trim.isdecimal() or sys.platform == "win32":
        keep_freed_memory()
        yield
        return
    import ctypes

    set_option = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: None)  # only Linux has it
    trim_threshold, mmap_threshold = -1, -3
    set_option(mmap_threshold, 32 << 20)
    set_option(trim_threshold, 64 << 20)
    try:
        yield
    finally:
        set_option(mmap_threshold, 128 << 10)
        set_option(trim_threshold, int(trim))
