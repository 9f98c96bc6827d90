"""Laws against scipy.stats: moments, support, cdf and quantile."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from initgen.core.errors import BadParameter
from initgen.laws import Constant, Law, Normal, TruncatedNormal, Uniform


@dataclass(frozen=True)
class Case:
    law: Law
    oracle: Any  # the frozen scipy distribution
    mirror: Any  # that of -x: scipy's isf is ppf(1 - p), which loses the digits of a small p
    rel: float = 1e-12  # of moments, cdf and quantiles

    def __str__(self):
        return str(self.law)


def _truncated(center, scale, low, high, rel=1e-12):
    a, b = (low - center) / scale, (high - center) / scale
    oracle, mirror = stats.truncnorm(a, b, center, scale), stats.truncnorm(-b, -a, -center, scale)
    return Case(TruncatedNormal(center, scale, low, high), oracle, mirror, rel)


def _uniform(low, high):
    return Case(Uniform(low, high), stats.uniform(low, high - low), stats.uniform(-high, high - low))


def _normal(center, scale):
    return Case(Normal(center, scale), stats.norm(center, scale), stats.norm(-center, scale))


CASES = [
    _uniform(-0.25, 0.25),
    _uniform(0.0, 0.01),
    _uniform(-3.0, 7.5),
    _normal(0.0, 0.02),
    _normal(-5.0, 3.0),
    _truncated(0.0, 1.0, -2.0, 2.0),
    _truncated(0.0, 0.02, -0.04, 0.04),
    _truncated(0.1, 0.5, -0.3, 2.0),
    _truncated(0.0, 1.0, 0.0, math.inf),
    _truncated(2.0, 1.0, -math.inf, 1.0),
    _truncated(0.0, 0.02, -2.0, 2.0),  # cut at 100 std: not cut
]
# Where scipy's closed forms lose digits (up to 1e-6 of the kurtosis), the moments come from quadrature.
HARD = [
    _truncated(0.0, 1.0, 5.0, 7.0),
    _truncated(0.0, 1.0, 30.0, 31.0),
    _truncated(0.0, 1.0, -36.0, -30.0),
    _truncated(0.0, 1.0, 20.0, math.inf),
    _truncated(0.0, 1.0, 1.0, 1.001, rel=1e-9),
    _truncated(0.0, 1.0, -1e-4, 2e-4, rel=1e-9),
]
ids = {"ids": str}


def _moments(law):
    """Mean, variance and kurtosis by adaptive quadrature from the bound that is nearer to the mode."""
    a, b = law.support
    start = max(a, -40.0) if abs(a) < abs(b) else min(b, 40.0)
    end = min(b, start + 12) if start == a else max(a, start - 12)
    low, high = min(start, end), max(start, end)

    def mean_of(f):
        options = {"epsabs": 0, "epsrel": 1e-13, "limit": 200}
        weigh = lambda x: math.exp((start - x) * (start + x) / 2)  # noqa: E731
        return (
            integrate.quad(lambda x: weigh(x) * f(x), low, high, **options)[0]
            / integrate.quad(weigh, low, high, **options)[0]
        )

    offset = mean_of(lambda x: x - start)
    variance = mean_of(lambda x: (x - start - offset) ** 2)
    return start + offset, variance, mean_of(lambda x: (x - start - offset) ** 4) / variance**2


@pytest.mark.parametrize("case", CASES, **ids)
def test_moments_are_those_of_scipy(case):
    mean, variance, excess = (float(moment) for moment in case.oracle.stats(moments="mvk"))
    assert case.law.mean == pytest.approx(mean, rel=1e-9, abs=1e-12 * case.law.std)
    assert case.law.variance == pytest.approx(variance, rel=1e-9, abs=0)
    assert case.law.std == pytest.approx(math.sqrt(variance), rel=1e-9, abs=0)
    assert case.law.kurtosis == pytest.approx(excess + 3, rel=1e-7, abs=0)


@pytest.mark.parametrize("case", HARD, **ids)
def test_moments_of_narrow_and_far_windows_are_those_of_quadrature(case):
    mean, variance, kurtosis = _moments(case.law)
    assert case.law.mean == pytest.approx(mean, rel=1e-10, abs=0)
    # What a z-test of the variance could see at 10^12 values.
    assert case.law.variance == pytest.approx(variance, rel=1e-6, abs=0)
    assert case.law.kurtosis == pytest.approx(kurtosis, rel=1e-6, abs=0)


def test_the_moments_of_a_normal_cut_at_two_std_are_the_known_ones():
    # std 0.87962566103423978: keras.initializers.VarianceScaling, jax.nn.initializers.variance_scaling.
    law = TruncatedNormal(0.0, 1.0, -2.0, 2.0)
    assert law.std == pytest.approx(0.87962566103423978, rel=1e-12, abs=0)
    assert law.variance == pytest.approx(0.77374130, abs=5e-9)
    assert law.kurtosis == pytest.approx(2.36554, abs=5e-6)
    assert law.mean == 0


@pytest.mark.parametrize("case", CASES + HARD, **ids)
def test_support_is_that_of_scipy(case):
    assert case.law.support == pytest.approx(case.oracle.support(), rel=1e-15, abs=0)


@pytest.mark.parametrize("case", CASES + HARD, **ids)
def test_the_cdf_is_that_of_scipy(case):
    low, high = case.oracle.ppf(1e-12), -case.mirror.ppf(1e-12)
    for x in np.linspace(low, high, 41).tolist():
        assert case.law.cdf(x) == pytest.approx(case.oracle.cdf(x), rel=0, abs=case.rel / 5)


@pytest.mark.parametrize("case", CASES + HARD, **ids)
def test_the_cdf_is_zero_and_one_beyond_the_bounds(case):
    low, high = case.law.support
    if math.isfinite(low):
        assert case.law.cdf(low - 1) == 0 == case.law.cdf(low)
    if math.isfinite(high):
        assert case.law.cdf(high) == 1 == case.law.cdf(high + 1)


@pytest.mark.parametrize("case", CASES + HARD, **ids)
def test_quantiles_are_those_of_scipy_from_both_ends(case):
    tails = np.array([0.5, 0.4, 0.1, 1e-2, 1e-4, 1e-6, 1e-9, 2.0**-33])
    lower = case.law.quantiles(tails, np.zeros(tails.size, bool))
    upper = case.law.quantiles(tails, np.ones(tails.size, bool))
    spread = case.law.std
    np.testing.assert_allclose(lower, case.oracle.ppf(tails), rtol=case.rel, atol=case.rel * spread)
    np.testing.assert_allclose(upper, -case.mirror.ppf(tails), rtol=case.rel, atol=case.rel * spread)


@pytest.mark.parametrize("case", CASES + HARD, **ids)
def test_quantile_inverts_the_cdf(case):
    for p in (0.001, 0.25, 0.5, 0.75, 0.999):
        assert case.law.cdf(case.law.quantile(p)) == pytest.approx(p, abs=1e-11 * case.rel / 1e-12)
    assert (case.law.quantile(0), case.law.quantile(1)) == case.law.support
    assert math.isnan(case.law.quantile(-0.1))
    assert math.isnan(case.law.quantile(1.1))


@pytest.mark.parametrize("case", CASES + HARD, **ids)
def test_the_standard_law_shifted_and_scaled_is_the_law(case):
    standard, shift, scale = case.law.standard()
    assert shift + scale * standard.mean == pytest.approx(case.law.mean, rel=1e-12, abs=1e-15)
    assert scale**2 * standard.variance == pytest.approx(case.law.variance, rel=1e-12, abs=0)
    assert standard.kurtosis == pytest.approx(case.law.kurtosis, rel=1e-12, abs=0)
    assert shift + scale * standard.quantile(0.3) == pytest.approx(case.law.quantile(0.3), rel=1e-12, abs=0)


def test_a_constant_is_its_value_with_certainty():
    law = Constant(-2.5)
    assert (law.mean, law.variance, law.std, law.support) == (-2.5, 0, 0, (-2.5, -2.5))
    assert [law.cdf(x) for x in (-3.0, -2.5, 0.0)] == [0, 1, 1]
    assert [law.quantile(p) for p in (0, 0.1, 0.9, 1)] == [-2.5] * 4
    assert law.kurtosis == 1  # Pearson 1916: kurtosis is at least skewness² + 1


def test_equal_parameters_make_equal_laws():
    assert TruncatedNormal(0.0, 1.0, -2.0, 2.0) == TruncatedNormal(0.0, 1.0, -2.0, 2.0)
    assert len({Uniform(0.0, 1.0), Uniform(0.0, 1.0), Normal(0.0, 1.0)}) == 2
    assert Constant(1.0) != Constant(2.0)


@pytest.mark.parametrize(("low", "high"), [(38.0, 40.0), (-40.0, -37.5)])
def test_a_window_beyond_every_float64_is_refused(low, high):
    with pytest.raises(BadParameter, match="std from the mean; the most is 37"):
        TruncatedNormal(0.0, 1.0, low, high)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1e-17), (0.0, 5e-324), (1.0, 1.0 + 2**-52)])
def test_a_window_too_narrow_for_its_probability_is_refused(low, high):
    with pytest.raises(BadParameter, match="std apart"):
        TruncatedNormal(0.0, 1.0, low, high)


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (Uniform(-0.25, 0.25), "uniform on ±0.25"),
        (Uniform(0.0, 0.01), "uniform on [0, 0.01]"),
        (Normal(0.0, 0.02), "normal, mean 0, std 0.02"),
        (TruncatedNormal(0.0, 0.5, -1.0, 1.0), "normal, mean 0, std 0.5, cut to [-1, 1] (-2 to 2 std)"),
        (Constant(0.5), "constant 0.5"),
    ],
)
def test_a_law_says_what_it_is(law, text):
    assert str(law) == text
