"""Emulated fused multiply-adds against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from initgen.streams.dialects.fused import fma32, fma64


def rounded(exact, kind):
    """The number nearest to a fraction, to even where two are."""
    guess = kind(float(exact))
    near = [guess, np.nextafter(guess, kind(np.inf)), np.nextafter(guess, kind(-np.inf))]
    word = np.int32 if kind is np.float32 else np.int64
    return min(near, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(word)) & 1))


def numbers(rng, kind, count, spread):
    """Numbers of few or all digits, as sums of few digits meet the middle between two others most often."""
    digits = {np.float32: 24, np.float64: 53}[kind]
    whole = rng.integers(1, 2 ** rng.integers(1, digits + 1, count))
    signs = rng.choice([-1.0, 1.0], count)
    return (signs * whole * 2.0 ** rng.integers(-digits - spread, -digits + spread, count)).astype(kind)


CASES = ((fma32, np.float32, 30), (fma32, np.float32, 4), (fma64, np.float64, 60), (fma64, np.float64, 4))


@pytest.mark.parametrize(("fma", "kind", "spread"), CASES)
def test_a_sum_is_rounded_once(fma, kind, spread):
    rng = np.random.default_rng(1)
    a, b, c = (numbers(rng, kind, 3_000, spread) for _ in range(3))
    # A third where the product is almost cancelled, and a third where the sum lies in the middle or next to it.
    c[:1000] = -(a[:1000] * b[:1000])
    top = kind(2.0) ** rng.integers(-3, 3, 1000)
    half = {np.float32: 2.0**-24, np.float64: 2.0**-53}[kind]
    a[-1000:], b[-1000:] = top * (1 + rng.integers(0, 9, 1000) * 2 * half), 1 + rng.integers(-2, 3, 1000) * half * 2
    c[-1000:] = rng.choice([-half, half, half * (1 + 2 * half), half / 2], 1000) * top
    wanted = [
        rounded(Fraction(x) * Fraction(y) + Fraction(z), kind)
        for x, y, z in zip(*(v.tolist() for v in (a, b, c)), strict=True)
    ]
    assert np.array_equal(fma(a, b, c), np.array(wanted))


def test_numbers_for_all_elements_are_taken_too():
    a = np.linspace(0.1, 0.9, 5000)
    narrow = a.astype(np.float32)
    assert np.array_equal(fma64(a, 0.7, 0.3), fma64(a, np.full(5000, 0.7), np.full(5000, 0.3)))
    third = np.float32(1 / 3)
    assert np.array_equal(
        fma32(narrow, third, -third), fma32(narrow, np.full_like(narrow, third), np.full_like(narrow, -third))
    )


@pytest.mark.parametrize(("fma", "kind", "digits"), [(fma32, np.float32, 24), (fma64, np.float64, 53)])
def test_what_float64_loses_decides_where_a_sum_lies_in_the_middle(fma, kind, digits):
    # Half a step of c, and about 2^-2k of it more or less, which the first of two roundings would lose.
    k = np.arange(digits // 2 + 1, digits - 3)
    small = np.append(2.0**-k, 1.25 * 2.0**-k)
    for odd in range(8):
        c = np.full(small.size, kind(1 + odd * 2.0 ** (1 - digits)))
        a = (2.0**-digits * (1 + small)).astype(kind)
        for b in ((1 - small).astype(kind), (1 + small).astype(kind)):
            for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                x, z = a * kind(signs[0]), c * kind(signs[1])
                wanted = [
                    rounded(Fraction(float(p)) * Fraction(float(q)) + Fraction(float(r)), kind)
                    for p, q, r in zip(x, b, z, strict=True)
                ]
                assert np.array_equal(fma(x, b, z), np.array(wanted))


def test_subnormal_sums_in_the_middle_are_rounded_once():
    # As above, c being an odd number of the smallest steps, and the product half a step less a little.
    k = np.arange(16, 23)
    a, b = ((2.0**-75 * (1 + sign * 2.0**-k)).astype(np.float32) for sign in (1, -1))
    for steps in (1, 2**22 + 1, 2**22 + 2, 2**22 + 7):
        c = np.full(k.size, steps * 2.0**-149, np.float32)
        wanted = [
            rounded(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)), np.float32)
            for x, y, z in zip(a, b, c, strict=True)
        ]
        assert np.array_equal(fma32(a, b, c), np.array(wanted))
        assert np.array_equal(fma32(-a, b, -c), -np.array(wanted))
