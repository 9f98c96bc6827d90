"""The normal tail and its inverse, in operations that every machine rounds alike.

The native stream is drawn through this file, so its every bit is part of the stream's contract. It uses only + - * / sqrt,
comparisons and bit operations on float64, each in a ufunc of its own (so that no compiler can fuse two of them), and for
the ends of a truncated law the ``decimal`` module, whose ``exp`` is correctly rounded by its specification.
"""

import decimal
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Wichura 1988, "Algorithm AS 241: The Percentage Points of the Normal Distribution", PPND16: numerator and denominator of
# a rational function for the centre, in 0.180625 - q^2, and two for the tails, in sqrt(-log p) - 1.6 and - 5.
# Constant term first; relative error about 1e-16.
_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_NEAR = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_FAR = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip

# log 2 in two parts, the first with 21 bits, so that its multiples by an exponent are exact.
_LOG2_HIGH = float.fromhex("0x1.62E42p-1")
_LOG2_LOW = float.fromhex("0x1.fdf473de6af28p-22")
_SQRT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")


def upper_quantile(tail: Floats) -> Floats:
    """The z that a standard normal exceeds with probability ``tail``, for 0 < tail <= 1/2. Never negative."""
    q = 0.5 - tail
    z = q * _rational(_CENTRE, 0.180625 - q * q)  # of all: to take out the centre's and put them back costs more
    edge = np.flatnonzero(q > 0.425)
    if edge.size:
        z[edge] = _edge(tail[edge])
    return z


def _edge(tail: Floats) -> Floats:
    r = np.sqrt(-_log(tail))
    z = _rational(_NEAR, r - 1.6)
    far = np.flatnonzero(r > 5)
    if far.size:
        z[far] = _rational(_FAR, r[far] - 5.0)
    return z


def signed_quantile(p: Floats) -> Floats:
    """The z that a standard normal exceeds with probability ``p``, for 0 < p < 1."""
    return np.copysign(upper_quantile(np.minimum(p, 1.0 - p)), 0.5 - p)


def _rational(terms: tuple[Sequence[float], Sequence[float]], x: Floats) -> Floats:
    top, bottom = (_horner(part, x) for part in terms)
    return np.divide(top, bottom, out=top)


def _horner(terms: Sequence[float], x: Floats) -> Floats:
    value = terms[-1] * x
    for term in terms[-2:0:-1]:
        value += term
        value *= x
    value += terms[0]
    return value


def _log(x: Floats) -> Floats:
    """The natural logarithm of positive, normal ``x`` to about 1e-16: 2 atanh((m - 1) / (m + 1)) + e log 2."""
    m, e = np.frexp(x)
    low = (m < _SQRT_HALF).astype(np.float64)
    m += m * low  # doubled; a branch on what is random, as in np.where, costs ten times as much
    e = e - low
    f = (m - 1.0) / (m + 1.0)
    s = f * f
    series = _horner([1 / (2 * k + 1) for k in range(1, 12)], s) * s
    return e * _LOG2_HIGH + (e * _LOG2_LOW + (f + f) * (1.0 + series))


@lru_cache(maxsize=256)
def tail(x: float) -> float:
    """The probability that a standard normal exceeds ``x``, correctly rounded to float64."""
    if abs(x) > 39:  # where the smaller tail is below the smallest float64
        return 0.0 if x > 0 else 1.0
    with decimal.localcontext() as context:
        # As many digits more as the difference below loses.
        context.prec = 45 + int(0.2172 * x * x)
        context.Emin, context.Emax = decimal.MIN_EMIN, decimal.MAX_EMAX
        return float(_tail(decimal.Decimal(x), context.prec))


def _tail(x: decimal.Decimal, prec: int) -> decimal.Decimal:
    """1/2 - phi(x) (x + x^3/3 + x^5/15 + ...)."""
    if not x:
        return decimal.Decimal("0.5")
    square = x * x
    term = total = x
    k = 1
    while term.adjusted() > total.adjusted() - prec:
        k += 2
        term = term * square / k
        total += term
    density = (-square / 2).exp() / (2 * _pi(prec)).sqrt()
    return decimal.Decimal("0.5") - density * total


def _pi(prec: int) -> decimal.Decimal:
    """Machin 1706: 16 atan(1/5) - 4 atan(1/239), in whole numbers scaled by ten guard digits more."""
    one: int = 10 ** (prec + 10)

    def atan_inverse(n: int) -> int:
        power: int = one // n
        total = power
        k = 1
        while power:
            power //= -n * n
            k += 2
            total += power // k
        return total

    return decimal.Decimal(16 * atan_inverse(5) - 4 * atan_inverse(239)).scaleb(-prec - 10)


def interval(a: float, b: float) -> float:
    """The probability of a standard normal between ``a`` and ``b``, without cancellation in either tail."""
    if a > 0:
        return tail(a) - tail(b)
    if b < 0:
        return tail(-b) - tail(-a)
    return 1.0 - tail(-a) - tail(b)
