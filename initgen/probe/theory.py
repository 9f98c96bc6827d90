"""The mean field of wide random networks: what becomes of the variance and of the cosine of normal values.

Before an activation, the values of a wide layer are normal, as sums of many independent terms; so a layer acts on two
numbers alone, the variance of the values and the cosine between those of two inputs.

Sources: Poole et al. 2016, "Exponential expressivity in deep neural networks through transient chaos"; Schoenholz et al.
2017, "Deep information propagation"; with a mean besides, Klambauer et al. 2017, "Self-normalizing neural networks".
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from initgen.probe.activations import Activation

Values = NDArray[np.float64]

# Pieces of the normal density, in standard deviations; beyond the last is 4e-33 of it.
_PIECES = np.linspace(-12.0, 12.0, 9)
# Where smooth activations bend, apart from their kinks: beyond the last all are straight lines to 2e-16.
_BENDS = (-40.0, -8.0, -2.0, 0.0, 2.0, 8.0, 40.0)
_FINE, _COARSE = leggauss(20), leggauss(10)


@dataclass(frozen=True)
class Expected:
    """Of an activation f of normal values u.

    Attributes:
        mean: E f(u).
        square: E f(u)².
        slope: E f′(u)².
    """

    mean: float
    square: float
    slope: float


@lru_cache(maxsize=1 << 14)
def expected(activation: Activation, variance: float, mean: float = 0.0) -> Expected:
    """What an activation makes of values u ~ N(mean, variance).

    To 1e-10 of each, and the mean to 1e-10 of the root of the square, for variances from 1e-12 to 1e12 and means within a
    few standard deviations of 0. At variance 0 the slope is the limit from above: at a kink, of both its sides. All are
    nan where mean or variance are not finite.

    Source: for SELU these are equations 4 and 5 of Klambauer et al. 2017, by quadrature instead of their closed form.
    """
    if not math.isfinite(variance) or not math.isfinite(mean):
        return Expected(math.nan, math.nan, math.nan)
    if variance == 0:
        value = float(activation.function(np.array(mean)))
        sides = activation.slope(np.nextafter(mean, np.array([-np.inf, np.inf])))
        return Expected(value, value * value, float(np.mean(sides**2)))
    x, weights = _normal(np.array(mean), math.sqrt(variance), _bends(activation), _FINE)
    with np.errstate(over="ignore"):
        values, slopes = activation.function(x), activation.slope(x)
        return Expected(*(float(weights @ each) for each in (values, values * values, slopes * slopes)))


def product(activation: Activation, variance: float, cosine: float) -> float:
    """E f(u) f(v) for normal u, v of mean 0 and the same variance, whose correlation is the cosine.

    To 1e-8 of E f(u)². For a ReLU it is the arc-cosine kernel of order 1 of Cho & Saul 2009, "Kernel methods for deep
    learning", equation 6. It is nan where variance or cosine are not finite, and near the end of float64's range.
    """
    if not math.isfinite(variance) or not math.isfinite(cosine):
        return math.nan
    shared, own = math.sqrt(variance * min(abs(cosine), 1.0)), math.sqrt(variance * max(1.0 - abs(cosine), 0.0))
    # u and v are a part that they share, of either sign, and each a part of its own, over which f is averaged first:
    # that makes smooth steps of its width out of kinks and bends.
    bends = _bends(activation)
    middles = np.array([0.0, *activation.kinks])[:, None]
    smooth = np.concatenate([bends, (middles + own * _PIECES).ravel()])
    x, weights = _normal(np.array(0.0), shared, np.unique([smooth, -smooth]), _COARSE)
    around, among = _normal(x, own, bends, _COARSE)
    with np.errstate(over="ignore", invalid="ignore"):
        averaged = (activation.function(around) * among).sum(axis=-1)
        return float(weights @ (averaged * (averaged if cosine >= 0 else averaged[::-1])))


def next_variance(activation: Activation, weight_variance: float, bias_variance: float, variance: float) -> float:
    """The variance before the activation, one layer on.

    Args:
        weight_variance: fan_in times the variance of a weight.
        bias_variance: of a bias.
        variance: before the activation of this layer.

    Source: Poole et al. 2016, equation 3.
    """
    return weight_variance * expected(activation, variance).square + bias_variance


def next_cosine(
    activation: Activation, weight_variance: float, bias_variance: float, variance: float, cosine: float
) -> float:
    """The cosine between two inputs before the activation, one layer on; nan where no variance is left.

    Args:
        variance: of both inputs, before the activation of this layer.

    Source: Poole et al. 2016, equation 5, where both have the same variance.
    """
    scale = next_variance(activation, weight_variance, bias_variance, variance)
    found = weight_variance * product(activation, variance, cosine) + bias_variance
    return min(max(found / scale, -1.0), 1.0) if scale else math.nan


def chi(activation: Activation, weight_variance: float, variance: float) -> float:
    """χ₁: by how much a layer multiplies the squared distance of two inputs that are close, or a gradient's squared norm.

    Source: Poole et al. 2016, section 3; for gradients Schoenholz et al. 2017, where they go back through the layers.
    """
    return weight_variance * expected(activation, variance).slope


def variance_slope(activation: Activation, weight_variance: float, variance: float) -> float:
    """The derivative of `next_variance` by the variance: above 1, a variance that is a little off runs away.

    By parts it is E f(u) f′(u) u / q: χ∥ of Roberts, Yaida & Hanin 2022, "The principles of deep learning theory",
    section 5.1, as `chi` is their χ⊥.

    Args:
        variance: above 0.
    """
    x, weights = _normal(np.array(0.0), math.sqrt(variance), _bends(activation), _FINE)
    terms = activation.function(x) * activation.slope(x) * x
    return weight_variance * float(weights @ terms) / variance


@lru_cache
def _bends(activation: Activation) -> Values:
    return np.unique([*_BENDS, *activation.kinks])


def _normal(mean: Values, std: float, bends: Values, rule: tuple[Values, Values]) -> tuple[Values, Values]:
    """Points and weights, on a last axis that is added to ``mean``, to integrate over N(mean, std²) piece by piece.

    The normal density is cut where it turns, and at the bends of what is integrated: either may be narrow for the other.
    """
    if std == 0:
        return mean[..., None], np.ones(1)
    with np.errstate(over="ignore"):
        cuts = np.clip((bends - mean[..., None]) / std, _PIECES[0], _PIECES[-1])
    ends = np.sort(np.concatenate([cuts, np.broadcast_to(_PIECES, (*mean.shape, _PIECES.size))], axis=-1))[..., None]
    half, (points, lengths) = np.diff(ends, axis=-2) / 2, rule
    z = (ends[..., :-1, :] + half * (1 + points)).reshape(*mean.shape, -1)
    weights = (half * lengths).reshape(z.shape) * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return mean[..., None] + std * z, weights
