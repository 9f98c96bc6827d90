"""What golden files do not show of torch's stream: pieces, threads, generators that tensors share, memory, refusals."""

import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from initgen.core.dtypes import DTYPES
from initgen.core.errors import BadParameter
from initgen.specs.tensor import tensor_spec
from initgen.streams import rounding
from initgen.streams.dialects import aten, cephes, dialect_of, mersenne
from initgen.streams.dialects.fused import fma32
from initgen.streams.dialects.mersenne import Words

FLOAT32 = DTYPES["float32"]
TAIL = "trunc_normal:a=1,b=3"
SCHEMES = ("random_uniform", "random_normal:mean=0.2", "trunc_normal:b=1.5", TAIL)


def drawing(scheme, shape, stream="torch", **options):
    return dialect_of(stream).drawing(tensor_spec(scheme, shape, stream=stream, **options).call)


def drawn(made, start, count, dtype="float32"):
    out = rounding.empty(count, DTYPES[dtype])
    made.fill(start, out)
    return out


def values(filling):
    return filling.values(0, filling.count).tolist()


def test_words_are_those_of_the_c_plus_plus_standard():
    # ISO C++, rand.predef: the 10000th word of a default mt19937, whose seed is 5489.
    assert Words(5489).singles(9999, 1).tolist() == [4123659995]
    assert Words(5489 + 2**32).singles(0, 2).tolist() == [3499211612, 581869302]


def test_words_are_the_same_from_wherever_they_are_asked_for():
    whole = np.random.RandomState(7).randint(0, 2**32, 200_000, np.uint32)
    words, rng = Words(7), random.Random(1)
    for _ in range(60):
        at, count, track = rng.randrange(190_000), rng.choice((0, 1, 2, 7, 5000)), rng.randrange(3)
        assert np.array_equal(words.singles(at, count, track), whole[at : at + count])
        pairs = words.pairs(at, count // 2, track)
        assert np.array_equal(pairs >> np.uint64(32), whole[at : at + count // 2 * 2 : 2])
        assert np.array_equal(pairs.astype(np.uint32), whole[at + 1 : at + count // 2 * 2 : 2])


def test_a_stream_that_goes_forward_draws_each_word_once(monkeypatch):
    counts = []
    plain = mersenne._pairs
    monkeypatch.setattr(mersenne, "_pairs", lambda count: counts.append(2 * count) or plain(count))
    uniform = drawing("random_uniform", (1 << 19,), seed=3)
    for start in range(0, 1 << 19, 1 << 17):
        drawn(uniform, start, 1 << 16)
        drawn(drawing("random_uniform", (100,), seed=4), 0, 100)  # another stream on the same generator
    assert sum(counts) <= (1 << 19) + 1000


def test_what_was_rejected_is_drawn_again_without_going_back(monkeypatch):
    counts = []
    plain = mersenne._pairs
    monkeypatch.setattr(mersenne, "_pairs", lambda count: counts.append(2 * count) or plain(count))
    monkeypatch.setattr(aten._Redrawn, "block", 1 << 16)
    count = 1 << 19
    made = drawing("trunc_normal:b=1.5", (count,), seed=3)
    out = np.empty(1 << 16, np.float32)
    for start in range(0, count, out.size):
        made.fill(start, out)
    passes = made.end[0] // count
    # On the way to where each pass begins, through each pass, and again for the end.
    assert sum(counts) < 2 * (passes * count + 2 * passes * count)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(
    ("stream", "scheme"),
    [
        *(("torch", scheme) for scheme in SCHEMES),
        ("keras-torch", "random_uniform"),
        ("keras-torch", "truncated_normal"),
    ],
)
def test_pieces_and_threads_change_no_byte(stream, scheme, dtype, monkeypatch):
    monkeypatch.setattr(aten._Redrawn, "block", 1 << 9)
    monkeypatch.setattr(aten, "_BLOCK", 1 << 8)
    count = 2_003
    made = drawing(scheme, (count, 1), stream, dtype=dtype, seed=11)
    whole = drawn(made, 0, count, dtype)
    rng = random.Random(1)
    cuts = sorted({0, count, 1, 16, count - 1, count - 15, count - 17, *(rng.randrange(count) for _ in range(9))})
    pieces = list(pairwise(cuts))
    for order in (pieces, rng.sample(pieces, len(pieces))):
        again = np.empty_like(whole)
        for start, end in order:
            again[start:end] = drawn(made, start, end - start, dtype)
        assert np.array_equal(again, whole)
    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(lambda piece: drawn(made, piece[0], piece[1] - piece[0], dtype), pieces))
    assert np.array_equal(np.concatenate(parts), whole)


def test_the_second_normal_of_a_pair_waits_for_the_next_short_tensor():
    generator = aten.Generator(Words(5))
    nine = values(aten.Normal(generator, 9, FLOAT32, 0.0, 1.0))
    five = aten.Normal(generator, 5, FLOAT32, 0.0, 1.0)
    between = aten.Normal(five.after, 20, FLOAT32, 0.0, 1.0)  # no short one: it neither takes nor clears the pair
    rest = aten.Normal(between.after._replace(position=five.after.position), 4, FLOAT32, 0.0, 1.0)
    assert values(five) + values(rest) == nine
    assert rest.after.spare > 0
    assert aten.Normal(between.after, 1, FLOAT32, 0.0, 1.0).after == between.after._replace(spare=0)
    assert aten.Normal(between.after, 0, FLOAT32, 0.0, 1.0).after == between.after


@pytest.mark.parametrize("count", [5, 16, 1500])
@pytest.mark.parametrize("scheme", ["trunc_normal:b=1.5", TAIL])
def test_what_follows_a_truncated_normal_begins_after_all_its_passes(count, scheme, monkeypatch):
    monkeypatch.setattr(aten._Redrawn, "block", 1 << 9)
    calls = [tensor_spec(scheme, (count,), stream="torch", seed=9).call] * 2
    first, second = dialect_of("torch").in_series(calls)
    filling = dialect_of("torch").drawing(first)._filling
    passes = next(p for p in range(1, 999) if filling._begin(p)[1:3] == second.place)
    rejected = np.ones(count, bool)
    for number in range(passes):
        assert rejected.any()
        rejected &= filling._pass(number, 0, count, np.arange(count))[1]
    assert not rejected.any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_memory_does_not_grow_with_the_tensor(scheme, monkeypatch):
    monkeypatch.setattr(aten._Redrawn, "block", 1 << 12)
    monkeypatch.setattr(mersenne, "_SKIP", 1 << 10)

    def peak(count):
        made = drawing(scheme, (count,), seed=1)
        out = np.empty(1 << 12, np.float32)
        tracemalloc.start()
        for start in range(0, count, 1 << 13):
            made.fill(start, out)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1 << 12)
    assert peak(1 << 16) < 1.5 * peak(1 << 14)


@pytest.mark.parametrize("scheme", SCHEMES[:3])
def test_one_call_for_all_elements_takes_no_more_memory_than_they_take(scheme):
    def peak(count):
        made = drawing(scheme, (count,), seed=1)
        out = np.empty(count, np.float32)
        tracemalloc.start()
        made.fill(0, out)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(1 << 20) < 1.5 * peak(1 << 18)


def exact_log(x):
    bits = x.view(np.int32)
    mantissa = ((bits & 0x7FFFFF) | 0x3F000000).view(np.float32)
    low = mantissa < np.float32(0.707106781186547524)
    e = ((bits >> 23) - 126 - low).astype(np.float32)
    t = np.where(low, (mantissa - np.float32(1)) + mantissa, mantissa - np.float32(1))
    z, y = t * t, np.full_like(t, cephes._LOG[0])
    for term in cephes._LOG[1:]:
        y = fma32(y, t, np.float32(term))
    y = fma32(y * t, z, e * np.float32(-2.12194440e-4)) - z * np.float32(0.5)
    return fma32(e, np.float32(0.693359375), t + y)


def exact_sincos(x):
    j = ((x * np.float32(1.27323954473516)).astype(np.int32) + 1) & ~1
    for part in cephes._PI_4:
        x = fma32(j.astype(np.float32), np.float32(part), x)
    z = x * x
    cos, sin = (np.full_like(z, terms[0]) for terms in (cephes._COS, cephes._SIN))
    for at in (1, 2):
        cos, sin = fma32(cos, z, np.float32(cephes._COS[at])), fma32(sin, z, np.float32(cephes._SIN[at]))
    cos = fma32(cos * z, z, z * np.float32(-0.5)) + np.float32(1)
    sin = fma32(sin * z, x, x)
    sin, cos = np.where(j & 2, cos, sin), np.where(j & 2, sin, cos)
    return np.where(j & 4, -sin, sin), np.where(~(j - 2) & 4, -cos, cos)


def wrong_of(numbers):
    """How many of these of the 2^24 arguments give a logarithm, sine or cosine that is not that of fused multiply-adds."""
    u = numbers.astype(np.float32) * np.float32(2.0**-24)
    angle = u * np.float32(2 * np.pi)
    got = cephes.log(np.float32(1) - u), *cephes.sincos(angle)
    wanted = exact_log(np.float32(1) - u), *exact_sincos(angle)
    return sum(np.count_nonzero(a.view(np.int32) != b.view(np.int32)) for a, b in zip(got, wanted, strict=True))


def test_logarithms_sines_and_cosines_are_those_of_fused_multiply_adds():
    # Of three angles the sum of the third part of pi, too, is another where its product is rounded.
    assert wrong_of(np.append(np.arange(0, 1 << 24, 97), [12582909, 12582912, 12582913])) == 0


@pytest.mark.slow
def test_all_arguments_that_torch_gives_them_do_as_well():
    assert sum(wrong_of(np.arange(at, at + (1 << 20))) for at in range(0, 1 << 24, 1 << 20)) == 0


@pytest.mark.parametrize("seed", [-(2**63) - 1, 2**64])
def test_seeds_that_torch_refuses_are_refused_with_its_rule(seed):
    with pytest.raises(BadParameter) as refused:
        dialect_of("torch").check_seed(seed)
    assert str(seed) in refused.value.message
    assert "-2^63 to 2^64 - 1" in refused.value.hint
    for taken in (-(2**63), 2**64 - 1):
        dialect_of("torch").check_seed(taken)
    dialect_of("keras-torch").check_seed(seed)


@pytest.mark.parametrize(
    ("stream", "scheme", "shape", "options", "words"),
    [
        ("torch", "delta_orthogonal", (3, 3, 4, 8), {}, "does not draw delta_orthogonal"),
        ("torch", "orthogonal", (4, 4), {"dtype": "bfloat16"}, "no orthogonal_ in bfloat16"),
        ("torch", "random_uniform:minval=-4e4,maxval=4e4", (4,), {"dtype": "float16"}, "in float16"),
        ("torch", "random_uniform", (4,), {"dtype": "float8_e5m2"}, "draws no float8_e5m2"),
        ("keras-torch", "orthogonal", (4, 4), {"dtype": "float16"}, "no orthogonal float16"),
        ("keras-torch", "truncated_normal:upper=3", (4,), {}, "cut at"),
    ],
)
def test_what_the_framework_cannot_draw_is_refused(stream, scheme, shape, options, words):
    with pytest.raises(BadParameter, match=words):
        drawing(scheme, shape, stream, **options)


def test_an_empty_tensor_takes_nothing_from_the_generator():
    for scheme in SCHEMES:
        made = drawing(scheme, (0,), seed=2)
        assert drawn(made, 0, 0).size == 0
        assert made.end == (0, 0)
