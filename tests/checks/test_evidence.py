"""The evidence: every p is an upper bound on the probability it stands for, at any number of values."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

from initgen.checks.cells import cells_of
from initgen.checks.evidence import of_average, of_correlation, of_count, of_distance
from initgen.core.dtypes import DTYPES
from initgen.laws import Normal, TruncatedNormal, Uniform

LAWS = {
    "uniform": (Uniform(-1.0, 1.0), scipy.stats.uniform(-1, 2)),
    "uniform from 0": (Uniform(0.0, 0.01), scipy.stats.uniform(0, 0.01)),
    "normal": (Normal(0.0, 1.0), scipy.stats.norm()),
    "truncated": (TruncatedNormal(0.0, 1.0, -2.0, 2.0), scipy.stats.truncnorm(-2, 2)),
}
# The standard score of a probability under each law; scipy.stats' own quantiles take ten times as long.
_CUT = scipy.special.ndtr(2)
SCORES = {
    "uniform": lambda u: (2 * u - 1) * math.sqrt(3),
    "normal": scipy.special.ndtri,
    "truncated": lambda u: scipy.special.ndtri(1 - _CUT + u * (2 * _CUT - 1)) / LAWS["truncated"][1].std(),
}
RUNS = 20_000
LEVEL = 1e-2
# How many alarms there may be if each has exactly the probability LEVEL: more happens with probability 1e-8, and the
# forty counts of this file together fail a right program with probability below 1e-6. 1.4 % of alarms would be seen.
MOST = int(scipy.stats.binom(RUNS, LEVEL).isf(1e-8))


def critical(p_of, low, high):
    """The point where a falling p crosses LEVEL, so that 20,000 runs need one search."""
    if p_of(high) >= LEVEL:
        return math.inf
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if p_of(middle) >= LEVEL else (low, middle)
    return high


def values_of(cells):
    std = math.sqrt(cells.variance)
    scaled = (cells.values - float(cells.weights @ cells.values)) / std
    squares = ((cells.values - cells.mean) / std) ** 2
    return scaled, squares / float(cells.weights @ squares) - 1


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_false_alarms_are_no_more_than_stated(name, n):
    """Mean, variance, shape and, where it is asked, correlation: 20,000 runs of right values."""
    cells = cells_of(LAWS[name][0], DTYPES["float32"])
    scaled, squares = values_of(cells)
    limits = [
        critical(lambda e: of_average(e, scaled, cells.weights, n), 0.0, 50.0),
        critical(lambda e: of_average(-e, scaled, cells.weights, n), 0.0, 50.0),
        critical(lambda e: of_average(e, squares, cells.weights, n), 0.0, 2500.0),
        critical(lambda e: of_average(-e, squares, cells.weights, n), 0.0, 1.0),
        critical(lambda d: of_distance(d, n), 0.0, 10.0),
        critical(lambda r: of_correlation(r, n - 1), 0.0, 10.0) if n >= 1000 else math.inf,
    ]
    alarms = np.zeros(4, int)
    rng = np.random.Generator(np.random.PCG64(1))
    for _ in range(0, RUNS, 2000):
        u = rng.random((2000, n))
        z = SCORES[name](u)
        mean, spread = z.mean(axis=1), (z * z).mean(axis=1) - 1
        correlation = (z[:, 1:] * z[:, :-1]).mean(axis=1) if n > 1 else np.zeros(2000)
        u.sort(axis=1)
        distance = np.maximum(np.arange(1, n + 1) / n - u, u - np.arange(n) / n).max(axis=1)
        alarms += [
            np.count_nonzero((mean > limits[0]) | (mean < -limits[1])),
            np.count_nonzero((spread > limits[2]) | (spread < -limits[3])),
            np.count_nonzero(distance > limits[4]),
            np.count_nonzero(abs(correlation) > limits[5]),
        ]
    assert (alarms <= MOST).all(), alarms
    if n == 1000:  # and none of the bounds is idle
        assert (alarms > 0).all(), alarms


@pytest.mark.parametrize("name", LAWS)
def test_the_average_of_one_value_is_never_called_less_likely_than_it_is(name):
    ours, theirs = LAWS[name]
    cells = cells_of(ours, DTYPES["float32"])
    scaled, _ = values_of(cells)
    top = theirs.ppf(1 - 1e-12)
    for x in np.linspace(theirs.mean(), top, 201)[1:-1]:
        error = (x - theirs.mean()) / theirs.std()
        assert of_average(error, scaled, cells.weights, 1) >= theirs.sf(x), x


@pytest.mark.parametrize("nearness", [0.3, 0.1, 0.03, 0.01, 0.003, 0.001])
def test_two_values_at_the_ends_are_never_called_less_likely_than_they_are(nearness):
    """For |x| uniform on 0 to 1, P(both above 1 - e) = e^2, and then the mean square is above (1 - e)^2."""
    ours, _ = LAWS["uniform"]
    cells = cells_of(ours, DTYPES["float32"])
    _, squares = values_of(cells)
    assert of_average(3 * (1 - nearness) ** 2 - 1, squares, cells.weights, 2) >= nearness**2


@pytest.mark.parametrize("n", [2, 10, 100, 10_000])
@pytest.mark.parametrize("z", [0.5, 3, 4, 5, 6, 10])
def test_the_mean_of_normal_values_is_bounded_as_mills_says(n, z):
    cells = cells_of(Normal(0.0, 1.0), DTYPES["float32"])
    scaled, _ = values_of(cells)
    p = of_average(z / math.sqrt(n), scaled, cells.weights, n)
    exact = 2 * scipy.stats.norm.sf(z)
    # Chernoff's bound for the normal law is 2 exp(-z^2/2), some z sqrt(2 pi) times the truth.
    assert exact <= p <= min(1.0, 1.1 * 2 * math.exp(-z * z / 2))


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
@pytest.mark.parametrize("z", [3, 4, 6, 10])
def test_the_variance_of_normal_values_is_bounded_by_chi_squared(n, z):
    cells = cells_of(Normal(0.0, 1.0), DTYPES["float32"])
    _, squares = values_of(cells)
    excess = z * math.sqrt(2 / n)
    law = scipy.stats.chi2(n)
    assert of_average(excess, squares, cells.weights, n) >= law.sf(n * (1 + excess))
    if excess < 1:
        assert of_average(-excess, squares, cells.weights, n) >= law.cdf(n * (1 - excess))


@pytest.mark.parametrize("n", [1, 5, 50, 1000, 10**6])
@pytest.mark.parametrize("d", [0.001, 0.01, 0.1, 0.3, 0.7, 1.0])
def test_the_distance_is_bounded_by_its_exact_law(n, d):
    if n <= 1000:
        assert of_distance(d, n) >= scipy.stats.kstwo(n).sf(d)
    assert of_distance(d, n) == pytest.approx(min(1, 2 * math.exp(-2 * n * d * d)), abs=1e-300)


def test_what_no_draw_can_reach_is_impossible_and_what_is_expected_is_not():
    values, weights = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    assert of_average(1.1, values, weights, 30) < 1e-6
    assert of_average(0.0, values, weights, 10) == 1
    assert of_average(1.0, values, weights, 10) >= 2.0**-10
    assert of_average(-1.0, values, weights, 10) >= 2.0**-10
    assert of_average(1.0, values, weights, 30) < 1e-6


def test_a_count_of_what_cannot_be_has_no_probability():
    assert (of_count(0, 10, 0.0), of_count(1, 10, 0.0)) == (1.0, 0.0)
