"""What goes wrong inside of one tensor is seen by the test that is for it, and what is right passes.

Each run of `stats` over right values fails with probability at most 1e-6; the right ones here are 60 fixed arrays.
"""

import ml_dtypes
import numpy as np
import pytest

from initgen.checks.source import source_of_array
from initgen.checks.tensor import tensor_stats
from initgen.core.dtypes import DTYPES
from initgen.specs.tensor import tensor_spec

SHARE = 1e-6 / 12
RNG = np.random.Generator(np.random.PCG64(20261122))
SHAPES = [(300, 700), (700, 300), (5, 3, 64, 96), (64, 96, 3, 3), (2, 40_000), (40_000, 2), (90_000,)]


def limit(shape):
    return tensor_spec("he_uniform", shape).made.high


def right(shape, dtype=np.float32):
    return RNG.uniform(-limit(shape), limit(shape), shape).astype(dtype)


def answer(values, scheme="he_uniform", dtype="float32"):
    spec = tensor_spec(scheme, values.shape, dtype=dtype)
    return tensor_stats(source_of_array(values.astype(spec.dtype.numpy), spec.dtype, "w"), spec, SHARE, None)


def failed(found):
    return {test.name for test in found.tests if not test.passed} | {finding.kind for finding in found.findings}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_right_values_pass_every_test_in_any_shape(shape, dtype):
    found = answer(right(shape, np.float64), dtype=dtype)
    assert not failed(found)
    names = {test.name for test in found.tests}
    assert ("first axis: variance" in names) == (len(shape) > 1)
    assert {"zeros", "repeated values"} <= names
    assert ("precision (binary digits)" in names) == (dtype in ("float32", "float64"))


def scaled(axis, by=0.2):
    values = right((300, 700))
    factors = np.linspace(1 - by, 1 + by, values.shape[axis]).astype(np.float32)
    factors /= np.sqrt(np.mean(factors**2))  # so that the whole has the right variance
    return np.clip(values * np.expand_dims(factors, 1 - axis), -limit((300, 700)), limit((300, 700)))


def with_row(value, index=7, shape=(300, 700)):
    values = right(shape)
    values[index] = value
    return values


def block_copied(length, shape=(1000, 1000), to=500_003):
    values = right(shape).reshape(-1)
    values[to : to + length] = values[1_000 : 1_000 + length]
    return values.reshape(shape)


def columns_equal():
    values = right((700, 300))
    values[:, 250] = values[:, 17]
    return values


def rows_equal():
    values = right((3000, 20))  # shorter than a block of anchors would see
    values[2000] = values[30]
    return values


def rolled():
    values = right((1000, 1000)).reshape(-1)
    return np.resize(values[:300_007], 10**6).reshape(1000, 1000)


WRONG = {
    "each slice of the first axis has its own scale": (scaled(0), "first axis: variance"),
    "each slice of the last axis has its own scale": (scaled(1), "last axis: variance"),
    "a row of zeros": (with_row(0), "first axis: variance"),
    "a constant row": (with_row(0.01), "first axis: variance"),
    "a row too wide": (with_row(right((300, 700))[0] * 0.7), "first axis: variance"),
    "a row off centre": (with_row(abs(right((300, 700))[0])), "first axis: mean"),
    "a column of zeros": (with_row(0).T.copy(), "last axis: variance"),
    "a kernel's input channel dead": (np.moveaxis(with_row(0, 5, (64, 3, 3, 96)), 0, 2).copy(), "zeros"),
    "the second half is the first": (np.concatenate([right((500, 1000))] * 2), "repeated values"),
    "a stream that wrapped": (rolled(), "repeated values"),
    "a thousand values copied": (block_copied(1_000), "repeated values"),
    "two equal columns": (columns_equal(), "equal columns"),
    "two equal short rows": (rows_equal(), "equal rows"),
    "one value in a hundred is zero": (np.where(RNG.random((300, 700)) < 0.01, 0, right((300, 700))), "zeros"),
    "five zeros": (np.where(np.arange(210_000).reshape(300, 700) % 50_000 == 3, 0, right((300, 700))), "zeros"),
    "tails clipped by a hundredth": (
        np.clip(right((10, 100)), *np.array([-0.99, 0.99]) * limit((10, 100))),
        "distinct values",
    ),
    "of int8, scaled": (
        np.rint(right((300, 700)) / limit((300, 700)) * 127) * (limit((300, 700)) / 127),
        "distinct values",
    ),
    "of float16": (right((300, 700)).astype(np.float16), "precision (binary digits)"),
    "of bfloat16": (right((300, 700)).astype(ml_dtypes.bfloat16), "precision (binary digits)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_seen_by_the_test_that_is_for_it(name):
    values, by = WRONG[name]
    found = answer(values)
    assert found.passed is False
    assert by in failed(found)


@pytest.mark.parametrize(("value", "seen"), [(0.02 * 4.5, False), (0.02 * 9, True), (1.0, True), (-1.0, True)])
@pytest.mark.parametrize("scheme", ["random_normal:stddev=0.02", "trunc_normal:std=0.02"])
def test_one_value_that_no_draw_reaches_is_seen_where_no_bound_is_near(scheme, value, seen):
    values = RNG.normal(0, 0.02, (300, 700))
    values[17, 5] = value
    assert ("farthest value" in failed(answer(values, scheme))) == seen


@pytest.mark.parametrize("at", [3, 3.5, 4.5])
def test_normal_values_that_stop_too_soon_are_seen(at):
    """Of 210,000 values 567, 98 and 1.4 are further out than these."""
    values = RNG.normal(0, 0.02, (300, 700))
    clipped = values * (abs(values) < at * 0.02)  # set to zero, so that none are equal at the ends
    assert ("farthest value" in failed(answer(clipped, "random_normal:stddev=0.02"))) == (at < 4)


def test_float64_that_was_float32_is_seen():
    found = answer(right((50, 40)), dtype="float64")
    assert failed(found) == {"precision (binary digits)"}
    assert next(t.note for t in found.tests if not t.passed) == "no more than float32 carries"


@pytest.mark.parametrize("count", [100, 1000, 30_000])
@pytest.mark.parametrize(
    ("scheme", "mean", "std"),
    [
        ("random_normal:mean=1,stddev=0.00001", 1, 1e-5),
        ("random_normal:mean=-1000,stddev=0.01", -1000, 0.01),
        ("random_uniform:minval=1000,maxval=1000.001", 1000.0005, 0.001),
        ("random_uniform:minval=-1,maxval=-0.9999", -0.99995, 0.0001),
    ],
)
def test_a_narrow_law_far_from_zero_has_few_values_by_right(scheme, mean, std, count):
    values = RNG.normal(mean, std, count) if "normal" in scheme else mean + std * RNG.uniform(-0.5, 0.5, count)
    assert "distinct values" not in failed(answer(values, scheme))


@pytest.mark.parametrize("wide", [1, 7])
@pytest.mark.parametrize("scale", [0.125, 1.0, 0.1])
def test_the_coarsest_grid_of_a_framework_passes_the_test_of_precision(scale, wide):
    """JAX draws uniform float32 from 23 bits; a scale that is a power of two leaves the last digits empty."""
    grid = RNG.integers(0, 2**23, (wide * 100, 90)).astype(np.float32) * np.float32(2.0**-23)
    values = grid * np.float32(2 * scale) - np.float32(scale)
    spec = tensor_spec(f"random_uniform:minval={-scale},maxval={scale}", values.shape)
    found = tensor_stats(source_of_array(values, spec.dtype, "w"), spec, SHARE, None)
    assert not failed(found)


@pytest.mark.parametrize(("dtype", "std"), [("float16", 1e-6), ("float8_e4m3fn", 0.02), ("float8_e5m2", 1e-4)])
def test_zeros_that_rounding_makes_are_expected(dtype, std):
    spec = tensor_spec(f"random_normal:stddev={std}", (500, 400), dtype=dtype)
    values = RNG.normal(0, std, spec.shape).astype(np.float32).astype(DTYPES[dtype].numpy)
    assert not failed(tensor_stats(source_of_array(values, spec.dtype, "w"), spec, SHARE, None))
    more = np.where(RNG.random(spec.shape) < 0.05, 0, values.astype(np.float32)).astype(DTYPES[dtype].numpy)
    assert "zeros" in failed(tensor_stats(source_of_array(more, spec.dtype, "w"), spec, SHARE, None))


def test_what_a_framework_never_draws_does_not_pass_as_its_own():
    """JAX's native bfloat16 normal of 0.051 has about the std of 0.05, for it ends at 2.9 std; these go on."""
    values = RNG.normal(0, 0.05, (260, 300))
    assert not failed(answer(values, "random_normal:stddev=0.05", "bfloat16"))
    assert answer(values, "random_normal:stddev=0.051", "bfloat16").passed is False


def test_a_float16_value_beyond_the_bound_does_not_pass_as_one_of_bfloat16():
    values = right((300, 700), np.float16)
    values[3, 4] = np.float16(limit((300, 700)) * (1 + 3 * 2.0**-11))
    assert answer(values, "he_uniform", "float16").passed is False


REMARKS = {
    "zeros": (np.zeros((30, 40), np.float32), {"dead tensor"}),
    "a bias of zeros": (np.zeros(40, np.float32), set()),
    "ones": (np.ones((30, 40), np.float32), set()),
    "trained": (right((300, 700)) * np.linspace(0.1, 3, 700, dtype=np.float32), set()),
    "a ramp": (np.arange(1000, dtype=np.float32), set()),
    "a mask": (np.tril(np.ones((100, 100), np.float32)), set()),
    "of float16": (right((300, 700)).astype(np.float16).astype(np.float32), {"low precision"}),
    "a repeated block": (np.concatenate([right((500, 1000))] * 2), {"repeated values", "equal rows"}),
    "padded rows": (np.concatenate([right((500, 100)), np.zeros((20, 100), np.float32)]), {"equal rows", "dead rows"}),
    "a padding row": (np.concatenate([right((500, 100)), np.zeros((1, 100), np.float32)]), {"dead rows"}),
    "of int8, scaled": (np.rint(right((300, 700)) / limit((300, 700)) * 127) * np.float32(0.003), {"few values"}),
}


@pytest.mark.parametrize("name", REMARKS)
def test_without_a_law_what_is_strange_is_a_remark_and_no_answer(name):
    values, kinds = REMARKS[name]
    found = tensor_stats(source_of_array(values, DTYPES["float32"], "w"), None, SHARE, None)
    assert {finding.kind for finding in found.findings} == kinds
    assert {finding.severity for finding in found.findings} <= {"remark"}
    assert found.passed is None
