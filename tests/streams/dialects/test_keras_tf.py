"""keras-tf: any piece is a slice of the whole, in constant memory, and TensorFlow's rule for seeds."""

import hashlib
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
from initgen.streams.dialects import dialect_of, glibc

STREAM = "keras-tf"
LAWS = ("random_uniform:minval=-0.3,maxval=1.7", "random_normal:mean=0.3", "truncated_normal:mean=0.3")
FLOATS = ("float32", "float64", "bfloat16", "float16")


# By logf and sincosf of glibc 2.36, called from C, of the same arguments: the logarithms, the sines, the cosines.
OF_GLIBC = (
    "207fef8ffa8c82caf82c478ee40c5bdbcc5d64d385cd8a1ce60d832fcf03b59b",
    "c718616d24ba03d8eb34fe59f6febc3b383c7d947dec50bdf58c10fbf51946b5",
    "b085eb29bc0360f27b736db7ccc9c80d33b0e35e0b810174d45e42383540001c",
)


def drawing(scheme, count, dtype="float32", seed=3):
    return dialect_of(STREAM).drawing(tensor_spec(scheme, (count,), stream=STREAM, dtype=dtype, seed=seed).call)


def piece(drawn, dtype, start, count):
    out = rounding.empty(count, DTYPES[dtype])
    drawn.fill(start, out)
    return out


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scheme", LAWS)
def test_pieces_of_any_size_in_any_order_make_the_whole(scheme, dtype):
    count = 40_003
    drawn = drawing(scheme, count, dtype)
    whole = piece(drawn, dtype, 0, count)
    random = np.random.default_rng(1)
    cuts = np.unique([0, 1, 2, 3, 5, 9, 32_767, 32_768, 32_769, count, *random.integers(0, count, 20)]).tolist()
    pieces = list(pairwise(cuts))
    random.shuffle(pieces)
    with ThreadPoolExecutor(3) as threads:
        made = threads.map(lambda ends: piece(drawn, dtype, ends[0], ends[1] - ends[0]), pieces)
        for (start, end), part in zip(pieces, made, strict=True):
            assert part.tobytes() == whole[start:end].tobytes()


@pytest.mark.parametrize("scheme", LAWS)
def test_elements_far_out_cost_no_more_than_the_first(scheme):
    drawn = drawing(scheme, 2**40)
    far = piece(drawn, "float32", 2**39 + 5, 100)
    assert len(set(far.tolist())) == 100
    assert far[10:].tobytes() == piece(drawn, "float32", 2**39 + 15, 90).tobytes()


@pytest.mark.parametrize("scheme", LAWS)
def test_memory_does_not_grow_with_the_tensor(scheme):
    drawn, out = drawing(scheme, 2**20), np.empty(2**18, np.float32)
    tracemalloc.start()
    try:
        drawn.fill(2**19, out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_truncated_normal_stays_within_two_std(dtype):
    values = piece(drawing("truncated_normal:stddev=1", 50_000, dtype), dtype, 0, 50_000)
    assert 1.99 < np.abs(values).max() < 2


def test_seeds_that_differ_by_the_modulus_of_keras_draw_the_same():
    one, same, other = (
        piece(drawing("random_normal", 9, seed=seed), "float32", 0, 9) for seed in (5, 5 - (2**31 - 2), 6)
    )
    assert one.tobytes() == same.tobytes() != other.tobytes()


@pytest.mark.parametrize("seed", [-(2**63) - 1, 2**63])
def test_seeds_beyond_64_bits_with_a_sign_are_refused_with_the_rule(seed):
    with pytest.raises(BadParameter) as refused:
        dialect_of(STREAM).check_seed(seed)
    assert "-2^63 to 2^63 - 1" in refused.value.hint


def test_orthogonal_needs_a_dtype_in_which_tensorflow_has_a_qr():
    with pytest.raises(BadParameter, match="no orthogonal bfloat16"):
        dialect_of(STREAM).drawing(tensor_spec("orthogonal", (4, 4), stream=STREAM, dtype="bfloat16").call)


def test_every_logarithm_sine_and_cosine_that_a_normal_can_ask_for_is_that_of_glibc():
    digests = [hashlib.sha256() for _ in OF_GLIBC]
    for start in range(0, 2**23, 2**15):
        units = np.arange(start, start + 2**15, dtype=np.float64) / 2**23
        logs = glibc.logf(np.maximum(units.astype(np.float32), np.float32(1e-7)))
        sines, cosines = glibc.sincosf((2 * math.pi * units).astype(np.float32))
        for digest, values in zip(digests, (logs, sines, cosines), strict=True):
            digest.update(values.tobytes())
    assert tuple(digest.hexdigest() for digest in digests) == OF_GLIBC
