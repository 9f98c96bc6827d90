"""The edge of chaos: where a variance stays, and which gains keep two inputs as far apart as they are."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from initgen.probe.activations import Activation
from initgen.probe.result import Critical
from initgen.probe.theory import expected, next_variance, variance_slope

# Between these variances fixed points and edges are looked for, in steps of this factor.
_LEAST, _MOST, _STEP = 1e-12, 1e12, 2**0.25
_NEAR_ZERO = 1e-4
_ROUNDING = 1e-10


@lru_cache(maxsize=1 << 10)
def fixed_point(activation: Activation, weight_variance: float, bias_variance: float = 0.0) -> float | None:
    """The variance before the activation that a deep network comes to from 1 on: Poole et al. 2016, section 2.1.

    None where it grows without end, and where any variance stays, as with a ReLU at weight variance 2.

    Args:
        weight_variance: fan_in times the variance of a weight.
        bias_variance: of a bias.
    """
    if _homogeneous(activation):
        factor = weight_variance * expected(activation, 1.0).square
        return bias_variance / (1 - factor) if factor < 1 - _ROUNDING else None

    def gained(variance: float) -> float:
        return next_variance(activation, weight_variance, bias_variance, variance) / variance - 1

    start = gained(1.0)
    # The map rises, so that variances never step over a fixed point: the nearest in their direction is theirs.
    here, step = 1.0, _STEP if start > 0 else 1 / _STEP
    while _LEAST <= here <= _MOST:
        here, before = here * step, here
        if gained(here) * start <= 0:
            return _root(gained, before, here)
    return 0.0 if start < 0 else None


@lru_cache(maxsize=1 << 8)
def critical(activation: Activation) -> Critical | None:
    """The gain that makes χ₁ = 1 where the variance stays; None where biases of no variance hold it there.

    On the edge each variance q has its gain, 1 / √E f′², and its biases, of variance q - E f² / E f′². What is chosen:

    - f(ax) = a f(x), such as linear and ReLUs: any variance stays, without biases (He et al. 2015).
    - f that keeps mean 0 and variance 1 at gain 1, such as SELU: variance 1, which it is made for (Klambauer et al. 2017;
      gain 1 itself has χ₁ = 1.07).
    - else the least variance that does not run away from there, `variance_slope` ≤ 1:
      tanh: 0, without biases: the variance falls slowly, as one over the depth, and f acts as its tangent at 0.
      ELU: 0 would do too, but the mean square falls as one over the depth squared: variance 1, with biases.
      GELU and SiLU: where the slope is 1 too; below, the edge is not stable. This is the critical point of Roberts, Yaida
      & Hanin 2022, "The principles of deep learning theory", section 5.3.4: weight variance 1.98305, bias variance
      0.17292 for GELU, and 1.98800, 0.55514 for SiLU (SWISH). Without biases they have no edge but an unstable one at 0.
      sigmoid: where no biases are needed; below, they would need a variance under 0.
      softplus: none, at any variance.
    """
    if _homogeneous(activation):
        slope = expected(activation, 1.0).slope
        return Critical(activation.name, 1 / math.sqrt(slope), 0.0, None) if slope else None
    at_one = expected(activation, 1.0)
    if abs(at_one.mean) < 1e-6 and abs(at_one.square - 1) < 1e-6:
        return _on_edge(activation, 1.0)

    def margin(variance: float) -> float:
        found = expected(activation, variance)
        bias_variance = variance - found.square / found.slope
        return min(1 - variance_slope(activation, 1 / found.slope, variance), bias_variance / variance)

    if margin(_NEAR_ZERO) > -_ROUNDING:
        return _on_edge(activation, 1.0 if abs(at_one.mean) > _ROUNDING and margin(1.0) >= 0 else 0.0)
    here = _NEAR_ZERO
    while here <= _MOST:
        here, before = here * _STEP, here
        if margin(here) >= 0:
            return _on_edge(activation, _root(margin, before, here))
    return None


def _on_edge(activation: Activation, variance: float) -> Critical:
    found = expected(activation, variance)
    bias_variance = variance - found.square / found.slope
    bias = math.sqrt(bias_variance) if bias_variance > _ROUNDING * variance else 0.0
    return Critical(activation.name, 1 / math.sqrt(found.slope), bias, variance)


def _homogeneous(activation: Activation) -> bool:
    x = np.array([-30.0, -1.0, -0.01, 0.0, 0.01, 1.0, 30.0])
    return bool(np.allclose(activation.function(x), x * activation.slope(x), rtol=1e-12, atol=0.0))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Between two positive points of different sign, to 1e-14 of it, by bisection."""
    below = function(low)
    for _ in range(48):
        middle = math.sqrt(low * high)
        if function(middle) * below > 0:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
