"""The edge of chaos: fixed points against iteration, edges against scipy's quadrature and what the literature has."""

import math

import numpy as np
import pytest
from scipy import integrate

from initgen.probe.activations import NAMES, Activation, activation
from initgen.probe.criticality import critical, fixed_point
from initgen.probe.theory import chi, next_variance, variance_slope

EVERY = (*NAMES, "gelu:approximate=true", "elu:alpha=2.5", "leaky_relu:negative_slope=-1.5")


def mean_square(function, variance):
    """E function(u)² for u ~ N(0, variance), by scipy's adaptive quadrature on both sides of 0."""

    def weighed(z):
        value = float(function(np.array(math.sqrt(variance) * z)))
        return value**2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    sides = (integrate.quad(weighed, *ends, epsabs=1e-13, epsrel=1e-11, limit=200)[0] for ends in ((-12, 0), (0, 12)))
    return sum(sides)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("weights", "biases"), [(0.5, 0.0), (0.9, 0.3), (1.4, 0.05), (1.8, 0.0), (3.0, 0.5), (20.0, 0.0)]
)
def test_variances_come_to_the_fixed_point(name, weights, biases):
    f, variance = activation(name), 1.0
    stays = fixed_point(f, weights, biases)
    for _ in range(3000):
        variance = next_variance(f, weights, biases, variance)
        if not 1e-13 < variance < 1e13:
            break
    if stays is None:
        assert variance > 1e13
    elif stays == 0:
        assert variance < 1e-5
    else:
        assert stays == pytest.approx(variance, rel=1e-6)
        assert next_variance(f, weights, biases, stays) == pytest.approx(stays, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "weights", "biases", "stays"),
    [
        ("relu", 2.0, 0.0, None),
        ("relu", 2.0, 0.1, None),
        ("relu", 2.1, 0.0, None),
        ("relu", 1.0, 0.0, 0.0),
        ("relu", 1.0, 0.3, 0.6),
        ("linear", 1.0, 0.0, None),
        ("linear", 0.9, 0.1, 1.0),
        ("leaky_relu:negative_slope=1", 0.5, 1.0, 2.0),
        ("tanh", 1.0, 0.0, 0.0),
        # Klambauer et al. 2017: LeCun's weights keep SELU's variance.
        ("selu", 1.0, 0.0, 1.0),
        ("tanh", 0.0, 0.25, 0.25),
        ("tanh", 0.0, 0.0, 0.0),
        # E tanh² = q - 2q² + 17q³/3 - …, by its series.
        ("tanh", 1.002, 0.0, 0.001 / 1.002 * (1 + 17 / 6 * 0.001)),
        # A saturated one sends out ±1, or 0 and 1.
        ("tanh", 1e8, 0.0, 1e8),
        ("sigmoid", 1e8, 0.0, 5e7),
    ],
)
def test_fixed_points_that_are_known(name, weights, biases, stays):
    found = fixed_point(activation(name), weights, biases)
    assert found == (stays if stays is None else pytest.approx(stays, rel=2e-4, abs=1e-12))


@pytest.mark.parametrize("name", EVERY)
def test_at_the_edge_chi_is_1_and_the_variance_stays(name):
    f = activation(name)
    edge = critical(f)
    if name == "softplus":
        assert edge is None
        return
    assert edge.activation == f.name
    assert edge.bias >= 0
    weights, biases = edge.gain**2, edge.bias**2
    for variance in (1e-6, 1.0, 1e6) if edge.variance is None else (edge.variance,):
        assert chi(f, weights, variance) == pytest.approx(1, abs=1e-9)
        assert next_variance(f, weights, biases, variance) == pytest.approx(variance, rel=1e-9)
        assert not variance or variance_slope(f, weights, variance) <= 1 + 1e-9
    if edge.variance:  # in scipy's words too
        assert weights * mean_square(f.slope, edge.variance) == pytest.approx(1, abs=1e-9)
        assert weights * mean_square(f.function, edge.variance) + biases == pytest.approx(edge.variance, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "gain", "bias", "variance"),
    [
        ("linear", 1.0, 0.0, None),
        ("relu", math.sqrt(2), 0.0, None),
        # He et al. 2015, equation 15.
        ("leaky_relu:negative_slope=0.25", math.sqrt(2 / (1 + 0.25**2)), 0.0, None),
        ("elu:alpha=0", math.sqrt(2), 0.0, None),
        ("tanh", 1.0, 0.0, 0.0),
        ("elu", 1.223429, 0.186173, 1.0),
        # Roberts, Yaida & Hanin 2022, section 5.3.4.
        ("gelu", math.sqrt(1.98305), math.sqrt(0.17292), 3.56155),
        ("silu", math.sqrt(1.98800), math.sqrt(0.55514), 14.32017),
        ("selu", 0.96603, 0.25845, 1.0),
        ("sigmoid", 10.14926, 0.0, 45.6243),
    ],
)
def test_edges_that_are_known(name, gain, bias, variance):
    found = critical(activation(name))
    assert (found.gain, found.bias) == pytest.approx((gain, bias), abs=6e-6)
    assert found.variance == (variance if variance is None else pytest.approx(variance, rel=1e-5))


def test_a_constant_has_no_edge():
    flat = Activation("flat", lambda x: np.zeros_like(x), lambda x: np.zeros_like(x))
    assert critical(flat) is None


def test_equal_activations_have_equal_answers():
    again = activation("leaky_relu", {"negative_slope": 0.2})
    assert critical(activation("leaky_relu")) == critical(again)
