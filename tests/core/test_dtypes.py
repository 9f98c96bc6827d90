"""The grids of the dtypes against numpy and ml_dtypes."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from initgen.core.dtypes import DTYPES
from initgen.core.errors import UnknownName

FOREIGN = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}
EVERY = pytest.mark.parametrize("name", FOREIGN)
FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-600, 600) | st.floats(-1e-4, 1e-4)


def _next(value, towards, kind):
    """The neighbour of a value of ``kind``, as float64."""
    return float(np.nextafter(np.array(value, kind), np.array(towards, kind)).astype(np.float64))


def _is_stored(value, kind):
    return _converted(value, kind) == value


def _converted(value, kind):
    with np.errstate(all="ignore"):  # overflow and underflow are meant
        return float(np.array(value, np.float64).astype(kind).astype(np.float64))


@EVERY
def test_width_digits_and_reach_are_those_of_the_foreign_dtype(name):
    dtype, info = DTYPES[name], ml_dtypes.finfo(FOREIGN[name])
    assert dtype.itemsize == np.dtype(FOREIGN[name]).itemsize
    assert dtype.digits == info.nmant + 1
    assert dtype.largest == float(info.max)
    assert dtype.normal == float(info.smallest_normal)
    assert dtype.smallest == float(info.smallest_subnormal)
    assert dtype.numpy == np.dtype(FOREIGN[name])
    assert dtype.word == (64 if name == "float64" else 32)


@EVERY
@settings(derandomize=True, deadline=None)
@given(x=FINITE)
@example(x=0.0)
@example(x=448.0)
@example(x=463.9)
@example(x=-460.0)
@example(x=65504.0)
@example(x=65519.9)
@example(x=5e-324)
@example(x=2.0**-10 + 2.0**-30)
@example(x=np.finfo(np.float64).max)
def test_below_and_above_are_the_neighbours_on_the_grid(name, x):
    dtype, kind = DTYPES[name], FOREIGN[name]
    below, above = dtype.below(x), dtype.above(x)
    assert below <= x <= above
    for value in (below, above):
        assert math.isinf(value) or _is_stored(value, kind)
    if x < -dtype.largest:
        assert (below, above) == (-math.inf, -dtype.largest)
    elif x > dtype.largest:
        assert (below, above) == (dtype.largest, math.inf)
    elif below < dtype.largest:
        assert _next(below, dtype.largest, kind) > x  # nothing lies between
        assert above in (below, _next(below, dtype.largest, kind))


@EVERY
@settings(derandomize=True, deadline=None)
@given(x=FINITE)
@example(x=0.0)
@example(x=-0.0)
@example(x=-1e-12)
@example(x=448.0)
@example(x=-447.999)
@example(x=2.0**-10)
@example(x=1.5 * 2.0**-9)
@example(x=5e-324)
def test_nearest_is_the_foreign_rounding(name, x):
    dtype = DTYPES[name]
    if abs(x) > dtype.largest:
        assert dtype.nearest(x) == math.copysign(dtype.largest, x)
        return
    # float64 to float8 goes by way of float32 in ml_dtypes and may round twice; a value of 24 digits does not.
    if dtype.itemsize == 1:
        x = float(np.float32(x))
    expected = _converted(x, FOREIGN[name])
    assert (dtype.nearest(x), math.copysign(1, dtype.nearest(x))) == (expected, math.copysign(1, expected))


@EVERY
def test_infinity_is_outside_every_grid(name):
    dtype = DTYPES[name]
    assert dtype.below(-math.inf) == -math.inf
    assert dtype.above(math.inf) == math.inf
    assert dtype.nearest(math.inf) == dtype.largest


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_every_value_of_a_narrow_dtype_stays_as_it_is(name):
    dtype = DTYPES[name]
    patterns = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    with np.errstate(invalid="ignore"):  # the patterns that are no number
        values = patterns.view(FOREIGN[name]).astype(np.float64)
    for value in values[np.isfinite(values)][:: 1 if dtype.itemsize == 1 else 17].tolist():
        assert dtype.below(value) == dtype.nearest(value) == dtype.above(value) == value


@pytest.mark.parametrize(
    ("alias", "name"),
    [("f32", "float32"), ("half", "float16"), ("bf16", "bfloat16"), ("e4m3", "float8_e4m3fn"), ("double", "float64")],
)
def test_short_names_are_known(alias, name):
    assert DTYPES[alias] is DTYPES[name]


def test_an_unknown_dtype_names_the_nearest():
    with pytest.raises(UnknownName) as caught:
        DTYPES["bfloat17"]
    assert caught.value.message == "unknown dtype 'bfloat17'"
    assert "bfloat16" in caught.value.hint
