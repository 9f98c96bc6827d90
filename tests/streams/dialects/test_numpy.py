"""numpy and keras-numpy: what default_rng itself draws, one tensor after another, in pieces, in constant memory."""

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
from initgen.streams.dialects import dialect_of
from initgen.streams.dialects.numpy import cast

LAWS = ("random_uniform:minval=-0.3,maxval=1.7", "random_normal:mean=0.3", "truncated_normal:mean=0.3")


def drawing(scheme, shape, stream="numpy", **options):
    return dialect_of(stream).drawing(tensor_spec(scheme, shape, stream=stream, **options).call)


def piece(drawn, start, count, dtype="float32"):
    out = rounding.empty(count, DTYPES[dtype])
    drawn.fill(start, out)
    return out


def kept(rng, mean, std, low, high, count):
    """What Keras does on numpy: batches as large as the tensor, those inside kept."""
    values = np.empty(0)
    while values.size < count:
        batch = rng.normal(mean, std, count)
        values = np.append(values, batch[(batch >= low) & (batch <= high)])
    return values[:count]


def test_tensors_of_a_model_are_drawn_from_one_generator_one_after_another():
    count = 70_001
    schemes = [
        ("random_normal:mean=0.3,stddev=0.7", (count,)),
        ("random_uniform:minval=-0.3,maxval=1.7", (count,)),
        ("truncated_normal:stddev=1,lower=0.5,upper=2.5", (count,)),
        ("orthogonal", (5, 3)),
        ("random_normal", (0,)),
        ("he_uniform", (3, 2)),
        ("random_normal:mean=0,stddev=1", (7,)),
    ]
    calls = [tensor_spec(scheme, shape, stream="numpy", dtype="float64", seed=12).call for scheme, shape in schemes]
    rng = np.random.default_rng(12)
    wanted = [rng.normal(0.3, 0.7, count), rng.uniform(-0.3, 1.7, count), kept(rng, 0.0, 1.0, 0.5, 2.5, count)]
    rng.normal(size=15)
    wanted += [None, np.empty(0), rng.uniform(-math.sqrt(3 * (2 / 3)), math.sqrt(3 * (2 / 3)), 6), rng.normal(size=7)]
    for call, values in zip(dialect_of("numpy").in_series(calls), wanted, strict=True):
        assert len(call.place) <= 1
        if values is not None:
            drawn = piece(dialect_of("numpy").drawing(call), 0, call.count, "float64")
            assert drawn.tobytes() == values.tobytes(), call.scheme


def test_a_place_is_the_number_of_words_before_it():
    assert drawing("random_uniform", (1000,)).end == (1000,)
    (words,) = drawing("random_normal", (1000,), seed=5).end
    rng = np.random.default_rng(5)
    rng.normal(size=1000)
    assert 1000 < words < 1050
    assert np.random.Generator(np.random.PCG64(5).advance(words)).random() == rng.random()


@pytest.mark.parametrize("stream", ["numpy", "keras-numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("scheme", LAWS)
def test_pieces_of_any_size_in_any_order_make_the_whole(stream, scheme, dtype):
    count = 90_001
    drawn = drawing(scheme, (count,), stream, dtype=dtype, seed=4)
    whole = piece(drawn, 0, count, dtype)
    random = np.random.default_rng(1)
    cuts = np.unique([0, 1, 32_767, 32_768, 32_769, 65_537, count, *random.integers(0, count, 6)]).tolist()
    pieces = list(pairwise(cuts))
    random.shuffle(pieces)
    with ThreadPoolExecutor(3) as threads:
        made = threads.map(lambda ends: piece(drawn, ends[0], ends[1] - ends[0], dtype), pieces)
        for (start, end), part in zip(pieces, made, strict=True):
            assert part.tobytes() == whole[start:end].tobytes()


@pytest.mark.parametrize("scheme", LAWS)
def test_memory_does_not_grow_with_the_tensor(scheme):
    drawn, out = drawing(scheme, (2**21,)), np.empty(2**18, np.float32)
    tracemalloc.start()
    try:
        drawn.fill(2**20, out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3e6


def test_pieces_in_ascending_order_are_drawn_only_once(monkeypatch):
    drawn, starts = drawing("random_normal", (2**20,)), []
    blocks = drawn._blocks
    monkeypatch.setattr(drawn, "_blocks", lambda: starts.append(0) or blocks())
    for start in range(0, 2**18, 10_000):
        piece(drawn, start, 5000)
    assert starts == [0]
    piece(drawn, 0, 5)
    assert starts == [0, 0]


def test_each_thread_goes_through_the_values_by_itself(monkeypatch):
    drawn, starts = drawing("random_normal", (2**20,)), []
    blocks = drawn._blocks
    monkeypatch.setattr(drawn, "_blocks", lambda: starts.append(0) or blocks())
    with ThreadPoolExecutor(1) as thread:
        far = thread.submit(piece, drawn, 40_000, 5).result()
        assert piece(drawn, 35_000, 5005)[5000:].tobytes() == far.tobytes()
    assert starts == [0, 0]


def test_keras_seeds_default_rng_with_its_seed_and_a_zero():
    wanted = np.random.default_rng(np.array([9, 0], np.uint32)).uniform(-0.05, 0.05, 50).astype(np.float32)
    assert piece(drawing("random_uniform", (50,), "keras-numpy", seed=9), 0, 50).tobytes() == wanted.tobytes()


def test_float16_is_rounded_once_and_bfloat16_by_way_of_float32():
    low_half, low_bfloat = np.array([1 + 2**-11 + 2**-40]), np.array([1 + 2**-8 + 2**-40])
    assert cast(low_half, DTYPES["float16"]).tolist() == [1 + 2**-10]
    assert cast(low_bfloat, DTYPES["bfloat16"]).view("<u2").tolist() == [0x3F80]
    for value, dtype in ((low_half, "float16"), (low_bfloat, "bfloat16")):
        theirs = value.astype(DTYPES[dtype].numpy)
        assert cast(value, DTYPES[dtype]).tobytes() == theirs.tobytes()


@pytest.mark.parametrize(
    ("stream", "seed", "rule"),
    [
        ("numpy", -1, "whole numbers from 0"),
        ("keras-numpy", -1, "from 0 to 2^32 - 1"),
        ("keras-numpy", 2**32, "from 0 to 2^32 - 1"),
    ],
)
def test_seeds_that_numpy_refuses_are_refused_with_the_rule(stream, seed, rule):
    with pytest.raises(BadParameter) as refused:
        dialect_of(stream).check_seed(seed)
    assert rule in refused.value.hint
    assert dialect_of("numpy").takes(2**64 - 1)


@pytest.mark.parametrize(
    ("scheme", "options", "says"),
    [
        ("truncated_normal:lower=4,upper=9", {}, "one normal in 3e+04 lies inside"),
        ("truncated_normal:lower=-9,upper=-4", {}, "one normal in 3e+04 lies inside"),
        ("sparse", {}, "does not draw sparse"),
        ("random_normal", {"place": [1, 2]}, "must be a number"),
    ],
)
def test_what_would_never_end_or_has_no_call_is_refused(scheme, options, says):
    with pytest.raises(BadParameter) as refused:
        drawing(scheme, (4, 4), **options)
    assert says in refused.value.message


@pytest.mark.parametrize(("layout", "tall"), [("keras", (12, 5)), ("torch", (10, 6))])
def test_orthogonal_flattens_as_its_layout_does(layout, tall):
    shape = (2, 6, 5) if layout == "keras" else (6, 5, 2)
    drawn = drawing("orthogonal:gain=2", shape, layout=layout, dtype="float64", seed=8)
    q, r = np.linalg.qr(np.random.default_rng(8).normal(size=tall))
    q = 2 * q * np.sign(np.diagonal(r))
    wanted = q if layout == "keras" else q.T
    np.testing.assert_allclose(piece(drawn, 0, 60, "float64"), wanted.ravel(), rtol=0, atol=1e-14)
