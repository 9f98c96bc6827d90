"""The mean field: moments, products and maps, against closed forms, scipy's quadrature and simulation."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

from initgen.probe.activations import NAMES, SELU, Activation, activation
from initgen.probe.theory import chi, expected, next_cosine, next_variance, product, variance_slope

EVERY = (*NAMES, "gelu:approximate=true", "elu:alpha=2.5", "leaky_relu:negative_slope=-1.5")
VARIANCES = (1e-12, 1e-6, 0.01, 1.0, 30.0, 1e4, 1e12)
COSINES = (-1.0, -1 + 1e-6, -0.9, -0.3, 0.0, 1e-9, 0.3, 0.9, 0.999, 1 - 1e-6, 1 - 1e-12, 1.0)
# Where pieces cancel or are nearly 0, quadrature cannot come to the digits that it is asked for, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
ERF = Activation("erf", special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), 2 / math.sqrt(math.pi))


def density(z):
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def integral(function, mean, std):
    """E function(u) for u ~ N(mean, std²), by scipy's adaptive quadrature between many cuts."""
    bends = np.array([-40, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 40])
    cuts = np.unique(np.clip([*np.arange(-14.0, 15.0, 2.0), *((bends - mean) / std)], -14, 14))

    def weighed(z):
        return float(function(np.float64(mean + std * z))) * density(z)

    return math.fsum(integrate.quad(weighed, *ends, epsabs=0, epsrel=1e-11, limit=200)[0] for ends in pairwise(cuts))


def scalar(name):
    """An activation and its slope, of single numbers; a GELU is slow with those, and scipy's is quick."""
    f = activation(name)
    gelu = special.ndtr, lambda x: special.ndtr(x) + x * density(x)
    return (lambda x: x * gelu[0](x), gelu[1]) if name == "gelu" else (f.function, f.slope)


def both(function, variance, cosine):
    """E f(u) f(v), by scipy's quadrature over v given u, then over u."""
    std, own = math.sqrt(variance), math.sqrt(1 - cosine**2)

    def cuts(middle, width):
        found = {(bend - middle) / width for bend in (-20, -5, -1, 0, 1, 5, 20)}
        return sorted(z for z in found if -9 < z < 9) or None

    def given(z):
        middle = std * cosine * z
        return integrate.quad(
            lambda y: float(function(np.float64(middle + std * own * y))) * density(y),
            *(-9, 9),
            points=cuts(middle, std * own),
            epsabs=1e-9 * max(1, std),
            epsrel=1e-8,
        )[0]

    steps = sorted({*cuts(0.0, std), -3 * own, -own, own, 3 * own})
    outer = lambda z: float(function(np.float64(std * z))) * given(z) * density(z)  # noqa: E731
    return integrate.quad(outer, -9, 9, points=steps, epsabs=1e-9 * variance, epsrel=1e-8, limit=200)[0]


# Moments of one value


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_moments_are_those_of_adaptive_quadrature(name):
    f, slope = scalar(name)
    for variance in VARIANCES:
        std = math.sqrt(variance)
        for mean in (0.0, -2.5 * std, 1.5 * std):
            found = expected(activation(name), variance, mean)
            square = integral(lambda u: f(u) ** 2, mean, std)
            assert found.square == pytest.approx(square, rel=1e-10)
            assert found.mean == pytest.approx(integral(f, mean, std), abs=1e-10 * math.sqrt(square))
            assert found.slope == pytest.approx(integral(lambda u: slope(u) ** 2, mean, std), rel=1e-10)


@pytest.mark.parametrize("variance", VARIANCES)
def test_moments_have_their_closed_forms(variance):
    q, std = variance, math.sqrt(variance)
    # He et al. 2015, section 2.2: half of the square; the mean is that of a half-normal.
    for negative, name in (
        (0.0, "relu"),
        (0.1, "leaky_relu:negative_slope=0.1"),
        (-3.0, "leaky_relu:negative_slope=-3"),
    ):
        found = expected(activation(name), q)
        assert found.square == pytest.approx(q * (1 + negative**2) / 2, rel=1e-13)
        assert found.mean == pytest.approx((1 - negative) * std / math.sqrt(2 * math.pi), rel=1e-13)
        assert found.slope == pytest.approx((1 + negative**2) / 2, rel=1e-13)
    assert expected(activation("linear"), q, 3 * std).square == pytest.approx(10 * q, rel=1e-13)
    # Williams 1997, "Computing with infinite networks", equation 11.
    found = expected(ERF, q)
    assert found.square == pytest.approx(2 / math.pi * math.asin(2 * q / (1 + 2 * q)), rel=1e-10)
    assert found.slope == pytest.approx(4 / math.pi / math.sqrt(1 + 4 * q), rel=1e-10)
    # GELU by Stein's lemma, E u g(u) = q E g′(u), from E φ² = 1 / 2π√(1 + 2q) and E Φ² = 1/4 + asin(q / (1 + q)) / 2π.
    found, squared = expected(activation("gelu"), q), 0.25 + math.asin(q / (1 + q)) / (2 * math.pi)
    mixed = q / (1 + q) / (2 * math.pi * math.sqrt(1 + 2 * q))
    assert found.mean == pytest.approx(q / math.sqrt(2 * math.pi * (1 + q)), rel=1e-10)
    assert found.square == pytest.approx(2 * q * mixed + q * squared, rel=1e-10)
    assert found.slope == pytest.approx(squared + 2 * mixed + q / (1 + 2 * q) ** 1.5 / (2 * math.pi), rel=1e-10)


@pytest.mark.parametrize("mean", [-1.0, -0.1, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("variance", [0.05, 0.8, 1.0, 1.5, 4.0])
def test_the_map_of_selu_is_that_of_its_paper(mean, variance):
    """Klambauer et al. 2017, equations 4 and 5, with μω = mean and ντ = variance."""
    alpha, scale, root = 1.6732632423543772, 1.0507009873554805, math.sqrt(2 * variance)
    outer = math.sqrt(2 / math.pi) * math.sqrt(variance) * math.exp(-(mean**2) / (2 * variance))
    low, one = math.erfc(mean / root), math.exp(mean + variance / 2) * math.erfc((mean + variance) / root)
    two = math.exp(2 * (mean + variance)) * math.erfc((mean + 2 * variance) / root)
    first = scale / 2 * (mean * math.erf(mean / root) + alpha * one - alpha * low + outer + mean)
    second = (mean**2 + variance) * (2 - low) + alpha**2 * (two - 2 * one + low) + mean * outer
    found = expected(SELU, variance, mean)
    assert found.mean == pytest.approx(first, abs=1e-13)
    assert found.square == pytest.approx(scale**2 / 2 * second, rel=1e-12)


def test_selu_keeps_mean_0_and_variance_1_and_comes_back_to_them():
    found = expected(SELU, 1.0)
    assert found.mean == pytest.approx(0, abs=1e-14)
    assert found.square == pytest.approx(1, abs=1e-14)
    # Klambauer et al. 2017: the Jacobian of the map at (0, 1) is ((0, 0.088834), (0, 0.782648)).
    assert variance_slope(SELU, 1.0, 1.0) == pytest.approx(0.782648, abs=5e-7)
    step = 1e-4
    moved = expected(SELU, 1 + step).mean - expected(SELU, 1 - step).mean
    assert moved / (2 * step) == pytest.approx(0.088834, abs=1e-6)
    variance = 2.3
    for _ in range(60):
        variance = next_variance(SELU, 1.0, 0.0, variance)
    assert variance == pytest.approx(1, abs=1e-5)


def test_without_variance_moments_are_values_and_a_kink_has_both_its_slopes():
    for name in EVERY:
        f = activation(name)
        for mean in (0.0, -0.7, 1.3):
            found = expected(f, 0.0, mean)
            close = expected(f, 1e-20, mean)
            assert found.mean == float(f(np.float64(mean)))
            assert found.square == found.mean**2
            assert found.slope == pytest.approx(close.slope, rel=1e-8)
    assert expected(activation("relu"), 0.0).slope == 0.5


def test_what_is_not_finite_stays_so_and_what_is_huge_does_not_warn():
    for variance, mean in ((math.inf, 0.0), (math.nan, 0.0), (1.0, math.inf)):
        found = expected(activation("relu"), variance, mean)
        assert np.isnan([found.mean, found.square, found.slope]).all()
    for variance, cosine in ((math.inf, 0.5), (math.nan, 0.5), (1.0, math.nan)):
        assert math.isnan(product(activation("relu"), variance, cosine))
        assert math.isnan(next_cosine(activation("relu"), 2.0, 0.0, variance, cosine))
    for name in EVERY:
        found = expected(activation(name), 1e300)
        assert np.isfinite([found.mean, found.square, found.slope]).all()
        assert math.isfinite(product(activation(name), 1e300, 0.5))
        assert expected(activation(name), 1e308).square > 0
        assert not product(activation(name), 1e308, 0.5) < 0


# Products of two


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("cosine", COSINES)
def test_products_have_their_closed_forms(variance, cosine):
    q, angle = variance, math.acos(cosine)

    def arc(angle):
        """Cho & Saul 2009: the arc-cosine kernel of order 1 over 2, for two vectors of squared norm q."""
        return q / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle))

    assert product(activation("linear"), q, cosine) == pytest.approx(q * cosine, abs=1e-8 * q)
    assert product(activation("relu"), q, cosine) == pytest.approx(arc(angle), abs=1e-8 * q)
    # -1.5 below 0 is relu(u) + 1.5 relu(-u), whose mixed terms are at the other angle.
    leaky = (1 + 1.5**2) * arc(angle) + 2 * 1.5 * arc(math.pi - angle)
    assert product(activation("leaky_relu:negative_slope=-1.5"), q, cosine) == pytest.approx(leaky, abs=1e-8 * q)
    # Williams 1997, equation 11.
    erf = 2 / math.pi * math.asin(2 * q * cosine / (1 + 2 * q))
    assert product(ERF, q, cosine) == pytest.approx(erf, abs=1e-8 * expected(ERF, q).square)


@pytest.mark.parametrize(
    ("name", "variance", "cosine"),
    [
        ("elu", 1.0, 0.3),
        ("elu:alpha=2.5", 4.0, 0.95),
        ("selu", 1.0, -0.6),
        ("gelu", 3.5, 0.5),
        ("gelu", 100.0, 0.99),
        ("gelu:approximate=true", 0.5, -0.8),
        ("silu", 14.3, -0.4),
        ("tanh", 1.0, 0.3),
        ("tanh", 1e4, -0.9),
        ("sigmoid", 50.0, 0.7),
        ("softplus", 0.01, 0.8),
    ],
)
def test_products_are_those_of_adaptive_quadrature(name, variance, cosine):
    f = activation(name)
    scale = expected(f, variance).square
    assert product(f, variance, cosine) == pytest.approx(both(scalar(name)[0], variance, cosine), abs=1e-8 * scale)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("variance", [0.0, 1e-12, 1e-3, 1.0, 1e3, 1e12])
def test_products_of_equals_opposites_and_strangers_are_moments(name, variance):
    f = activation(name)
    found = expected(f, variance)
    assert product(f, variance, 1.0) == pytest.approx(found.square, rel=1e-8)
    assert product(f, variance, 0.0) == pytest.approx(found.mean**2, abs=1e-8 * found.square)
    turned = tuple(-kink for kink in f.kinks)
    opposite = Activation("opposite", lambda x: f(-x), f.slope, kinks=turned)
    mirrored = Activation("mirrored", lambda x: f(x) * f(-x), f.slope, kinks=f.kinks + turned)
    assert product(f, variance, -1.0) == pytest.approx(expected(mirrored, variance).mean, abs=1e-8 * found.square)
    assert product(opposite, variance, -0.4) == pytest.approx(product(f, variance, -0.4), abs=1e-8 * found.square)


def test_a_kink_may_be_anywhere():
    shifted = Activation("shifted", lambda x: np.maximum(x - 0.7, 0.0), lambda x: (x > 0.7) * 1.0, kinks=(0.7,))
    found = expected(shifted, 2.0, 0.3)
    relu = expected(activation("relu"), 2.0, -0.4)
    assert (found.mean, found.square, found.slope) == pytest.approx((relu.mean, relu.square, relu.slope), rel=1e-12)
    for cosine in (0.999, -0.5):
        assert product(shifted, 2.0, cosine) == pytest.approx(both(shifted, 2.0, cosine), abs=1e-8)


# Maps


@pytest.mark.parametrize("name", EVERY)
def test_slopes_of_the_maps_are_their_differences(name):
    f, weights, biases = activation(name), 1.7, 0.2
    for variance in (0.3, 1.0, 5.0):
        step = 1e-4 * variance
        ahead, back = (next_variance(f, weights, biases, variance + way * step) for way in (1, -1))
        assert variance_slope(f, weights, variance) == pytest.approx((ahead - back) / (2 * step), rel=1e-6)
        # χ₁ is the slope of the covariance at equal inputs: Poole et al. 2016. Kinks add a term of √(1 - c).
        apart = 1e-7
        covariance = next_variance(f, weights, biases, variance) - weights * product(f, variance, 1 - apart) - biases
        assert covariance / (variance * apart) == pytest.approx(chi(f, weights, variance), rel=2e-3, abs=0.02)


@pytest.mark.parametrize("name", EVERY)
def test_cosines_stay_between_their_ends_and_equal_inputs_equal(name):
    f = activation(name)
    for variance in (0.01, 1.0, 100.0):
        found = [next_cosine(f, 1.5, 0.1, variance, cosine) for cosine in np.linspace(-1, 1, 9)]
        assert all(-1 <= cosine <= 1 for cosine in found)
        assert found == sorted(found) or name == "leaky_relu:negative_slope=-1.5"
        assert found[-1] == pytest.approx(1, abs=1e-8)
    assert next_cosine(f, 0.0, 0.3, 1.0, -0.5) == 1
    assert math.isnan(next_cosine(f, 0.0, 0.0, 1.0, 0.5))


def test_cosines_of_a_relu_network_go_to_1_slowly_at_its_edge():
    """Hayou et al. 2019, proposition 3: 1 - c falls as 9π² / 2 l², here over layers 400 to 800."""
    relu, cosine, kept = activation("relu"), 0.2, []
    for layer in range(1, 801):
        cosine = next_cosine(relu, 2.0, 0.0, 1.0, cosine)
        if layer in (400, 800):
            kept.append((1 - cosine) * layer**2)
    assert kept[0] == pytest.approx(4.5 * math.pi**2, rel=0.1)
    assert kept[1] == pytest.approx(4.5 * math.pi**2, rel=0.06)


# Simulation. Each claim is held to 6 of its standard errors: a false alarm in 2e-9, in under 2e-7 over all 72.


@pytest.mark.parametrize("name", EVERY)
def test_moments_are_those_of_random_numbers(name):
    """400,000 pairs: sees an error of 2 % in the square of a ReLU."""
    f, count, variance, cosine = activation(name), 400_000, 1.7, 0.6
    u, own = math.sqrt(variance) * np.random.default_rng(20160616).standard_normal((2, count))
    v = cosine * u + math.sqrt(1 - cosine**2) * own
    found = expected(f, variance)
    for drawn, theory in (
        (f(u), found.mean),
        (f(u) ** 2, found.square),
        (f.slope(u) ** 2, found.slope),
        (f(u) * f(v), product(f, variance, cosine)),
    ):
        assert abs(drawn.mean() - theory) <= 6 * drawn.std() / math.sqrt(count) + 1e-12


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "selu"])
def test_a_wide_layer_follows_the_maps(name):
    """2048 units: given the activations of a pair of inputs, what comes next is 2048 independent normal pairs.

    The error of their mean square is √(2 / 2048) of it, to which the activations add theirs: sees 25 %.
    """
    f, width, weights, biases, variance, cosine = activation(name), 2048, 1.6, 0.3, 1.3, 0.5
    generator = np.random.default_rng(20170304)
    u, own = math.sqrt(variance) * generator.standard_normal((2, width))
    v = cosine * u + math.sqrt(1 - cosine**2) * own
    matrix = math.sqrt(weights / width) * generator.standard_normal((width, width))
    bias = math.sqrt(biases) * generator.standard_normal(width)
    x, y = matrix @ f(u) + bias, matrix @ f(v) + bias

    def error(values):
        return weights * values.std() / math.sqrt(width)

    after = next_variance(f, weights, biases, variance)
    assert abs((x * x).mean() - after) <= 6 * math.hypot(after * math.sqrt(2 / width), error(f(u) ** 2))
    together = next_cosine(f, weights, biases, variance, cosine) * after
    spread = math.sqrt((after**2 + together**2) / width)
    assert abs((x * y).mean() - together) <= 6 * math.hypot(spread, error(f(u) * f(v)))
    # A small step is stretched by χ₁, and so is a gradient on its way back.
    step = generator.standard_normal(width)
    moved = matrix @ (f.slope(u) * step)
    grown = chi(f, weights, variance)
    assert abs((moved * moved).mean() - grown) <= 6 * math.hypot(
        grown * math.sqrt(2 / width), error((f.slope(u) * step) ** 2)
    )
    back = f.slope(u) * (matrix.T @ step)
    assert abs((back * back).mean() - grown) <= 6 * math.hypot(error(step**2), (back * back).std() / math.sqrt(width))
