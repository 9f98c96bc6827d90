"""log, sin and cos in float32 as ATen computes them eight at a time: Cephes' polynomials with fused multiply-adds.

ATen/native/cpu/avx_mathfun.h, after Cephes' logf, sinf and cosf (Moshier), as gcc contracts it where there is FMA.

A fused multiply-add is computed here in float64, where its product is exact, and rounded to float32 after its sum,
which may round twice. For the arguments that torch gives these functions, 2^24 each, that makes no difference: all were
computed both ways.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
# log 2 and pi/4 in parts, of which the first have few digits.
_LOG2_HIGH, _LOG2_LOW = 0.693359375, -2.12194440e-4
_PI_4 = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_4_PI = np.float32(1.27323954473516)
# The bits of sqrt(1/2), and the width of a mantissa.
_SQRT_HALF, _MANTISSA = np.int32(0x3F3504F3), np.int32(23)


def log(x: Floats32) -> Floats32:
    """The natural logarithm of normal positive ``x``."""
    exponent = x.view(np.int32) - _SQRT_HALF
    exponent >>= _MANTISSA
    e = exponent.astype(np.float32)
    exponent <<= _MANTISSA
    # The mantissa m, from sqrt(1/2) to sqrt(2), less 1.
    np.subtract(x.view(np.int32), exponent, out=exponent)
    t = exponent.view(np.float32)
    t -= np.float32(1)
    t64 = t.astype(np.float64)
    z, y = t * t, np.empty_like(t)
    y64 = _polynomial(_LOG, t64, y)
    y *= t
    np.copyto(y64, y)
    np.copyto(t64, z)
    y64 *= t64
    np.multiply(e, np.float32(_LOG2_LOW), out=y)
    np.copyto(t64, y)
    y64 += t64
    np.copyto(y, y64, casting="same_kind")
    z *= np.float32(0.5)
    y -= z
    y += t
    e *= np.float32(_LOG2_HIGH)  # exact
    y += e
    return y


def sincos(x: Floats32) -> tuple[Floats32, Floats32]:
    """Sine and cosine of ``x`` from 0 to 2 pi."""
    j = x * _4_PI
    octant = j.astype(np.int32)
    octant += np.int32(1)
    octant &= np.int32(~1)
    np.copyto(j, octant, casting="same_kind")
    x = x.copy()
    high, middle, low = (np.float32(part) for part in _PI_4)
    x = x + j * high
    x += j * middle  # both products are exact
    x64, j64 = x.astype(np.float64), j.astype(np.float64)
    j64 *= float(low)
    x64 += j64
    np.copyto(x, x64, casting="same_kind")
    np.copyto(x64, x)
    z, z64 = x * x, j64
    np.copyto(z64, z)
    cos, sin = j, np.empty_like(x)
    y = _polynomial(_COS, z64, cos)
    cos *= z
    np.copyto(y, cos)
    y *= z64
    y += np.multiply(z64, -0.5)
    np.copyto(cos, y, casting="same_kind")
    cos += np.float32(1)
    y = _polynomial(_SIN, z64, sin)
    sin *= z
    np.copyto(y, sin)
    y *= x64
    y += x64
    np.copyto(sin, y, casting="same_kind")
    return _turned(sin, cos, octant)


def _polynomial(terms: tuple[float, ...], x: Floats, out: Floats32) -> Floats:
    """The polynomial with these coefficients, the highest first, into ``out``; returned is room that it took."""
    first, second, *rest = (float(np.float32(term)) for term in terms)
    y = x * first
    y += second
    np.copyto(out, y, casting="same_kind")
    for term in rest:
        np.copyto(y, out)
        y *= x
        y += term
        np.copyto(out, y, casting="same_kind")
    return y


def _turned(sin: Floats32, cos: Floats32, octant: NDArray[np.int32]) -> tuple[Floats32, Floats32]:
    """Sine and cosine of an angle from those of what is left of it beyond that many eighths of a turn, an even number."""
    sine, cosine = sin.view(np.int32), cos.view(np.int32)
    # Where an odd number of quarters is gone, the two change places.
    change = octant << np.int32(30)
    change >>= np.int32(31)
    change &= sine ^ cosine
    sine ^= change
    cosine ^= change
    sign, four, top = change, np.int32(4), np.int32(29)
    for values, shift in ((sine, 0), (cosine, 2)):
        np.add(octant, np.int32(shift), out=sign)
        sign &= four
        sign <<= top
        values ^= sign
    return sin, cos
