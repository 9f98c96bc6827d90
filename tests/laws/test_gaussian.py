"""The normal tail and its inverse against scipy and against sums of their own."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from initgen.laws import gaussian

# Continued fraction and series in decimal, apart from the library's own.
reference = runpy.run_path(str(Path(__file__).parents[1] / "streams" / "reference.py"))

# Abramowitz & Stegun 1964, tables 26.1 and 26.2, to as many digits as float64 has.
PUBLISHED = {
    0.0: 0.5,
    0.5: 0.308537538725986896,
    1.0: 0.158655253931457051,
    2.0: 0.0227501319481792072,
    3.0: 0.00134989803163009453,
    5.0: 2.86651571879193912e-07,
    6.0: 9.86587645037698141e-10,
    10.0: 7.61985302416052607e-24,
    20.0: 2.75362411860623269e-89,
    30.0: 4.90671392714818706e-198,
}
POINTS = [k / 16 for k in range(0, 37 * 16 + 1, 7)] + [1e-300, 1e-9, 0.1, 1.959963984540054, 2 / 3, 3.999, 4.001, 37.0]


@pytest.mark.parametrize("x", PUBLISHED)
def test_the_tail_is_the_published_one(x):
    assert gaussian.tail(x) == pytest.approx(PUBLISHED[x], rel=5e-16, abs=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_tail_is_correctly_rounded(sign):
    wrong = [x for x in POINTS if gaussian.tail(sign * x) != reference["tail"](sign * x)]
    assert not wrong


def test_the_tail_is_scipys():
    # scipy rounds x * x / 2 before its exp, which costs up to 6e-13 at 30.
    for x in POINTS + [-point for point in POINTS]:
        assert gaussian.tail(x) == pytest.approx(special.ndtr(-x), rel=1e-12, abs=0)


def test_the_tail_ends_where_float64_does():
    assert gaussian.tail(38.0) > 0
    assert gaussian.tail(39.5) == 0 == gaussian.tail(math.inf)
    assert gaussian.tail(-39.5) == 1 == gaussian.tail(-math.inf)


@pytest.mark.parametrize(
    ("a", "b"), [(-2.0, 2.0), (-1.0, 3.0), (1.0, 4.0), (-9.0, -8.0), (30.0, 31.0), (0.0, math.inf)]
)
def test_an_interval_keeps_its_digits_in_either_tail(a, b):
    lower, upper = (a, b) if a > 0 else (-b, -a) if b < 0 else (a, b)
    expected = special.ndtr(-lower) - special.ndtr(-upper) if lower > 0 else special.ndtr(b) - special.ndtr(a)
    assert gaussian.interval(a, b) == pytest.approx(expected, rel=1e-12, abs=0)


def _tails():
    """Probabilities of every size, the seams of the three approximations, and the words' own ends."""
    rng = np.random.default_rng(6)
    seams = [0.075, math.exp(-25), 0.5, 2.0**-33, 2.0**-65, 1e-300]
    near = [np.nextafter(seam, to) for seam in seams[:2] for to in (0, 1)]
    # On both sides of each seam within rounding: no probability may fall between two approximations.
    around = np.concatenate([seam + np.arange(-50, 51) * np.spacing(seam) for seam in seams[:2]])
    return np.concatenate([seams, near, around, rng.uniform(0, 0.5, 100_000), 10 ** rng.uniform(-300, -0.31, 100_000)])


def test_upper_quantile_is_scipys():
    tails = _tails()
    z = gaussian.upper_quantile(tails)
    exact = -special.ndtri(tails)
    assert (z >= 0).all()
    assert (np.abs(z - exact) <= 1e-14 * np.maximum(1, exact)).all()


def test_upper_quantile_of_a_probability_does_not_depend_on_its_neighbours():
    tails = _tails()
    together = gaussian.upper_quantile(tails)
    alone = np.concatenate([gaussian.upper_quantile(tails[i : i + 1]) for i in range(1000)])
    assert np.array_equal(alone, together[:1000])


def test_signed_quantile_is_upper_quantile_with_the_sign_of_the_nearer_end():
    p = np.array([0.5, 0.25, 0.75, 1e-9, 1 - 1e-9, 0.9999])
    np.testing.assert_allclose(gaussian.signed_quantile(p), -special.ndtri(p), rtol=1e-14, atol=1e-15)
