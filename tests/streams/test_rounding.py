"""Rounding to the stored dtype: to nearest, ties to even, and bounds that do not exceed the exact ones."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from initgen.core.dtypes import DTYPES, FLOATS
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.streams import rounding

NARROW = {
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}


def _stored(values, dtype):
    return rounding.stored(values, DTYPES[dtype])


def _patterns():
    """Every upper half of a float32, with the lower halves around a tie, and random bits; the finite ones."""
    upper = np.arange(2**16, dtype=np.uint32) << np.uint32(16)
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    bits = np.concatenate(
        [(upper[:, None] | lower).ravel(), np.random.default_rng(4).integers(0, 2**32, 10**6, np.uint32)]
    )
    values = bits.view(np.float32)
    return values[np.isfinite(values)]


@pytest.mark.parametrize("dtype", NARROW)
def test_storing_rounds_as_the_dtypes_own_library_does(dtype):
    values = _patterns()
    values = values[np.abs(values) <= DTYPES[dtype].largest]
    assert values.size > 2**17
    assert _stored(values, dtype).tobytes() == values.astype(NARROW[dtype]).tobytes()


def test_float32_is_stored_as_it_is():
    values = _patterns()
    assert _stored(values, "float32").tobytes() == values.astype("<f4").tobytes()


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
def test_bounds_are_the_outermost_values_inside_the_exact_ones(dtype):
    kind = DTYPES[dtype]
    rng = np.random.default_rng(5)
    for low, high in zip(-rng.uniform(0.02, 3, 300), rng.uniform(0.02, 3, 300), strict=True):
        for law in (Uniform(float(low), float(high)), TruncatedNormal(0.0, 1.0, float(low), float(high))):
            inner_low, inner_high = rounding.bounds(law, kind)
            assert Fraction(low) <= Fraction(inner_low)
            assert Fraction(inner_high) <= Fraction(high)
            step = float(np.spacing(np.array(inner_high, kind.numpy)).astype(np.float64))
            assert Fraction(high) < Fraction(inner_high) + Fraction(step)


def test_bounds_of_an_unbounded_law_are_infinite():
    assert rounding.bounds(Normal(0.0, 1.0), DTYPES["bfloat16"]) == (-np.inf, np.inf)


@pytest.mark.parametrize("dtype", NARROW)
def test_a_constant_is_rounded_to_nearest(dtype):
    expected = float(np.array(0.1).astype(NARROW[dtype]).astype(np.float64))
    assert rounding.bounds(Constant(0.1), DTYPES[dtype]) == (expected, expected)
