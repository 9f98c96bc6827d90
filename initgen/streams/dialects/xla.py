"""The functions of XLA's CPU compiler, rounded as its code rounds them on a processor with FMA.

XLA's ``math.cc`` and intrinsics, as compiled by jaxlib 0.10.2: which products are fused with their sums was read from
the compiled code's intermediate form. A fused product is exact, and only its sum is rounded.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from initgen.streams.dialects.fused import fma32, fma64

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

# Moshier's Cephes, log1p: numerator and denominator, the highest power first.
_ABOVE = (
    4.52700008624452e-05, 0.49854102823193375, 6.578732594206104, 29.911919328553072, 60.94966798098779,
    57.11296359058554, 20.039553499201283,
)  # fmt: skip
_BELOW = (
    1.0, 15.062909083469192, 83.04756596796722, 221.76239823732857, 309.09872225312057, 216.42788614495947,
    60.11866049760384,
)  # fmt: skip
# sqrt(2) - 1: nearer to zero than this, log1p is Cephes'.
_NEAR = 0.41421356237309503

# Moshier's Cephes, logf, its nine coefficients in three polynomials, whose sum is taken in powers of y^3.
_LOG = (
    (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1),
    (-1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1),
    (2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_LOG2_LOW, _LOG2_HIGH = -2.12194440e-4, 0.693359375
_SQRT_HALF = 0.707106781186547524

# Giles 2010, "Approximating the erfinv function", table 5: single precision, the highest power first.
_CENTRE32 = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
_TAIL32 = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip
# The same, double precision.
_CENTRE64 = (
    -3.6444120640178196921e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18, 1.115787767802518096e-17,
    -1.333171662854620906e-16, 2.0972767875968561637e-17, 6.6376381343583238325e-15, -4.0545662729752068639e-14,
    -8.1519341976054721522e-14, 2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
    1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08, 4.2347877827932403518e-07,
    -1.3654692000834678645e-06, -1.3882523362786468719e-05, 0.0001867342080340571352, -0.00074070253416626697512,
    -0.0060336708714301490533, 0.24015818242558961693, 1.6536545626831027356,
)  # fmt: skip
_TAIL64 = (
    2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07, 1.8239629214389227755e-08,
    1.5027403968909827627e-06, -4.013867526981545969e-06, 2.9234449089955446044e-06, 1.2475304481671778723e-05,
    -4.7318229009055733981e-05, 6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
    0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066, -0.0037512085075692412107,
    0.005370914553590063617, 1.0052589676941592334, 3.0838856104922207635,
)  # fmt: skip
_END64 = (
    -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09, -3.7894654401267369937e-09,
    7.6157012080783393804e-09, -1.4960026627149240478e-08, 2.9147953450901080826e-08, -6.7711997758452339498e-08,
    2.2900482228026654717e-07, -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
    7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026, 1.0103004648645343977,
    4.8499064014085844221,
)  # fmt: skip

# Eigen's erf in single precision: numerator and denominator in x^2, the highest power first.
_ERF_ABOVE = (0.00022905065, 0.003408291, 0.050955694, 0.18520832, 1.1283791)
_ERF_BELOW = (-1.1791603e-07, 2.3547966e-05, 0.0010179626, 0.01407047, 0.11098505, 0.49746925, 1.0)
_ERF_IS_ONE = 3.7439213

_TIE, _LAST29 = np.uint64(0x10000000), np.uint64(0x1FFFFFFF)


def erf_inv32(u: Floats32) -> Floats32:
    """The inverse error function of -1 to 1, both of which give infinities."""
    minus = log1p32(-(u * u))
    value = _horner32(_CENTRE32, np.float32(-2.5) - minus)
    ends = np.flatnonzero(minus <= -5)
    if ends.size:
        value[ends] = _horner32(_TAIL32, np.sqrt(-minus[ends]) - np.float32(3))
        value[np.abs(u) == 1] = np.inf
    return np.multiply(value, u, out=value)


def log1p32(x: Floats32) -> Floats32:
    """log(1 + x) for -1 < x <= 0; of -1, the logarithm of 2^-126."""
    value = np.empty_like(x)
    near = x > np.float32(-_NEAR)
    for places, function in ((np.flatnonzero(near), _log1p_near32), (np.flatnonzero(~near), _log1p_far32)):
        value[places] = function(x[places])
    return value


def _log1p_near32(x: Floats32) -> Floats32:
    fraction = _horner32(_ABOVE, x)
    fraction /= _horner32(_BELOW, x)
    square = x * x
    fraction *= x * square
    square *= np.float32(-0.5)
    square += fraction
    square += x
    return square


def _log1p_far32(x: Floats32) -> Floats32:
    return log32(x + np.float32(1))


def log32(x: Floats32) -> Floats32:
    """The logarithm of positive numbers; of smaller ones than 2^-126, that of 2^-126."""
    mantissa, exponent = np.frexp(np.maximum(x, np.float32(2.0**-126)))
    low = mantissa < np.float32(_SQRT_HALF)
    e = (exponent - low).astype(np.float32)
    y = (mantissa - np.float32(1)) + np.where(low, mantissa, np.float32(0))
    square = y * y
    cube = square * y
    first, second, third = (_horner32(part, y) for part in _LOG)
    value = fma32(fma32(first, cube, second), cube, third)
    value = fma32(value, cube, e * np.float32(_LOG2_LOW))
    return fma32(e, np.float32(_LOG2_HIGH), (y - square * np.float32(0.5)) + value)


def _horner32(terms: Sequence[float], x: Floats32) -> Floats32:
    """A polynomial, every step fused. As `fma32` would, without its making arrays anew at every step.

    No step's sum is subnormal: each has a term that is far from it.
    """
    terms = [float(np.float32(term)) for term in terms]
    wide = x.astype(np.float64)
    value = np.full(x.shape, np.float32(terms[0]))
    product, total = np.empty_like(wide), np.empty_like(wide)
    bits, tie = np.empty(x.shape, np.uint64), np.empty(x.shape, np.bool_)
    for term in terms[1:]:
        np.multiply(wide, value, out=product)
        np.add(product, term, out=total)
        np.bitwise_and(total.view(np.uint64), _LAST29, out=bits)
        np.equal(bits, _TIE, out=tie)
        exact = fma32(x[tie], value[tie], np.float32(term)) if tie.any() else None
        np.copyto(value, total, casting="same_kind")
        if exact is not None:
            value[tie] = exact
    return value


def erf_inv64(u: Floats) -> Floats:
    """The inverse error function of -1 to 1, both of which give infinities."""
    minus = log1p64(-(u * u))
    value = np.empty_like(u)
    tail, end = minus <= -6.25, minus <= -16
    for places, terms, shift in ((tail & ~end, _TAIL64, 3.25), (end, _END64, 5.0)):
        value[places] = _horner64(terms, np.sqrt(-minus[places]) - shift)
    centre = ~tail
    value[centre] = _horner64(_CENTRE64, -3.125 - minus[centre])
    value[np.abs(u) == 1] = np.inf
    return np.multiply(value, u, out=value)


def log1p64(x: Floats) -> Floats:
    """log(1 + x) for -1 < x <= 0; of -1, the logarithm of 2^-1022."""
    value = np.empty_like(x)
    near = x > -_NEAR
    small = x[near]
    square = small * small
    fraction = _horner64(_ABOVE, small) / _horner64(_BELOW, small)
    value[near] = small + (square * -0.5 + (small * square) * fraction)
    # numpy's own logarithm may differ in the last bit from the library's, which XLA calls.
    value[~near] = [math.log(max(1 + v, 2.0**-1022)) for v in x[~near].tolist()]
    return value


def _horner64(terms: Sequence[float], x: Floats) -> Floats:
    """A polynomial, every step fused. As `fma64` would, without its making arrays anew at every step.

    A step's sum is that of a float, which is nearest to it, and of a rest, rounded: where one unit more or less of the
    rest's last digit rounds to the same result, that is the one of the exact rest, as rounding is monotonic.
    """
    value = np.full(x.shape, terms[0])
    scratch = np.empty((6, *x.shape))
    high, low = np.empty((2, *x.shape))
    _split(x, high, low, scratch[0])
    for term in terms[1:]:
        product, error, value_high, value_low, part, total = scratch
        np.multiply(x, value, out=product)
        _split(value, value_high, value_low, part)
        np.multiply(high, value_high, out=error)
        np.subtract(error, product, out=error)
        for one, other in ((high, value_low), (low, value_high), (low, value_low)):
            np.add(error, np.multiply(one, other, out=part), out=error)
        # Knuth's sum of product and term, and what its rounding lost.
        np.add(product, term, out=total)
        np.subtract(total, product, out=part)
        np.subtract(product, np.subtract(total, part, out=value_low), out=value_low)
        np.subtract(term, part, out=part)
        np.add(value_low, part, out=value_low)
        np.add(error, value_low, out=error)
        np.add(total, np.multiply(error, 1 - 2.0**-52, out=part), out=part)
        np.add(total, np.multiply(error, 1 + 2.0**-52, out=error), out=total)
        unsure = np.flatnonzero(part != total)
        total[unsure] = fma64(x[unsure], value[unsure], term)
        np.copyto(value, total)
    return value


def _split(x: Floats, high: Floats, low: Floats, room: Floats) -> None:
    """Veltkamp's: x as the sum of two numbers of 26 bits."""
    np.multiply(x, 134217729.0, out=room)
    np.subtract(room, x, out=high)
    np.subtract(room, high, out=high)
    np.subtract(x, high, out=low)


def erf32(x: float) -> float:
    """The error function of a number of float32."""
    if abs(x) >= np.float32(_ERF_IS_ONE):
        return math.copysign(1.0, x)
    at = np.full(1, x, np.float32)
    square = at * at
    above, below = (_horner32(terms, square) for terms in (_ERF_ABOVE, _ERF_BELOW))
    return float((at * above / below)[0])


def erf64(x: float) -> float:
    """The error function of a number of float64: the library's."""
    return math.erf(x)
