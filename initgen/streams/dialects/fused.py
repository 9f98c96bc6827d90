"""Fused multiply-add, a * b + c rounded once, of arrays: what compilers make of it where the frameworks run."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

_TIE, _BELOW = np.uint64(0x10000000), np.uint64(0x1FFFFFFF)


def fma32(a: Floats32, b: Floats32 | np.float32, c: Floats32 | np.float32) -> Floats32:
    """a * b + c in float32, rounded once.

    The product is exact in float64, and its sum with c is rounded there first. That makes a difference only where the
    sum lies in the middle between two numbers of float32, and for subnormal ones, which have fewer digits.
    """
    product = np.multiply(a, b, dtype=np.float64)
    total = product + c
    bits = total.view(np.uint64) & _BELOW
    twice = np.flatnonzero((bits == _TIE) | (np.abs(total) < np.finfo(np.float32).tiny))
    if twice.size:
        addend = np.broadcast_to(np.asarray(c, np.float64), total.shape)[twice]
        total[twice] = _to_odd(product[twice], addend)
    return total.astype(np.float32)


def fma64(a: Floats, b: Floats | float, c: Floats | float) -> Floats:
    """a * b + c in float64, rounded once, barring overflow.

    Boldo & Melquiond 2008, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd",
    figure 2.
    """
    high, low = _product(a, b)
    first, rest = _sum(np.asarray(c, np.float64), low)
    total, lost = _sum(high, first)
    return total + _to_odd(rest, lost)


def _sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b, and what its rounding lost (Knuth's TwoSum)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _product(a: Floats, b: Floats | float) -> tuple[Floats, Floats]:
    """a * b, and what its rounding lost (Dekker's)."""
    (ah, al), (bh, bl) = _halves(np.asarray(a, np.float64)), _halves(np.asarray(b, np.float64))
    high = np.asarray(a * b)
    return high, ((ah * bh - high) + ah * bl + al * bh) + al * bl


def _halves(a: Floats) -> tuple[Floats, Floats]:
    """Two numbers of 26 bits with the sum a (Veltkamp's)."""
    scaled = a * 134217729.0
    high = scaled - (scaled - a)
    return high, a - high


def _to_odd(a: Floats, b: Floats) -> Floats:
    """a + b rounded to odd: where it is not exact, of the two neighbours the one whose last bit is 1."""
    total, lost = _sum(a, b)
    bits, side = total.view(np.int64), lost.view(np.int64)
    # The other neighbour lies further from zero (+1) or nearer to it (-1), as the signs agree or not.
    step = bits ^ side
    step >>= 63
    step |= 1
    step *= lost != 0
    step *= ~bits & 1
    bits += step
    return total
