"""The law as it is stored: every value of a narrow dtype with its probability, held against a dense grid of quantiles."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from initgen.checks.cells import cells_for, cells_of
from initgen.core.dtypes import DTYPES
from initgen.laws import Normal, TruncatedNormal, Uniform

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


@pytest.mark.parametrize("dtype", NARROW)
def test_bounds_are_what_rounding_can_make_of_the_exact_ones(dtype):
    dtype = DTYPES[dtype]
    for name in ("uniform", "truncated"):
        low, high = LAWS[name][0].support
        for held in (True, False):
            cells = cells_of(LAWS[name][0], dtype, held)
            # JAX rounds the bound before it rounds the value: two roundings in narrow dtypes, one in wide ones.
            past = 2.0**-dtype.digits if dtype.itemsize <= 2 else 0.0
            assert cells.low == float(np.float64(low - past * abs(low)).astype(dtype.numpy))
            assert cells.high == float(np.float64(high + past * abs(high)).astype(dtype.numpy))
            inside = dtype.above(low) <= cells.values[0] and cells.values[-1] <= dtype.below(high)
            assert inside or not held


@pytest.mark.parametrize("dtype", NARROW)
def test_the_outermost_values_tell_how_a_tensor_was_rounded(dtype):
    dtype = DTYPES[dtype]
    law = Uniform(-0.2449, 0.2449)
    inside, past = dtype.below(0.2449), dtype.nearest(0.2449)
    for high in {inside, past}:
        chosen, wanted = cells_for(law, dtype, -inside, high), cells_of(law, dtype, high == inside)
        np.testing.assert_array_equal(chosen.weights, wanted.weights)
        assert chosen.values[-1] == high
