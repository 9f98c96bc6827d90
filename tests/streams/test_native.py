"""The native stream: each value against the contract written once more, any slice, and the accuracy of the draws."""

import math
import runpy
import struct
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from scipy import special, stats

from initgen.core.dtypes import DTYPES, FLOATS
from initgen.core.errors import BadParameter
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.streams.bits import Words
from initgen.streams.native import Draw

reference = runpy.run_path(str(Path(__file__).with_name("reference.py")))

# The same law for the library and for the reference.
LAWS = [
    ("uniform", -0.24494897427831783, 0.24494897427831783),
    ("uniform", 0.0, 0.3),
    ("uniform", -0.7, 0.2),
    ("normal", 0.0, 0.02),
    ("normal", 0.3, 1.7),
    ("truncated", 0.0, 0.16, -0.32, 0.32),
    ("truncated", 0.1, 0.5, -0.3, 2.0),
    ("truncated", -1.0, 0.5, 0.5, 2.0),
    ("truncated", 1.0, 0.5, -4.0, -0.5),
    ("truncated", 0.0, 1.0, 0.0, math.inf),
    ("constant", 0.1),
    ("constant", -0.1),
]
KINDS = {"uniform": Uniform, "normal": Normal, "truncated": TruncatedNormal, "constant": Constant}
FEW, MANY, MOST = 1, 10**6, 10**7  # how large the whole tensor is: it chooses a way of computing


def law_of(law):
    return KINDS[law[0]](*law[1:])


def floats(values, dtype):
    """Stored values as float64."""
    return (values.view(ml_dtypes.bfloat16) if dtype == "bfloat16" else values).astype(np.float64)


def stored(values, dtype):
    """Bytes of values that the dtype holds exactly."""
    if dtype in ("float64", "float32", "float16"):
        return struct.pack(f"<{len(values)}{ {'float64': 'd', 'float32': 'f', 'float16': 'e'}[dtype] }", *values)
    if dtype == "bfloat16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return np.array(values).astype(getattr(ml_dtypes, dtype)).tobytes()


class Chosen:
    """Words of our choice in place of a stream's."""

    def __init__(self, words):
        self.words = words

    def blocks32(self, start, count, size):
        for at in range(start, start + count, size):
            yield self.words[at : min(at + size, start + count)].astype(np.int32).view(np.uint32)

    def blocks64(self, start, count, size):
        for at in range(start, start + count, size):
            yield self.words[at : min(at + size, start + count)].astype(np.int64)


def values_at(law, dtype, words, whole=MANY):
    words = np.array(words, np.int64)
    return Draw(law, DTYPES[dtype], whole)(Chosen(words), 0, words.size)


def mixed_words(bits):
    """Both ends, the borders of the outermost segments, and what lies between, evenly over their logarithms."""
    ends = [2**k - 1 - d for k in range(8, bits) for d in (0, 1)] + [
        2 ** (bits - 1) - 1 - 2**k for k in range(bits - 1)
    ]
    border = 2 ** (bits - 1) - 128 * 2 ** (bits - 16)
    ends += [border - 1, border, 0, 1, 9598, 55937, 65535, 65536]
    return [word for end in ends for word in (end, ~end)]


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_every_value_is_the_one_the_contract_gives(law, dtype):
    for start in (0, 2**35 + 1):
        expected = [reference["value"](law, dtype, 11, "a/b", start + i) for i in range(150)]
        for whole in (FEW, MANY, MOST):
            drawn = Draw(law_of(law), DTYPES[dtype], whole)(Words(11, "a/b"), start, 150)
            assert drawn.tobytes() == stored(expected, dtype)


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_every_kind_of_word_has_the_value_the_contract_gives(law, dtype, monkeypatch):
    words = mixed_words(DTYPES[dtype].word)
    monkeypatch.setitem(reference["value"].__globals__, "word", lambda seed, name, index, bits: words[index])
    expected = [reference["value"](law, dtype, 0, "", i) for i in range(len(words))]
    for whole in (FEW, MANY, MOST):
        assert values_at(law_of(law), dtype, words, whole).tobytes() == stored(expected, dtype)


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS if dtype.itemsize < 4])
@pytest.mark.parametrize("law", [law for law in LAWS if law[0] != "constant"], ids=str)
def test_the_table_of_a_narrow_dtype_has_what_its_lines_give(law, dtype):
    rng = np.random.default_rng(6)
    segments = np.arange(-(2**15), 2**15)[:, None] << 16
    words = (segments + np.append(rng.integers(0, 2**16, 6), [0, 2**16 - 1])).ravel()
    by_table, by_lines = (values_at(law_of(law), dtype, words, whole) for whole in (MOST, MANY))
    assert by_table.tobytes() == by_lines.tobytes()
    # The words around each change from one value to the next, which the table has to know to the word.
    bits = by_lines.view(f"u{by_lines.itemsize}")
    low = words[:-1][bits[1:] != bits[:-1]][:20_000]
    high = words[1:][bits[1:] != bits[:-1]][:20_000]
    while (high - low > 1).any():
        middle = (low + high) // 2
        same = values_at(law_of(law), dtype, middle).view(bits.dtype) == values_at(law_of(law), dtype, low).view(
            bits.dtype
        )
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    around = np.concatenate([low, high])
    assert values_at(law_of(law), dtype, around, MOST).tobytes() == values_at(law_of(law), dtype, around).tobytes()


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_any_slice_is_that_of_the_whole(law, dtype):
    words, count = Words(5, "w"), 70_001
    whole = Draw(law_of(law), DTYPES[dtype], count)(words, 0, count)
    for start, size in ((0, 1), (1, 1), (1, 4097), (32_767, 2), (65_535, 3), (70_000, 1), (12_345, 0), (3, 69_990)):
        for way in (FEW, MANY, MOST):
            part = Draw(law_of(law), DTYPES[dtype], way)(words, start, size)
            assert part.tobytes() == whole[start : start + size].tobytes()


def _probabilities(words, bits):
    """The probability of a word from its nearer end, exactly enough, and whether that is the upper one."""
    words = [int(word) for word in words]
    before = [2 ** (bits - 1) - 1 - word if word >= 0 else word + 2 ** (bits - 1) for word in words]
    return np.array([float(Fraction(2 * b + 1, 2 ** (bits + 1))) for b in before]), np.array([w >= 0 for w in words])


def _normal(tail, upper):
    z = special.ndtri(tail)
    return np.where(upper, -z, z)


def _truncated(a, b):
    def quantile(tail, upper):
        # scipy's isf is ppf(1 - tail), which loses digits; ppf of the mirrored law does not.
        return np.where(upper, -stats.truncnorm.ppf(tail, -b, -a), stats.truncnorm.ppf(tail, a, b))

    return quantile


@pytest.mark.parametrize(
    ("law", "quantile"),
    [(Normal(0.0, 1.0), _normal), (TruncatedNormal(0.0, 1.0, -2.0, 2.0), _truncated(-2, 2))],
    ids=["normal", "truncated"],
)
@pytest.mark.parametrize(("dtype", "absolute", "relative"), [("float32", 3e-7, 1e-6), ("float64", 1e-14, 1e-14)])
def test_normals_are_accurate_from_the_centre_to_the_last_word(law, quantile, dtype, absolute, relative):
    bits = DTYPES[dtype].word
    rng = np.random.default_rng(2)
    words = mixed_words(bits) + rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), 60_000).tolist()
    if dtype == "float32":  # the ends and the middle of every segment, where a line is worst
        words += [(segment << 16) + low for segment in range(-(2**15), 2**15) for low in (0, 32768, 65535)]
    drawn = values_at(law, dtype, words).astype(np.float64)
    exact = quantile(*_probabilities(words, bits))
    error = np.abs(drawn - exact)
    inner = np.abs(exact) < 1
    assert error[inner].max() < absolute
    assert (error[~inner] / np.abs(exact[~inner])).max() < relative


def test_the_last_words_of_a_normal_are_the_ends_of_its_tails():
    for dtype, bits in (("float32", 32), ("float64", 64)):
        low, high = values_at(Normal(0.0, 1.0), dtype, [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]).tolist()
        assert low == -high
        assert high == pytest.approx(-special.ndtri(2.0 ** -(bits + 1)), rel=1e-7, abs=0)


# Bounds that fall between two values of the narrow dtypes, and an end that plain rounding would step over.
BOUNDED = [
    Uniform(-0.10825317547305482, 0.10825317547305482),
    Uniform(0.0, 0.3),
    Uniform(-0.7, 0.2),
    TruncatedNormal(0.0, 0.16, -0.32, 0.32),
    TruncatedNormal(0.1, 0.5, -0.3, 2.01),
]


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize("law", BOUNDED, ids=str)
def test_no_stored_value_exceeds_the_exact_bound(law, dtype):
    low, high = law.support  # float64, like the exact values of every dtype: the comparison is exact
    bits = DTYPES[dtype].word
    rng = np.random.default_rng(3)
    outer = 2 ** (bits - 1) - 1 - rng.integers(0, 2 ** (bits - 9), 200_000)
    values = floats(values_at(law, dtype, np.concatenate([outer, ~outer, mixed_words(bits)])), dtype)
    assert low <= values.min()
    assert values.max() <= high
    # The outermost values do occur (0 aside, where the grid is finer than the words): no narrower law holds the bound.
    if DTYPES[dtype].itemsize < 4:
        assert values.max() == DTYPES[dtype].below(high)
        assert low == 0 or values.min() == DTYPES[dtype].above(low)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_millions_of_drawn_values_stay_inside(dtype):
    law, count = BOUNDED[0], 2_000_000
    values = floats(Draw(law, DTYPES[dtype], count)(Words(0, ""), 0, count), dtype)
    assert np.abs(values).max() == DTYPES[dtype].below(law.high)


REFUSED = [
    (Constant(1e39), "float32"),
    (Constant(500.0), "float8_e4m3fn"),
    (Constant(-1e-12), "float16"),
    (Normal(0.0, 1e38), "float32"),
    (Normal(0.0, 100.0), "float8_e4m3fn"),
    (Uniform(-1e5, 1e5), "float16"),
    (Uniform(-1e-9, 1e-9), "float16"),
    (Uniform(1.0001, 1.0002), "bfloat16"),
    (Uniform(-3e38, 2e38), "float32"),
]


@pytest.mark.parametrize(("law", "dtype"), REFUSED, ids=str)
def test_a_dtype_that_cannot_hold_a_law_is_refused(law, dtype):
    with pytest.raises(BadParameter, match=dtype):
        Draw(law, DTYPES[dtype], 10)


def test_a_width_that_float64_cannot_hold_is_refused():
    with pytest.raises(BadParameter):
        Draw(Uniform(-1.7e308, 1.6e308), DTYPES["float64"], 10)


# The largest laws that fit: symmetric ones whose width is beyond the dtype's largest value, too.
ALLOWED = [
    (Uniform(-60000.0, 60000.0), "float16"),
    (Uniform(-448.0, 448.0), "float8_e4m3fn"),
    (Normal(0.0, 70.0), "float8_e4m3fn"),
    (Uniform(-3.3e38, 3.3e38), "float32"),
]


@pytest.mark.parametrize(("law", "dtype"), ALLOWED, ids=str)
def test_a_law_that_just_fits_is_drawn_finite(law, dtype):
    values = values_at(law, dtype, mixed_words(DTYPES[dtype].word)).astype(np.float64)
    assert np.isfinite(values).all()
    assert np.abs(values).max() > 0.9 * DTYPES[dtype].largest
