"""Sums over rows and columns, block by block, against numpy's over the whole tensor."""

import numpy as np
import pytest

from initgen.checks import source as source_module
from initgen.checks.measure import measure
from initgen.checks.source import cuts, source_of_array
from initgen.core.dtypes import DTYPES

RNG = np.random.Generator(np.random.PCG64(8))
SHAPES = [(30, 70), (70, 30), (3, 5, 7, 11), (2, 1000), (1000, 2), (1, 50), (50, 1), (1, 50, 20), (500,), ()]


@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (3, 0), (7, 2, 3, 1, 5)])
@pytest.mark.parametrize("block", [1, 7, 100, 1 << 19])
def test_blocks_cover_a_tensor_and_keep_slices_whole(shape, block, monkeypatch):
    monkeypatch.setattr(source_module, "BLOCK", block)
    found = list(cuts(shape))
    count = int(np.prod(shape))
    assert [start for start, _ in found] == [0, *np.cumsum([size for _, size in found])[:-1]][: len(found)]
    assert sum(size for _, size in found) == count
    if len(shape) > 1 and count:
        row = count // shape[0]
        assert all(start // row == (start + size - 1) // row or start % row == size % row == 0 for start, size in found)


@pytest.mark.parametrize("shift", [None, 0.25])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("block", [50, 3000, 1 << 19])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_those_of_numpy(shape, block, dtype, shift, monkeypatch):
    monkeypatch.setattr(source_module, "BLOCK", block)
    values = RNG.normal(0.2, 1, shape).astype(dtype)
    found = measure(source_of_array(values, DTYPES[dtype], "w"), shift, threads=2)
    wide = values.astype(np.float64) - found.shift
    several = len(shape) > 1
    expected_rows = several and 1 < shape[0] < values.size
    expected_columns = several and 1 < shape[-1] < values.size and shape[-1] <= 2 * block
    assert (found.rows is not None, found.columns is not None) == (expected_rows, expected_columns)
    for slices, axis in ((found.rows, 0), (found.columns, -1)):
        if slices is None:
            continue
        lines = np.moveaxis(wide, axis, 0).reshape(values.shape[axis], -1)
        assert slices.length == lines.shape[1]
        np.testing.assert_allclose(slices.sum1, lines.sum(1), atol=2e-6 * lines.shape[1])
        np.testing.assert_allclose(slices.sum2, (lines**2).sum(1), rtol=2e-6)


def test_an_axis_too_long_for_the_memory_is_left_out(monkeypatch):
    monkeypatch.setattr("initgen.checks.slices.LONGEST", 10)
    found = measure(source_of_array(RNG.normal(0, 1, (11, 10)), DTYPES["float64"], "w"))
    assert (found.rows, found.columns is None) == (None, False)
