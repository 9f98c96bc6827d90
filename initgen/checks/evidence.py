"""How unlikely a measurement is under a law. Every p here is an upper bound, at any number of values.

So the rate of false alarms of a whole run is at most what is stated, for one value as for a billion, and needs no tables:
means, variances and counts by Chernoff's bound, the shape by that of Dvoretzky, Kiefer and Wolfowitz.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def of_average(average: float, values: Floats, weights: Floats, n: int) -> float:
    """The probability that the average of ``n`` draws lies as far from its mean as ``average``, on either side.

    Twice Chernoff's bound exp(-n sup_s (s average - log E exp(s value))). Chernoff 1952, theorem 1.
    """
    mean = float(weights @ values)
    centred = values - mean
    excess = average - mean
    if excess == 0 or n == 0:
        return 1.0
    if excess < 0:
        centred, excess = -centred, -excess
    top = float(centred.max())
    if excess > 1.01 * top:
        return 0.0  # no draw reaches that far, let alone their average
    if excess >= top:  # all of them are in the outermost cell
        return min(1.0, 2 * float(weights[centred == top].sum()) ** min(n, 10**6))
    log_weights = np.log(weights)
    variance = float(weights @ centred**2)
    if variance == 0:
        return 1.0

    def tilted(s: float) -> tuple[float, float]:
        """log E exp(s value), and its derivative."""
        exponents = log_weights + s * centred
        peak = float(exponents.max())
        terms = np.exp(exponents - peak)
        total = float(terms.sum())
        return peak + math.log(total), float(terms @ centred) / total

    # The best s solves derivative = excess; the derivative grows with s. Any s gives a valid bound, so that of the
    # bisection need not be exact.
    high = excess / variance
    for _ in range(200):
        if tilted(high)[1] >= excess:
            break
        high *= 2
    low = 0.0
    while high - low > 1e-3 * high:  # the bound is flat about the best one: this loses a millionth of its logarithm
        middle = (low + high) / 2
        if tilted(middle)[1] < excess:
            low = middle
        else:
            high = middle
    rate = high * excess - tilted(high)[0]
    return min(1.0, 2 * math.exp(-min(n * max(rate, 0.0), 745)))


def of_distance(distance: float, n: int) -> float:
    """The probability of a Kolmogorov-Smirnov distance this large: 2 exp(-2 n D^2), Massart 1990."""
    return min(1.0, 2 * math.exp(-min(2 * n * distance * distance, 745)))


def of_correlation(r: float, n: int) -> float:
    """The probability of a lag-1 correlation as far from 0 as ``r`` among ``n`` independent values.

    r sqrt(n) is asymptotically standard normal. 2 exp(-z^2/2) is some ten times the normal's tail where it matters, and
    that covers the approximation from about a thousand values on; below, do not ask.
    """
    return min(1.0, 2 * math.exp(-min(n * r * r / 2, 745)))


def of_count(count: int, n: int, expected: float) -> float:
    """The probability of at least ``count`` among ``n`` draws that each count with probability ``expected``.

    Chernoff's bound exp(-n KL(count/n, expected)), as Hoeffding 1963 (theorem 1, 2.1) has it.
    """
    share = count / n
    if share <= expected:
        return 1.0
    if not expected:
        return 0.0
    divergence = share * math.log(share / expected)
    if share < 1:
        divergence += (1 - share) * (math.log1p(-share) - math.log1p(-expected))
    return math.exp(-min(n * max(divergence, 0.0), 745))
