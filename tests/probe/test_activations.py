"""Activations: values and slopes against scipy, in both precisions and far out; names and their errors."""

import math

import numpy as np
import pytest
from scipy import special

from initgen.core.errors import BadParameter
from initgen.probe.activations import FLAT, NAMES, activation

# Klambauer et al. 2017, equation 14.
ALPHA, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def elu(alpha, scale=1.0):
    return (
        lambda x: scale * np.where(x > 0, x, alpha * special.expm1(np.minimum(x, 0))),
        lambda x: scale * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0))),
    )


def leaky(slope):
    return lambda x: np.where(x > 0, x, slope * x), lambda x: np.where(x > 0, 1.0, slope)


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_by_tanh(x):
    return x * special.expit(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def gelu_by_tanh_slope(x):
    inner, turned = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3), math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return special.expit(2 * inner) + 2 * x * turned * special.expit(2 * inner) * special.expit(-2 * inner)


# By name: the function and its slope in scipy's words, as nobody here wrote them.
TRUE = {
    "linear": (lambda x: x, np.ones_like),
    "relu": leaky(0.0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: np.where((x > 0) & (x < 6), 1.0, 0.0)),
    "leaky_relu": leaky(0.2),
    "leaky_relu:negative_slope=-1.5": leaky(-1.5),
    "elu": elu(1.0),
    "elu:alpha=2.5": elu(2.5),
    "selu": elu(ALPHA, SCALE),
    "gelu": (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * density(x)),
    "gelu:approximate=true": (gelu_by_tanh, gelu_by_tanh_slope),
    "silu": (lambda x: x * special.expit(x), lambda x: special.expit(x) * (1 + x * special.expit(-x))),
    "tanh": (np.tanh, lambda x: 4 * special.expit(2 * x) * special.expit(-2 * x)),
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "softplus": (lambda x: -special.log_expit(-x), special.expit),
}
# float64's is that of the error function's series. Relative to 1 + |x|.
ERROR = {np.float32: 3e-7, np.float64: 3e-14}


def points(dtype):
    near = np.concatenate([np.linspace(-50, 50, 20001), np.linspace(-1e-3, 1e-3, 201), [-1e-30, 1e-30]])
    far = np.geomspace(50, 1e4, 50)
    return np.concatenate([near, far, -far]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TRUE)
def test_values_and_slopes_are_scipys(name, dtype):
    x = points(dtype)
    exact = x.astype(np.float64)
    kept = x.copy()
    for found, true in zip((activation(name)(x), activation(name).slope(x)), TRUE[name], strict=True):
        assert found.dtype == dtype
        assert found.shape == x.shape
        assert (np.abs(found - true(exact)) <= ERROR[dtype] * (1 + np.abs(exact))).all()
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("name", TRUE)
def test_slopes_are_the_central_differences_of_the_values(name):
    f, step = activation(name), 1e-5
    x = np.linspace(-8, 8, 1600)  # none within a step of 0, where some have a kink
    assert np.abs(x).min() > step
    assert np.allclose(f.slope(x), (f(x + step) - f(x - step)) / (2 * step), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["sigmoid", "silu", "softplus"])
def test_small_tails_keep_their_digits(name):
    ends = np.linspace(5, 80, 500)
    x = np.concatenate([-ends, ends]).astype(np.float32)
    for found, true in zip((activation(name)(x), activation(name).slope(x)), TRUE[name], strict=True):
        assert np.allclose(found, true(x.astype(np.float64)), rtol=2e-5, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TRUE)
def test_values_of_an_exploding_network_neither_warn_nor_turn_into_nan(name, dtype):
    """Warnings are errors here; the powers inside a GELU would overflow long before its values do."""
    most = np.finfo(dtype).max / 4
    x = np.array([-most, -1e20, -1e13, -1e4, 1e4, 1e13, 1e20, most], dtype=dtype)
    f = activation(name)
    assert np.isfinite(f(x)).all()
    assert np.isfinite(f.slope(x)).all()


@pytest.mark.parametrize("name", TRUE)
def test_the_shape_stays_that_of_the_argument(name):
    for shape in ((), (0,), (2, 3, 4)):
        x = np.full(shape, 0.5, np.float32)
        assert np.shape(activation(name)(x)) == np.shape(activation(name).slope(x)) == shape


@pytest.mark.parametrize("name", TRUE)
def test_steepest_and_kinks_are_what_the_slope_shows(name):
    f, (_, slope) = activation(name), TRUE[name]
    x = np.linspace(-60, 60, 1_200_001)
    assert f.steepest == pytest.approx(np.abs(slope(x)).max(), rel=2e-4)
    # The bent ones' slope changes by up to 3e-4 from point to point; a kink is a jump.
    jumps = np.abs(np.diff(slope(x))) > 0.01
    near = {round(float(x[i]), 3) + 0.0 for i in np.nonzero(jumps)[0]}
    assert near <= set(f.kinks)


@pytest.mark.parametrize(
    ("name", "flat", "steep"),
    [
        ("relu", [-3, -1e-9, 0], [1e-9, 3]),
        ("linear", [], [-9, 0, 9]),
        ("leaky_relu", [], [-9, 9]),
        ("leaky_relu:negative_slope=0.04", [-9], [9]),
        # tanh′ = 0.05 at 2.178, sigmoid′ = 0.0125 at 4.357, exp(x) = 0.05 at -2.996.
        ("tanh", [-2.19, 2.19], [-2.16, 0, 2.16]),
        ("sigmoid", [-4.37, 4.37], [-4.34, 0, 4.34]),
        ("elu", [-3.01], [-2.98, 5]),
        ("selu", [-3.01], [-2.98, 5]),
        ("gelu", [-9], [9, 0]),
        ("silu", [-9], [9, 0]),
    ],
)
def test_flat_is_where_the_slope_is_under_five_percent_of_the_steepest(name, flat, steep):
    f = activation(name)
    assert FLAT == 0.05
    assert f.flat(np.array(flat, np.float32)).all()
    assert not f.flat(np.array(steep, np.float32)).any()


@pytest.mark.parametrize(
    ("name", "params", "shown"),
    [
        ("RELU", None, "relu"),
        ("Swish", None, "silu"),
        ("identity", None, "linear"),
        ("leaky_relu", None, "leaky_relu:negative_slope=0.2"),
        ("leaky_relu:negative_slope=0.1", None, "leaky_relu:negative_slope=0.1"),
        ("leaky_relu", {"negative_slope": 0.1}, "leaky_relu:negative_slope=0.1"),
        ("elu: alpha = 2", None, "elu:alpha=2"),
        ("elu", {"alpha": 2}, "elu:alpha=2"),
        ("elu", {"alpha": 1}, "elu"),
        ("gelu:approximate=True", None, "gelu:approximate=true"),
        ("gelu", {"approximate": False}, "gelu"),
    ],
)
def test_names_and_parameters_are_read_and_shown_as_they_are_written(name, params, shown):
    found = activation(name, params)
    assert found.name == shown
    assert activation(shown) == found
    assert hash(activation(shown)) == hash(found)


def test_every_name_is_an_activation_and_is_tested_here():
    assert {name.partition(":")[0] for name in TRUE} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("rleu", None, "activation = 'rleu' is not known"),
        ("", None, "activation = '' is not known"),
        ("relu:max_value=6", None, "activation 'relu' has no parameter 'max_value'"),
        ("relu", {"max_value": 6}, "activation 'relu' has no parameter 'max_value'"),
        ("elu:beta=1", None, "activation 'elu' has no parameter 'beta'"),
        ("elu:alpha", None, "activation = 'elu:alpha': 'alpha' is not KEY=VALUE"),
        ("elu:alpha=", None, "activation = 'elu:alpha=': '' is not a number"),
        ("elu:alpha=x", None, "activation = 'elu:alpha=x': 'x' is not a number"),
        ("elu:alpha=true", None, "activation 'elu': alpha = True must be a number"),
        ("elu", {"alpha": "2"}, "activation 'elu': alpha = '2' must be a number"),
        ("elu", {"alpha": None}, "activation 'elu': alpha = None must be a number"),
        ("elu:alpha=nan", None, "activation 'elu': alpha = nan must be finite"),
        ("elu:alpha=1e400", None, "activation 'elu': alpha = inf must be finite"),
        ("elu", {"alpha": 10**400}, "activation 'elu': alpha = inf must be finite"),
        ("elu", {"alpha": -(10**400)}, "activation 'elu': alpha = inf must be finite"),
        ("gelu:approximate=1", None, "activation 'gelu': approximate = 1.0 must be true or false"),
        ("gelu", {"approximate": "tanh"}, "activation 'gelu': approximate = 'tanh' must be true or false"),
    ],
)
def test_what_is_no_activation_is_refused_in_one_line(name, params, message):
    with pytest.raises(BadParameter) as caught:
        activation(name, params)
    assert str(caught.value) == message


def test_a_misspelt_name_or_parameter_comes_with_the_right_one():
    for name, hint in (("rleu", "relu"), ("swich", "swish"), ("elu:beta=1", "alpha")):
        with pytest.raises(BadParameter) as caught:
            activation(name)
        assert hint in caught.value.hint
