"""Activations: functions of single values, with their derivatives, in the precision of their argument."""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebinterpolate
from numpy.typing import NDArray

from initgen.core.errors import BadParameter, quoted
from initgen.core.registry import nearest

Array = NDArray[np.floating]
Function = Callable[[Array], Array]

# A value is in the flat part of an activation where the slope is below this share of the steepest one.
FLAT = 0.05
# Of SELU, Klambauer et al. 2017, "Self-normalizing neural networks", equation 14.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
_FAR = 40.0  # from there on exp(-x²/2) is 0 in float64


@dataclass(frozen=True, repr=False)
class Activation:
    """A function that is applied to each value.

    Attributes:
        name: with its parameters, as a user writes it: ``leaky_relu:negative_slope=0.1``.
        steepest: the largest absolute slope.
        kinks: where the slope jumps, for those who integrate.
    """

    name: str
    function: Function
    slope: Function
    steepest: float = 1.0
    kinks: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"  # its functions have addresses for names

    def __call__(self, x: Array) -> Array:
        """The values, of the shape and dtype of ``x``."""
        return self.function(x)

    def flat(self, x: Array) -> NDArray[np.bool_]:
        """Where a change of ``x`` hardly changes the value: the zeros of a ReLU, the ends of tanh and sigmoid."""
        return np.abs(self.slope(x)) < FLAT * self.steepest


def _linear(x: Array) -> Array:
    return x


def _ones(x: Array) -> Array:
    return np.ones_like(x)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def _step(x: Array) -> Array:
    return (x > 0).astype(x.dtype)


def _relu6(x: Array) -> Array:
    return np.clip(x, 0.0, 6.0)


def _relu6_slope(x: Array) -> Array:
    return ((x > 0) & (x < 6)).astype(x.dtype)


def _leaky(slope: float, x: Array) -> Array:
    return np.where(x > 0, x, slope * x)


def _leaky_slope(slope: float, x: Array) -> Array:
    return np.where(x > 0, np.ones_like(x), slope)


def _elu(alpha: float, scale: float, x: Array) -> Array:
    return np.where(x > 0, scale * x, alpha * scale * np.expm1(np.minimum(x, 0.0)))


def _elu_slope(alpha: float, scale: float, x: Array) -> Array:
    return np.where(x > 0, scale, alpha * scale * np.exp(np.minimum(x, 0.0)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    y: Array = np.exp(np.minimum(x, 0.0)) / (1 + np.exp(-np.abs(x)))
    return y


def _sigmoid_slope(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    slope: Array = small / (1 + small) ** 2
    return slope


def _tanh_slope(x: Array) -> Array:
    slope: Array = 1 - np.tanh(x) ** 2
    return slope


def _silu(x: Array) -> Array:
    return x * sigmoid(x)


def _silu_slope(x: Array) -> Array:
    slope: Array = sigmoid(x) + x * _sigmoid_slope(x)
    return slope


def _softplus(x: Array) -> Array:
    # np.logaddexp takes five times as long.
    y: Array = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return y


def _erf_series(end: float, degree: int) -> Array:
    series: Array = chebinterpolate(np.vectorize(lambda t: math.erf(end / 2 * (1 + t))), degree)
    return series


# By precision: from where on erf is 1, and its Chebyshev series up to there, which errs by less than a rounding.
_ERF = {4: (4.0, _erf_series(4.0, 22).astype(np.float32)), 8: (6.0, _erf_series(6.0, 44))}


def _erf(x: Array) -> Array:
    """The error function; numpy has none, and `math.erf` takes 100 ns a value."""
    end, series = _ERF[4 if x.dtype.itemsize <= 4 else 8]
    size = np.abs(x)
    t = np.asarray(np.minimum(size, end) * (2 / end) - 1)
    # Clenshaw's recurrence, in place, which is what its speed hangs on.
    twice, ahead, last, new = 2 * t, np.zeros_like(t), np.zeros_like(t), np.empty_like(t)
    for coefficient in series[:0:-1]:
        np.multiply(twice, ahead, out=new)
        new -= last
        new += coefficient
        ahead, last, new = new, ahead, last
    signed: Array = np.copysign(np.where(size < end, t * ahead - last + series[0], 1.0), x)
    return signed


def _cdf(x: Array) -> Array:
    return 0.5 * (1 + _erf(math.sqrt(0.5) * x))


def _gelu(x: Array) -> Array:
    return x * _cdf(x)


def _gelu_slope(x: Array) -> Array:
    near = _near(x)
    slope: Array = _cdf(x) + near * np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi)
    return slope


# The approximation by tanh: Hendrycks and Gimpel 2016, "Gaussian error linear units", section 2.
_ROOT, _CUBE = math.sqrt(2 / math.pi), 0.044715


def _near(x: Array) -> Array:
    """Within the bend of a GELU, so that powers do not overflow where a network explodes."""
    return np.clip(x, -_FAR, _FAR)


def _gelu_tanh(x: Array) -> Array:
    near = _near(x)
    y: Array = 0.5 * x * (1 + np.tanh(_ROOT * near * (1 + _CUBE * near**2)))
    return y


def _gelu_tanh_slope(x: Array) -> Array:
    near = _near(x)
    bent = np.tanh(_ROOT * near * (1 + _CUBE * near**2))
    slope: Array = 0.5 * (1 + bent) + 0.5 * near * (1 - bent**2) * _ROOT * (1 + 3 * _CUBE * near**2)
    return slope


@cache
def _leaky_relu(negative_slope: float) -> Activation:
    slopes = partial(_leaky, negative_slope), partial(_leaky_slope, negative_slope)
    return Activation(f"leaky_relu:negative_slope={negative_slope:g}", *slopes, max(1.0, abs(negative_slope)), (0.0,))


@cache
def _elu_of(alpha: float) -> Activation:
    name = "elu" if alpha == 1 else f"elu:alpha={alpha:g}"
    return Activation(name, partial(_elu, alpha, 1.0), partial(_elu_slope, alpha, 1.0), max(1.0, abs(alpha)), (0.0,))


@cache
def _gelu_of(approximate: bool) -> Activation:
    if approximate:
        return Activation("gelu:approximate=true", _gelu_tanh, _gelu_tanh_slope, 1.129)
    return Activation("gelu", _gelu, _gelu_slope, 1.129)


LINEAR = Activation("linear", _linear, _ones)
RELU = Activation("relu", _relu, _step, kinks=(0.0,))
RELU6 = Activation("relu6", _relu6, _relu6_slope, kinks=(0.0, 6.0))
SELU = Activation(
    "selu",
    partial(_elu, SELU_ALPHA, SELU_SCALE),
    partial(_elu_slope, SELU_ALPHA, SELU_SCALE),
    SELU_ALPHA * SELU_SCALE,
    (0.0,),
)
TANH = Activation("tanh", np.tanh, _tanh_slope)
SIGMOID = Activation("sigmoid", sigmoid, _sigmoid_slope, 0.25)
_PLAIN = {
    "linear": LINEAR,
    "relu": RELU,
    "relu6": RELU6,
    "selu": SELU,
    "tanh": TANH,
    "sigmoid": SIGMOID,
    "silu": Activation("silu", _silu, _silu_slope, 1.0998),
    "softplus": Activation("softplus", _softplus, sigmoid),
}
# What takes a parameter: its name, its default in keras.activations, and what makes the activation of it.
_MADE: dict[str, tuple[str, Any, Callable[[Any], Activation]]] = {
    "leaky_relu": ("negative_slope", 0.2, _leaky_relu),
    "elu": ("alpha", 1.0, _elu_of),
    "gelu": ("approximate", False, _gelu_of),
}
_ALIASES = {"swish": "silu", "identity": "linear"}
# Those that a value alone decides; softmax goes over a row, and is an operation of its own.
NAMES = (*_PLAIN, *_MADE)
KNOWN = (*sorted(NAMES), "softmax")


def activation(name: str, params: Mapping[str, Any] | None = None) -> Activation:
    """An activation by its name: ``relu``, ``leaky_relu``, ``leaky_relu:negative_slope=0.1``.

    Args:
        params: more of its parameters.

    Raises:
        BadParameter: there is none of the name, or it has no such parameter.
    """
    bare, _, text = name.partition(":")
    given = dict(params or {}) | _parsed(name, text)
    bare = _ALIASES.get(bare.lower(), bare.lower())
    if bare in _PLAIN:
        if given:
            raise BadParameter(f"activation {quoted(bare)} has no parameter {quoted(next(iter(given)))}")
        return _PLAIN[bare]
    if bare not in _MADE:
        raise BadParameter(f"activation = {quoted(name)} is not known", nearest(bare, (*KNOWN, *_ALIASES), KNOWN))
    key, default, make = _MADE[bare]
    value = given.pop(key, default)
    if isinstance(default, float) and type(value) is int:
        value = float(value) if abs(value) <= sys.float_info.max else math.inf
    if given:
        raise BadParameter(f"activation {quoted(bare)} has no parameter {quoted(next(iter(given)))}", f"known: {key}")
    if type(value) is not type(default):
        raise BadParameter(f"activation {quoted(bare)}: {key} = {quoted(value)} must be {_WORDS[type(default)]}")
    if not math.isfinite(value):
        raise BadParameter(f"activation {quoted(bare)}: {key} = {value} must be finite")
    return make(value)


_WORDS = {float: "a number", bool: "true or false"}


def _parsed(name: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise BadParameter(f"activation = {quoted(name)}: {quoted(part)} is not KEY=VALUE")
        try:
            found[key.strip()] = {"true": True, "false": False}.get(value.strip().lower())
            if found[key.strip()] is None:
                found[key.strip()] = float(value)
        except ValueError:
            raise BadParameter(f"activation = {quoted(name)}: {quoted(value)} is not a number") from None
    return found
