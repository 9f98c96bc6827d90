"""Of the streams of JAX, what arrays that JAX drew do not show: pieces, threads, seeds, series and refusals."""

import math
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from initgen.core.dtypes import DTYPES
from initgen.core.errors import BadParameter
from initgen.specs.tensor import tensor_spec
from initgen.streams import rounding
from initgen.streams.dialects import dialect_of, xla
from initgen.streams.dialects.jax import Numbers

STREAMS = ("jax", "jax-nonpartitionable", "keras-jax")
NAMES = ("float32", "float64", "bfloat16", "float16")
SCHEMES = ("he_uniform", "random_uniform", "random_normal", "he_normal")


def call(scheme="random_normal", shape=(7, 5), stream="jax", **options):
    return tensor_spec(scheme, shape, stream=stream, **options).call


def drawing(stream, *given, **options):
    return dialect_of(stream).drawing(call(*given, stream=stream, **options))


def filled(drawing, dtype, start, count):
    out = rounding.empty(count, dtype)
    drawing.fill(start, out)
    return out.tobytes()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("stream", STREAMS)
def test_neither_cuts_nor_order_nor_threads_change_a_byte(stream, dtype, scheme):
    shape = (257, 259) if dtype != "float64" else (57, 59)
    asked = call(scheme, shape, stream, dtype=dtype, seed=9)
    drawn, total = dialect_of(stream).drawing(asked), asked.count
    whole = filled(drawn, asked.dtype, 0, total)
    cuts = [0, 1, 2, 17, total // 3, total // 2 + 1, total - 1, total]
    with ThreadPoolExecutor(4) as pool:
        backwards = reversed(list(pairwise(cuts)))
        pieces = list(pool.map(lambda cut: filled(drawn, asked.dtype, cut[0], cut[1] - cut[0]), backwards))
    assert b"".join(reversed(pieces)) == whole


@pytest.mark.parametrize("dtype", NAMES)
def test_memory_does_not_grow_with_the_tensor(dtype):
    drawn = drawing("jax", "random_normal", (1 << 30,), dtype=dtype)
    out = rounding.empty(1 << 18, call(dtype=dtype).dtype)
    tracemalloc.start()
    try:
        drawn.fill((1 << 29) + 5, out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 23


@pytest.mark.parametrize(
    ("stream", "seed"),
    [("jax", -(2**63) - 1), ("jax", 2**63), ("jax-nonpartitionable", 2**64), ("keras-jax", -1), ("keras-jax", 2**32)],
)
def test_seeds_that_are_refused_are_told_the_rule(stream, seed):
    with pytest.raises(BadParameter, match="seed") as caught:
        dialect_of(stream).check_seed(seed)
    assert caught.value.hint == dialect_of(stream).seeds


@pytest.mark.parametrize(
    ("stream", "scheme", "shape", "dtype", "why"),
    [
        ("jax", "delta_orthogonal", (3, 4, 4), "float32", "delta_orthogonal"),
        ("jax", "orthogonal", (4, 4), "bfloat16", "orthogonal matrix of bfloat16"),
        ("keras-jax", "orthogonal", (4, 4), "float16", "orthogonal matrix of float16"),
        ("jax", "he_uniform", (4,), "float32", "two axes"),
        ("jax", "he_uniform", (4, 4), "float8_e5m2", "float8_e5m2"),
        ("jax-nonpartitionable", "random_normal", (1 << 31,), "float32", "at most"),
    ],
)
def test_what_jax_does_not_draw_is_refused(stream, scheme, shape, dtype, why):
    with pytest.raises(BadParameter, match=why):
        drawing(stream, scheme, shape, dtype=dtype)


def test_a_series_folds_in_the_number_of_the_tensor():
    calls = [call(seed=3), call("he_normal", (2, 3), seed=3), call(seed=3)]
    placed = list(dialect_of("jax").in_series(calls))
    assert [(one.seed, one.place) for one in placed] == [(3, (0,)), (3, (1,)), (3, (2,))]
    first, last = (dialect_of("jax").drawing(placed[number]) for number in (0, 2))
    assert filled(first, calls[0].dtype, 0, 35) != filled(last, calls[0].dtype, 0, 35)
    assert (
        first.function
        == "jax.nn.initializers.normal(0.05)(jax.random.fold_in(jax.random.key(3), 0), (7, 5), jnp.float32)"
    )


def test_functions_are_written_as_one_calls_them():
    asked = drawing("jax", "truncated_normal:mean=1,stddev=0.5", (3,), seed=-1, dtype="float16").function
    assert asked == "jax.random.truncated_normal(jax.random.key(-1), -2.0, 2.0, (3,), jnp.float16) * 0.5 + 1.0"
    asked = drawing("jax", "glorot_uniform", (3, 4), layout="torch").function
    assert asked == "jax.nn.initializers.glorot_uniform(in_axis=1, out_axis=0)(jax.random.key(0), (3, 4), jnp.float32)"


def test_subnormal_numbers_are_zero_but_in_float16():
    for dtype, limit in (("float32", 2**-126), ("bfloat16", 2**-126), ("float16", 2**-24)):
        values = np.frombuffer(
            filled(drawing("jax", f"uniform:scale={8 * limit}", (500,), dtype=dtype), call(dtype=dtype).dtype, 0, 500),
            call(dtype=dtype).dtype.numpy,
        ).astype(np.float64)
        assert values.max() > 4 * limit
        assert min(values[values > 0]) >= limit
        assert (values == 0).any()


def test_subnormal_factors_are_zero():
    values = filled(drawing("jax", "random_normal:stddev=1.1e-38", (500,)), call().dtype, 0, 500)
    assert not np.frombuffer(values, "<f4").any()  # one in three would be a normal number


def test_a_number_given_to_a_function_is_a_float32_first():
    number, numbers = 1 + 2.0**-11 + 2.0**-30, Numbers(DTYPES["float16"])
    assert numbers.scalar(number) == 1
    assert numbers.array(number) == 1 + 2.0**-10


@pytest.mark.parametrize(
    ("bound", "wanted"), [(-1.77, -0.92578125), (-0.98, -0.67578125), (-0.49, -0.376953125), (-0.41, -0.3203125)]
)
def test_bounds_of_bfloat16_are_divided_by_a_root_of_float32(bound, wanted):
    """jax.jit(lambda x: jax.lax.erf(x.astype("bfloat16") / np.sqrt(2).astype("bfloat16"))), jax 0.10.2."""
    numbers = Numbers(DTYPES["bfloat16"])
    assert float(numbers.erf(numbers.scalar(bound))) == wanted


def test_polynomials_round_each_step_once():
    """Two steps that a sum in more digits, rounded again, gets wrong: just under the middle of two numbers."""
    for kind, digits, horner in ((np.float32, 24, xla._horner32), (np.float64, 53, xla._horner64)):
        step = 2.0 ** (1 - digits)
        x = np.full(3, step / 2 * (1 + step), kind)
        for term in (1.0, 1 + step):
            assert horner((1 - step, term), x).tolist() == [term] * 3


@pytest.mark.parametrize(
    ("u", "wanted"),
    [
        ("0x1.02fd317603b42p-5", "0x1.cb2a9283541fbp-6"),
        ("0x1.04a89f5d8b157p-1", "0x1.f2ccc24bde74fp-2"),
        ("0x1.8a6a916cbddfbp-1", "0x1.b2e5c883ffab4p-1"),
        ("0x1.ff7aee82fe5b6p-1", "0x1.29707960a8a08p+1"),
        ("0x1.ff8799c309051p-1", "0x1.2bfafeae04d94p+1"),
        ("0x1.fffffde9d5128p-1", "0x1.e9dfe5cd32affp+1"),
        ("0x1.fffffedad7b23p-1", "0x1.f381b89a1176cp+1"),
        ("0x1.ffffffffffe5ap-1", "0x1.553d61fcbe50fp+2"),
    ],
)
def test_each_branch_of_erf_inv_is_xlas_to_the_bit(u, wanted):
    """jax.lax.erf_inv of jax 0.10.2, where the neighbouring branches give other bits."""
    assert xla.erf_inv64(np.array([float.fromhex(u)]))[0] == float.fromhex(wanted)


def test_erf_inv_is_that_of_the_error_function_in_every_branch():
    ends = 1 - np.ldexp(1.0, -np.arange(1, 53))
    middle = np.linspace(-1, 1, 2003)[1:-1]
    for u in (ends, -ends, middle):  # 1 - u^2 is rounded to a unit of 1
        back = np.array([math.erfc(abs(x)) for x in xla.erf_inv64(u)])
        np.testing.assert_allclose(back, 1 - np.abs(u), rtol=3e-14, atol=2.0**-53)
    narrow = middle.astype(np.float32)
    np.testing.assert_allclose(xla.erf_inv32(narrow), xla.erf_inv64(narrow.astype(np.float64)), rtol=1e-6)
    assert xla.erf_inv64(np.array([-1.0, 1.0])).tolist() == [-math.inf, math.inf]
    assert xla.erf_inv32(np.array([-1, 1], np.float32)).tolist() == [-math.inf, math.inf]
    for x in (-5.0, -1.5, 0.0, 0.25, 3.7, 3.8):
        assert math.isclose(xla.erf32(x), math.erf(x), rel_tol=2e-7)
