"""The measurement: one pass in constant memory finds what numpy finds with the whole array in float64."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from initgen.checks import source as source_module
from initgen.checks.measure import measure
from initgen.checks.source import sources_of
from initgen.formats.parts import open_parts

RNG = np.random.Generator(np.random.PCG64(20260101))
NORMAL = RNG.standard_normal(300_001)

ARRAYS = {
    "float64": NORMAL,
    "float64 far from 0": NORMAL * 1e-3 + 1e6,
    "float64 huge": NORMAL * 1e150,
    "float32": NORMAL.astype("<f4"),
    "float32 far from 0": (NORMAL * 1e-2 + 1000).astype("<f4"),
    "float16": (NORMAL * 100).astype("<f2"),
    "big-endian float16": (NORMAL * 100).astype(">f2"),
    "big-endian float32": NORMAL.astype(">f4"),
    "big-endian float64": NORMAL.astype(">f8"),
    "bfloat16": NORMAL.astype(ml_dtypes.bfloat16),
    "float8_e4m3fn": NORMAL.astype(ml_dtypes.float8_e4m3fn),
    "int8": (NORMAL * 20).astype(np.int8),
    "int64": (NORMAL * 1e6).astype(np.int64),
    "uint64": (np.abs(NORMAL) * 1e6).astype(np.uint64),
    "bool": NORMAL > 0,
    "one": np.array([2.5]),
    "two": np.array([2.5, -1]),
    "all the same": np.full(1000, 0.1, np.float32),
    "half zeros": np.where(NORMAL > 0, NORMAL, 0).astype("<f4"),
    "minus zeros": np.array([-0.0, 0.0, 1.0], np.float32),
}


def measured(array, tmp_path, **options):
    path = str(tmp_path / "a.npy")
    if array.dtype.isbuiltin == 1 or not array.dtype.isnative:
        np.save(path, array)
        (part,) = open_parts(path)
        (found,) = sources_of(part)
        return measure(found, **options)
    return measure(source_module.source_of_array(array, None, "a"), **options)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("block", [1000, 1 << 17])
def test_it_finds_what_numpy_finds_in_float64(name, block, tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "BLOCK", block)
    array = ARRAYS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(array, tmp_path)
    wide = array.astype(np.float64)
    scale = wide.std() or abs(wide[0])
    assert found.count == found.finite == array.size
    assert (found.low, found.high) == (wide.min(), wide.max())
    # Of large tensors of float32 and narrower, sums are made in float32, in pieces.
    exact = array.dtype.kind == "f" and array.dtype.itemsize == 8
    assert found.mean == pytest.approx(wide.mean(), abs=(1e-10 if exact else 1e-7) * scale, rel=1e-12)
    assert found.std == pytest.approx(wide.std(), rel=1e-9 if exact else 5e-7, abs=1e-12 * abs(wide).max())
    assert found.zeros == np.count_nonzero(wide == 0)
    assert (found.first, found.last) == (wide[0], wide[-1])
    assert found.cells.sum() == array.size
    middle = wide.mean() + scale / 3
    assert found.spread(middle) == pytest.approx(np.mean((wide - middle) ** 2), rel=1e-9 if exact else 1e-6)
    lagged = np.sum((wide[1:] - middle) * (wide[:-1] - middle))
    assert found.lagged(middle) == pytest.approx(lagged, abs=1e-6 * array.size * scale**2)  # in float32


@pytest.mark.parametrize("name", ["float16", "big-endian float16", "bfloat16", "float8_e4m3fn"])
def test_narrow_values_are_counted_by_their_own_code(name, tmp_path):
    array = ARRAYS[name]
    found = measured(array, tmp_path)
    native = array.astype(array.dtype.newbyteorder("=")) if not array.dtype.isnative else array
    codes = native.view(f"u{array.dtype.itemsize}")
    np.testing.assert_array_equal(found.cells, np.bincount(codes, minlength=256**array.dtype.itemsize))


@pytest.mark.parametrize("name", ["float32", "big-endian float32", "float64", "int8", "half zeros"])
def test_wide_values_are_counted_by_the_top_of_their_float32(name, tmp_path):
    array = ARRAYS[name]
    codes = array.astype("<f4").view("<u4") >> 16
    np.testing.assert_array_equal(measured(array, tmp_path).cells, np.bincount(codes, minlength=1 << 16))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("block", [1000, 7777, 1 << 20])
def test_blocks_join_to_what_one_block_gives(threads, block, tmp_path, monkeypatch):
    array = ARRAYS["float32 far from 0"]
    monkeypatch.setattr(source_module, "BLOCK", 1 << 20)
    whole = measured(array, tmp_path, shift=1000.0, threads=1)
    monkeypatch.setattr(source_module, "BLOCK", block)
    parts = measured(array, tmp_path, shift=1000.0, threads=threads)
    for what in ("count", "nan", "inf", "zeros", "low", "high", "first", "last"):
        assert getattr(parts, what) == getattr(whole, what), what
    for what in ("sum1", "sum2", "lag"):
        assert getattr(parts, what) == pytest.approx(getattr(whole, what), rel=1e-8, abs=1e-4), what
    np.testing.assert_array_equal(parts.cells, whole.cells)


BAD = {
    "nan": ([1, np.nan, 3, 5], 1, 0),
    "inf": ([1, np.inf, 3, -np.inf, 5], 0, 2),
    "both": ([np.nan, 1, np.inf, 3, 5, np.nan], 2, 1),
    "nothing else": ([np.nan, np.inf], 1, 1),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("block", [1, 2, 1 << 17])
def test_what_is_not_finite_is_counted_and_left_out_of_the_moments(name, dtype, block, tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "BLOCK", block)
    values, nan, inf = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(np.array(values, dtype), tmp_path)
    assert (found.count, found.nan, found.inf) == (len(values), nan, inf)
    if found.finite:
        assert (found.low, found.high) == (1, 5)
        assert found.mean == pytest.approx(3)
        assert found.std == pytest.approx(np.std([1, 3, 5]))


@pytest.mark.parametrize("value", [1e200, 1e308])
def test_squares_that_overflow_are_not_said_to_be_zero(value, tmp_path):
    found = measured(np.array([value, -value, value, value]), tmp_path)
    assert (found.low, found.high) == (-value, value)
    assert found.std != 0


def test_an_empty_tensor_has_a_count_and_no_numbers(tmp_path):
    found = measured(np.zeros((0, 3), np.float32), tmp_path)
    assert (found.count, found.finite, found.zeros) == (0, 0, 0)
    assert np.isnan([found.mean, found.std, found.low]).all()


def test_equal_tensors_have_equal_fingerprints_and_others_do_not(tmp_path):
    array = ARRAYS["float32"]
    same = measured(array.copy(), tmp_path).fingerprint
    assert measured(array, tmp_path).fingerprint == same
    changed = array.copy()
    changed[5], changed[9] = array[9], array[5]
    assert measured(changed, tmp_path).fingerprint != same


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
def test_one_value_that_uses_all_digits_is_noticed_in_any_block(dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "BLOCK", 1000)
    coarse = NORMAL[:10_000].astype(np.float16).astype(dtype)
    digits = np.finfo(coarse.dtype).nmant
    assert measured(coarse, tmp_path).bits % 2 ** (digits - 10) == 0
    one = coarse.dtype.newbyteorder("=").type
    coarse[9_500] = np.nextafter(one(coarse[9_500]), one(10))
    assert measured(coarse, tmp_path).bits % 2
