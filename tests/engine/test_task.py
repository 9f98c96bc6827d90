"""Pieces of the work as text: every byte is in one of them, none is large, and the text alone is enough to do it."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from initgen.core.dtypes import DTYPES
from initgen.core.errors import BadParameter, OutputError
from initgen.engine import task as task_file
from initgen.engine.draw import Tensor
from initgen.engine.plan import CHUNK
from initgen.engine.task import do, tasks, text_of
from initgen.engine.write import Blank, write
from initgen.formats import FORMATS
from initgen.schemes import SCHEMES
from initgen.specs.tensor import tensor_spec

SHAPES = [(6, 10), (5, 4, 8), (2, 2, 4, 8), (64,)]
KERNELS = [{}, {"layout": "torch"}, {"groups": 2}, {"transposed": True}, {"fan_in": 9}, {"fan_in": 9, "fan_out": 7}]


def every_kind():
    """Every scheme in every dtype, shape and reading of the axes that it takes, with seeds of its own and of a model."""
    specs = []
    everything = itertools.product(SCHEMES, DTYPES.entries, SHAPES, KERNELS)
    for number, (scheme, dtype, shape, kernel) in enumerate(everything):
        if number % (2 if dtype in ("float32", "bfloat16") else 7):
            continue
        try:
            spec = tensor_spec(
                scheme.example, shape, dtype=dtype, name=f"t.{number}", seed=2**64 - 1 - number % 3, **kernel
            )
            Tensor(spec)
        except BadParameter:
            continue
        specs.append(replace(spec, keyed=number % 2 == 0, tied="t.0" if number % 5 == 0 else ""))
    return specs


def blank_of(path, specs, form="safetensors"):
    return Blank(str(path), "called", Tensor.all_of(specs), FORMATS[form])


def test_the_text_of_a_piece_is_enough_to_draw_every_kind_of_tensor(tmp_path):
    specs = every_kind()
    assert {spec.scheme.name for spec in specs} == {scheme.name for scheme in SCHEMES}
    assert {spec.dtype.name for spec in specs} == set(DTYPES.entries)
    for piece in list(tasks([blank_of(tmp_path / "pieces", specs)], 1 << 16))[::-1]:
        do(json.loads(json.dumps(text_of(piece, fsync=False))))
    write(specs, str(tmp_path / "whole"), FORMATS["safetensors"])
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()


MANY = [tensor_spec("he_normal", (900,), name=f"n{number}", fan_in=3) for number in range(3000)]
SIZES = [tensor_spec("he_normal", (1500, 1000), name="a", dtype=dtype) for dtype in ("float64", "float16")]


@pytest.mark.parametrize("form", [form.name for form in FORMATS if not form.sequential])
@pytest.mark.parametrize("limit", [1, 5 << 20, 1 << 40])
def test_every_byte_is_in_one_piece(form, limit, tmp_path):
    files = [[spec] for spec in SIZES] + [[tensor_spec("zeros", (0, 3))], [SIZES[0]]]
    if FORMATS[form].many:
        files.append(MANY)
    blanks = [blank_of(tmp_path / str(number), specs, form) for number, specs in enumerate(files)]
    seen = {blank.path: [] for blank in blanks}
    run = CHUNK * 8
    for piece in tasks(blanks, limit):
        assert len({part.file for part in piece}) == len(piece)
        assert sum(part.nbytes for part in piece) <= max(limit, run)
        assert sum(len(run.batch) for part in piece for run in part.runs) <= max(task_file._CHUNKS, 256)
        for part in piece:
            seen[part.file.blank.path] += [(run.offset, run.offset + run.nbytes) for run in part.runs]
            part.file.left -= part.nbytes
            assert part.file.left >= 0
    for blank in blanks:
        ranges = sorted(seen[blank.path])
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ranges))
        assert sum(end - start for start, end in ranges) == blank.nbytes
        assert not ranges or ranges[-1][1] == os.stat(blank.path).st_size or form == "hdf5"


def test_a_structure_is_in_one_piece(tmp_path):
    spec = tensor_spec("orthogonal", (1100, 1000))
    (piece,) = tasks([blank_of(tmp_path / "w", [spec])], 1)
    (part,) = piece
    assert part.nbytes == spec.nbytes > CHUNK * 4


def test_files_are_laid_out_when_they_are_due(tmp_path):
    blanks = [blank_of(tmp_path / str(number), [SIZES[0]]) for number in range(9)]
    next(tasks(blanks, 1 << 20))
    assert len(os.listdir(tmp_path)) == 1


def test_a_piece_may_be_done_twice(tmp_path):
    piece = next(tasks([blank_of(tmp_path / "w", SIZES[:1])], 1 << 40))
    text = text_of(piece, fsync=True)
    do(text)
    once = (tmp_path / "w").read_bytes()
    do(text)
    assert np.frombuffer(once, np.uint8).any()
    assert (tmp_path / "w").read_bytes() == once


def test_another_version_is_refused(tmp_path):
    task = json.loads(text_of(next(tasks([blank_of(tmp_path / "w", SIZES[:1])], 1 << 40)), fsync=False))
    with pytest.raises(OutputError, match=r"not 999"):
        do(json.dumps({**task, "initgen": "999"}))


@pytest.mark.parametrize("trim", [None, "65536"])
def test_memory_that_is_freed_is_kept_for_the_next_chunk(trim, tmp_path):
    """Dask starts workers with MALLOC_TRIM_THRESHOLD_; each array of a chunk would be paged in anew."""
    blank = blank_of(tmp_path / "w", [tensor_spec("he_normal", (32 * CHUNK,), fan_in=3)])
    (tmp_path / "task").write_text(text_of(next(tasks([blank], 1 << 40)), fsync=False))
    code = (
        "import resource, sys; from initgen.engine.task import do; text = open(sys.argv[1]).read(); do(text);"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; do(text);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    environ = {name: value for name, value in os.environ.items() if name != "MALLOC_TRIM_THRESHOLD_"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "task"],
        env=environ | ({"MALLOC_TRIM_THRESHOLD_": trim} if trim else {}),
        capture_output=True,
        timeout=60,
        check=True,
    )
    faults = int(done.stdout)
    assert faults < 32 * 512
