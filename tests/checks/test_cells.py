"""The law as it is stored: every value of a narrow dtype with its probability, held against a dense grid of quantiles."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from initgen.checks.cells import cells_for, cells_of, grid
from initgen.core.dtypes import DTYPES
from initgen.laws import Normal, TruncatedNormal, Uniform
from initgen.streams.native import Draw

LAWS = {
    "uniform": (Uniform(-0.2449, 0.2449), scipy.stats.uniform(-0.2449, 0.4898)),
    "uniform from 0": (Uniform(0.0, 0.01), scipy.stats.uniform(0, 0.01)),
    "uniform, one sign": (Uniform(1.3, 1.9), scipy.stats.uniform(1.3, 0.6)),
    "normal": (Normal(0.0, 0.02), scipy.stats.norm(0, 0.02)),
    "normal, off centre": (Normal(1.0, 0.5), scipy.stats.norm(1, 0.5)),
    "truncated": (TruncatedNormal(0.0, 0.1, -0.2, 0.2), scipy.stats.truncnorm(-2, 2, 0, 0.1)),
    "truncated, one tail": (TruncatedNormal(0.0, 1.0, 1.0, 3.0), scipy.stats.truncnorm(1, 3)),
}
NARROW = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
POINTS = 1_000_000
QUANTILES = {name: theirs.ppf((np.arange(POINTS) + 0.5) / POINTS) for name, (_, theirs) in LAWS.items()}


def stored(name, dtype, held):
    """The law's quantiles as they are stored, by ml_dtypes' own rounding."""
    law = LAWS[name][0]
    with np.errstate(under="ignore"):
        values = QUANTILES[name].astype(dtype.numpy)
    if held:
        low, high = law.support
        least, most = dtype.above(low), dtype.below(high)
        values = np.clip(values.astype(np.float64), least, most).astype(dtype.numpy)
    return values


CASES = list(itertools.product(LAWS, NARROW, [True, False]))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype", "held"), CASES)
def test_moments_are_those_of_the_stored_values(name, dtype, held):
    dtype = DTYPES[dtype]
    law = LAWS[name][0]
    cells = cells_of(law, dtype, held)
    values = stored(name, dtype, held).astype(np.float64)
    assert math.fsum(cells.weights) == pytest.approx(1, abs=1e-12)
    assert (cells.weights > 0).all()
    assert (np.diff(cells.values) > 0).all()
    # A million quantiles leave out what lies in the last half of a millionth, at either end.
    assert cells.mean == pytest.approx(values.mean(), abs=3e-5 * law.std)
    assert cells.variance == pytest.approx(values.var(), rel=1e-4)
    centred = values - values.mean()
    assert cells.kurtosis == pytest.approx((centred**4).mean() / values.var() ** 2, rel=1e-3)


@pytest.mark.parametrize(("name", "dtype", "held"), CASES)
def test_the_stored_law_is_at_no_distance_from_its_own_values(name, dtype, held):
    """A quantile grid is nearer to its law than half of one of its steps; a wrong cell end would show at once."""
    dtype = DTYPES[dtype]
    cells = cells_of(LAWS[name][0], dtype, held)
    codes = stored(name, dtype, held).view(f"u{dtype.itemsize}")
    counts = np.bincount(codes, minlength=256**dtype.itemsize)
    assert cells.distance(counts) < 2 / POINTS


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wide_dtypes_have_the_laws_own_moments_and_distance(name, dtype):
    law = LAWS[name][0]
    cells = cells_of(law, DTYPES[dtype])
    assert (cells.mean, cells.variance, cells.kurtosis) == (law.mean, law.variance, law.kurtosis)
    assert math.fsum(cells.weights) == pytest.approx(1, abs=1e-12)
    # What Chernoff's bound sees are the middles of the cells: near enough to the values themselves.
    assert float(cells.weights @ cells.values) == pytest.approx(law.mean, abs=1e-4 * law.std)
    assert float(cells.weights @ (cells.values - law.mean) ** 2) == pytest.approx(law.variance, rel=1e-3)
    codes = QUANTILES[name].astype("<f4").view("<u4") >> 16
    assert cells.distance(np.bincount(codes, minlength=1 << 16)) < 2 / POINTS


@pytest.mark.parametrize(("name", "dtype"), list(itertools.product(LAWS, NARROW)))
def test_another_law_is_at_a_distance(name, dtype):
    dtype = DTYPES[dtype]
    law, _ = LAWS[name]
    shifted = type(law)(*(value + 0.3 * law.std * (field in (0, 2, 3)) for field, value in enumerate(vars_of(law))))
    counts = np.bincount(stored(name, dtype, False).view(f"u{dtype.itemsize}"), minlength=256**dtype.itemsize)
    assert cells_of(shifted, dtype, False).distance(counts) > 0.02


def vars_of(law):
    return [getattr(law, name) for name in law.__dataclass_fields__]


@pytest.mark.parametrize(("name", "dtype"), list(itertools.product(["uniform", "truncated"], NARROW)))
def test_bounds_are_the_outermost_values_and_no_further(name, dtype):
    dtype = DTYPES[dtype]
    low, high = LAWS[name][0].support
    held, rounded = (cells_of(LAWS[name][0], dtype, held) for held in (True, False))
    assert (held.low, held.high) == (dtype.above(low), dtype.below(high))
    nearest = np.array([low, high]).astype(dtype.numpy).astype(np.float64)
    assert (rounded.low, rounded.high) == tuple(nearest)
    for cells in (held, rounded):
        assert (cells.low, cells.high) == (cells.values[0], cells.values[-1])


@pytest.mark.parametrize("dtype", NARROW)
def test_a_bound_just_below_the_middle_of_two_values_may_be_rounded_up_by_way_of_float32(dtype):
    dtype = DTYPES[dtype]
    odd = 1 + 2.0 ** (1 - dtype.digits)
    high = (1 + 3 * 2.0**-dtype.digits) * (1 - 2.0**-30)
    assert dtype.nearest(high) == odd
    above = float(np.float32(high).astype(dtype.numpy))
    assert above > odd
    assert cells_of(Uniform(-high, high), dtype, held=False).high == above
    assert cells_of(Uniform(-high, high), dtype, held=True).high == odd


@pytest.mark.parametrize(("name", "dtype"), list(itertools.product(LAWS, NARROW)))
def test_the_cdf_is_scipys_where_rounding_turns(name, dtype):
    """Between each value and its neighbour, taken by ml_dtypes."""
    dtype = DTYPES[dtype]
    law, theirs = LAWS[name]
    cells = cells_of(law, dtype, held=False)
    stored = cells.order[cells.ends].astype(f"u{dtype.itemsize}").view(dtype.numpy)
    with np.errstate(over="ignore"):
        above = np.nextafter(stored, dtype.numpy.type(dtype.largest)).astype(np.float64)
    value = stored.astype(np.float64)
    keep = (value < cells.high) & (value > cells.low) & (value != 0)
    middles = (value + above) / 2
    np.testing.assert_allclose(cells.below[keep], theirs.cdf(middles)[keep], rtol=0, atol=4e-15)


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("std", [1.0, 0.02, 1e-4, 1e-6])
def test_zeros_have_the_probability_of_what_is_rounded_to_them(std, dtype):
    """With what a uniform law of float32 adds: 2^-22."""
    dtype = DTYPES[dtype]
    if std < dtype.smallest:
        return
    half = dtype.smallest / 2
    for law, theirs in (
        (Normal(0.0, std), scipy.stats.norm(0, std)),
        (Uniform(-std, std), scipy.stats.uniform(-std, 2 * std)),
        (Uniform(0.0, std), scipy.stats.uniform(0, std)),
    ):
        wanted = theirs.cdf(half) - theirs.cdf(-half)
        for held in (True, False):
            assert cells_of(law, dtype, held).zero == pytest.approx(min(1.0, wanted + 2.0**-22), rel=1e-9)
    assert cells_of(Uniform(std, 2 * std), dtype).zero == 0


def test_wide_dtypes_have_the_few_zeros_of_a_coarse_uniform_law():
    assert cells_of(Normal(0.0, 1.0), DTYPES["float32"]).zero == 2.0**-22
    # float32 draws with 23 random bits, as JAX makes them, are 0 with this probability:
    assert np.mean(np.arange(1 << 23) * np.float32(2.0**-22) == 1) < 2.0**-22


@pytest.mark.slow
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", ["uniform", "normal", "truncated"])
def test_the_words_of_the_native_stream_make_the_stored_law(name, dtype):
    """What the stream's words are off by, double rounding included, a billion values cannot show.

    For those D sqrt(n) and the errors of mean and variance, in standard errors, are under 0.01. Of the 2^32 words every
    32nd is drawn here; all of them, which take ten minutes, gave no more.
    """
    dtype = DTYPES[dtype]
    cells = cells_of(LAWS[name][0], dtype)
    draw = Draw(LAWS[name][0], dtype, 1 << 27)
    counts = np.zeros(256**dtype.itemsize, np.int64)
    block = 1 << 19
    for start in range(0, 1 << 27, block):
        counts += np.bincount(draw(EvenWords(), start, block).view(f"u{dtype.itemsize}"), minlength=counts.size)
    assert cells.distance(counts) < 2e-7
    order, values, _ = grid(dtype.name)
    share = counts[order] / 2**27
    values, share = values[share > 0], share[share > 0]
    assert abs(math.fsum(share * values) - cells.mean) < 1e-7 * math.sqrt(cells.variance)
    assert math.fsum(share * (values - cells.mean) ** 2) == pytest.approx(cells.variance, rel=3e-7)
    assert cells.low <= values[0]
    assert values[-1] <= cells.high


class EvenWords:
    """Words at even distances, in place of a random stream."""

    def blocks32(self, start, count, size):
        for at in range(start, start + count, size):
            yield np.arange(at, min(at + size, start + count), dtype=np.uint32) * np.uint32(32) + np.uint32(16)


@pytest.mark.parametrize("dtype", NARROW)
def test_the_outermost_values_tell_how_a_tensor_was_rounded(dtype):
    dtype = DTYPES[dtype]
    law = Uniform(-0.2449, 0.2449)
    inside, past = dtype.below(0.2449), dtype.nearest(0.2449)
    for high in {inside, past}:
        chosen, wanted = cells_for(law, dtype, -inside, high), cells_of(law, dtype, high == inside)
        np.testing.assert_array_equal(chosen.weights, wanted.weights)
        assert chosen.values[-1] == high
