"""Copies are found wherever they stand, and independent values have none."""

import numpy as np
import pytest

from initgen.checks.measure import measure
from initgen.checks.repeats import anchors_of, joined, repeat_in, shared, window
from initgen.checks.source import source_of_array
from initgen.core.dtypes import DTYPES

RNG = np.random.Generator(np.random.PCG64(5))


def words(count, dtype):
    return RNG.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), count, dtype)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
@pytest.mark.parametrize("shift", [50_000, 50_001, 99_990])
def test_a_copy_is_found_at_any_distance(dtype, shift):
    values = words(200_000, dtype)
    values[1000 + shift : 2000 + shift] = values[1000:2000]
    found = repeat_in(anchors_of(values, 0, values.size))
    assert found.shift == found.again - found.first == shift
    assert 1000 <= found.first < 1200
    assert 0.001 < found.share < 0.01
    assert repeat_in(anchors_of(words(200_000, dtype), 0, 200_000)) is None


@pytest.mark.parametrize("count", [200, 5_000, 3_000_000])
def test_anchors_of_blocks_are_those_of_the_whole_but_for_the_seams(count):
    values = words(count, "u4")
    whole = anchors_of(values, 0, count)
    cut = count // 3
    parts = joined([anchors_of(values[:cut], 0, count), anchors_of(values[cut:], cut, count)])
    seam = range(cut - window(4) + 1, cut)
    assert parts.places.tolist() == [place for place in whole.places.tolist() if place not in seam]
    assert whole.size == pytest.approx(min(count / 16, 2**16), rel=0.5)


def test_of_equal_values_the_same_anchors_are_kept():
    values = words(1 << 20, "u4")
    shifted = np.concatenate([words(777, "u4"), values[: (1 << 20) - 777]])
    a, b = (anchors_of(each, 0, each.size).least(500) for each in (values, shifted))
    assert a.size == b.size == 500
    both = set(map(tuple, a.keys.tolist())) & set(map(tuple, b.keys.tolist()))
    assert len(both) > 480
    ((one, other, here, there, count),) = shared([a, b])
    assert (one, other, there - here) == (0, 1, 777)
    assert count == len(both)


def test_runs_of_one_value_are_no_copies():
    values = words(100_000, "u4")
    values[1000:3000] = 0
    values[50_000:52_000] = 0
    assert repeat_in(anchors_of(values, 0, values.size)) is None


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_order_of_bytes_does_not_hide_a_copy(dtype):
    values = RNG.normal(0, 1, (400, 300)).astype(DTYPES[dtype].numpy)
    values[300:] = values[:100]
    stored = values if dtype == "bfloat16" else values.astype(values.dtype.newbyteorder(">"))
    found = repeat_in(measure(source_of_array(stored, DTYPES[dtype], "w")).anchors)
    assert found.shift == 300 * 300


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
def test_a_run_of_one_value_has_no_anchors_but_where_it_ends(dtype):
    values = np.zeros(100_000, dtype)  # whose bits are chosen everywhere
    values[40_000:60_000] = words(20_000, dtype)
    span = window(values.itemsize)
    places = anchors_of(values, 0, values.size).places
    assert set(range(40_000 - span + 1, 40_000 - 3)) <= set(places.tolist())
    windows = np.lib.stride_tricks.sliding_window_view(values, span)[places]
    assert (windows != windows[:, :1]).any(axis=1).all()
    among = anchors_of(values[39_900:60_100], 39_900, values.size).places  # too few zeros to be passed over at once
    assert set(among.tolist()) == set(places.tolist())
