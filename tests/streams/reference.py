"""The native stream, version 1, once more: Python integers, fractions and floats, and nothing of numpy or initgen.

Written from the contract's text, to be compared with bit for bit. A law is a tuple: ("uniform", low, high),
("normal", center, scale), ("truncated", center, scale, low, high) or ("constant", value).
"""

import hashlib
import math
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache

Law = tuple[str, *tuple[float, ...]]

# digits of the significand, exponent of the smallest value's power of two, largest finite value
FORMATS = {
    "float64": (53, -1074, Fraction(2**53 - 1) * 2**971),
    "float32": (24, -149, Fraction(2**24 - 1) * 2**104),
    "float16": (11, -24, Fraction(65504)),
    "bfloat16": (8, -133, Fraction(255) * 2**120),
    "float8_e4m3fn": (4, -9, Fraction(448)),
    "float8_e5m2": (3, -16, Fraction(57344)),
}


@cache
def key(seed: int, name: str) -> tuple[int, int]:
    digest = hashlib.sha256(b"initgen native-1\0" + seed.to_bytes(8, "little") + name.encode("utf-8")).digest()
    return int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:], "little") | 1


def word64(state: int, increment: int, index: int) -> int:
    """Output ``index`` of PCG64DXSM (O'Neill 2014, section 4.3.1, for the jump): the multiplier is the cheap one."""
    multiplier, add, jump = 0xDA942042E4DD58B5, increment, index
    while jump:
        if jump & 1:
            state = (state * multiplier + add) % 2**128
        multiplier, add = multiplier * multiplier % 2**128, (multiplier + 1) * add % 2**128
        jump >>= 1
    high, low = state >> 64, state % 2**64 | 1
    high ^= high >> 32
    high = high * 0xDA942042E4DD58B5 % 2**64
    high ^= high >> 48
    return high * low % 2**64


def word(seed: int, name: str, index: int, bits: int) -> int:
    """Word ``index`` of ``bits`` bits, signed."""
    if bits == 64:
        unsigned = word64(*key(seed, name), index)
    else:
        unsigned = word64(*key(seed, name), index // 2) >> 32 * (index % 2) & 0xFFFFFFFF
    return unsigned - (unsigned >> bits - 1 << bits)


def on_grid(x: Fraction, dtype: str, how=round) -> Fraction:
    """``x`` on the grid of ``dtype``: ``how`` is round (half to even), math.floor or math.ceil."""
    digits, least, _ = FORMATS[dtype]
    exponent = least
    if x:
        top = abs(x).numerator.bit_length() - abs(x).denominator.bit_length()
        top -= abs(x) < Fraction(2) ** top
        exponent = max(least, top - digits + 1)
    return how(x / Fraction(2) ** exponent) * Fraction(2) ** exponent


def value(law: Law, dtype: str, seed: int, name: str, index: int) -> float:
    """Element ``index`` of a tensor, as stored."""
    if law[0] == "constant":
        return _signed(on_grid(Fraction(law[1]), dtype), law[1])
    bits, kind = (64, "float64") if dtype == "float64" else (32, "float32")
    w = word(seed, name, index, bits)
    x = (
        _uniform(w, bits, kind, *law[1:])
        if law[0] == "uniform"
        else _line(w, law)
        if bits == 32
        else _quantile(law, w, 64)
    )
    exact = Fraction(x)
    low, high = {"uniform": law[1:], "truncated": law[3:], "normal": (-math.inf, math.inf)}[law[0]]
    if math.isfinite(low):
        exact = max(exact, on_grid(Fraction(low), dtype, math.ceil))
    if math.isfinite(high):
        exact = min(exact, on_grid(Fraction(high), dtype, math.floor))
    return _signed(on_grid(exact, dtype), x)


def _signed(exact: Fraction, sign: float) -> float:
    return float(exact) if exact else math.copysign(0.0, sign)


def _uniform(w: int, bits: int, kind: str, low: float, high: float) -> float:
    half = Fraction(1, 2)
    if low == -high:
        x = on_grid(on_grid(Fraction(w), kind) + half, kind)
        return float(on_grid(x * on_grid(Fraction(high), kind) / 2 ** (bits - 1), kind))
    x = on_grid(on_grid(Fraction(w + 2 ** (bits - 1)), kind) + half, kind)
    x = on_grid(x * on_grid(Fraction(high - low), kind) / 2**bits, kind)
    return float(on_grid(x + on_grid(Fraction(low), kind), kind))


def _line(w: int, law: Law) -> float:
    if not -(2**31) + 128 * 2**16 <= w < 2**31 - 128 * 2**16:
        return float(on_grid(Fraction(_quantile(law, w, 32)), "float32"))
    center, scale = law[1:3]
    standard = ("normal", 0.0, 1.0)
    if law[0] == "truncated":
        standard = ("truncated", 0.0, 1.0, (law[3] - center) / scale, (law[4] - center) / scale)
    first = w >> 16 << 16
    left, right = (_quantile(standard, first + low, 32) for low in (9598, 55937))
    slope = (right - left) / 46339
    offset = (left - slope * 9598) * scale + center
    c0, c1 = (on_grid(Fraction(c), "float32") for c in (offset, slope * scale))
    return float(on_grid(on_grid((w - first) * c1, "float32") + c0, "float32"))


def _quantile(law: Law, w: int, bits: int) -> float:
    """The quantile at (w + 1/2) / 2^bits + 1/2, with the probability counted from the nearer end."""
    upper = w >= 0
    words_before = 2 ** (bits - 1) - 1 - w if upper else w + 2 ** (bits - 1)
    p = (float(words_before) + 0.5) * 2.0**-bits
    center, scale = law[1:3]
    if law[0] == "normal":
        z = _upper(p)
        return center + scale * (z if upper else -z)
    a, b = (law[3] - center) / scale, (law[4] - center) / scale
    if a > 0:
        p *= tail(a) - tail(b)
        z = _upper_signed(tail(b) + p if upper else tail(a) - p)
    elif b < 0:
        p *= tail(-b) - tail(-a)
        z = -_upper_signed(tail(-b) - p if upper else tail(-a) + p)
    else:
        p *= 1.0 - tail(-a) - tail(b)
        z = _upper_signed(tail(b) + p) if upper else -_upper_signed(tail(-a) + p)
    return center + scale * z


def _upper_signed(p: float) -> float:
    return math.copysign(_upper(min(p, 1.0 - p)), 0.5 - p)


# Wichura 1988, AS 241, PPND16, as in CPython's statistics.py: highest power first.
_AS241 = """
2.5090809287301226727e+3 3.3430575583588128105e+4 6.7265770927008700853e+4 4.5921953931549871457e+4
1.3731693765509461125e+4 1.9715909503065514427e+3 1.3314166789178437745e+2 3.3871328727963666080e+0
5.2264952788528545610e+3 2.8729085735721942674e+4 3.9307895800092710610e+4 2.1213794301586595867e+4
5.3941960214247511077e+3 6.8718700749205790830e+2 4.2313330701600911252e+1 1.0
7.74545014278341407640e-4 2.27238449892691845833e-2 2.41780725177450611770e-1 1.27045825245236838258e+0
3.64784832476320460504e+0 5.76949722146069140550e+0 4.63033784615654529590e+0 1.42343711074968357734e+0
1.05075007164441684324e-9 5.47593808499534494600e-4 1.51986665636164571966e-2 1.48103976427480074590e-1
6.89767334985100004550e-1 1.67638483018380384940e+0 2.05319162663775882187e+0 1.0
2.01033439929228813265e-7 2.71155556874348757815e-5 1.24266094738807843860e-3 2.65321895265761230930e-2
2.96560571828504891230e-1 1.78482653991729133580e+0 5.46378491116411436990e+0 6.65790464350110377720e+0
2.04426310338993978564e-15 1.42151175831644588870e-7 1.84631831751005468180e-5 7.86869131145613259100e-4
1.48753612908506148525e-2 1.36929880922735805310e-1 5.99832206555887937690e-1 1.0
"""
_TERMS = [float(term) for term in _AS241.split()]


def _ratio(which: int, x: float) -> float:
    top, bottom = (_TERMS[start : start + 8] for start in (16 * which, 16 * which + 8))
    return _horner(top, x) / _horner(bottom, x)


def _horner(terms: list[float], x: float) -> float:
    total = terms[0]
    for term in terms[1:]:
        total = total * x + term
    return total


def _upper(p: float) -> float:
    q = 0.5 - p
    if q <= 0.425:
        return q * _ratio(0, 0.180625 - q * q)
    r = math.sqrt(-_log(p))
    return _ratio(2, r - 5.0) if r > 5 else _ratio(1, r - 1.6)


def _log(x: float) -> float:
    m, e = math.frexp(x)
    if m < math.sqrt(0.5):
        m, e = m + m, e - 1
    f = (m - 1.0) / (m + 1.0)
    s = f * f
    series = _horner([1 / k for k in range(23, 1, -2)], s) * s
    high, low = float.fromhex("0x1.62E42p-1"), float.fromhex("0x1.fdf473de6af28p-22")
    return e * high + (e * low + (f + f) * (1.0 + series))


_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")


@cache
def tail(x: float) -> float:
    """The probability that a standard normal exceeds ``x``: Laplace's continued fraction, or erf's own series.

    Source: Abramowitz & Stegun 26.2.14 and 26.2.10.
    """
    if x < 0:
        return float(1 - _tail(-x))
    return float(_tail(x))


def _tail(x: float) -> Decimal:
    if x > 39:
        return Decimal(0)
    with localcontext() as context:
        context.prec = 75
        z = Decimal(x)
        if x < 4:
            total = power = z
            for n in range(1, 400):
                power *= -z * z / (2 * n)
                total += power / (2 * n + 1)
            return Decimal("0.5") - total / (2 * _PI).sqrt()
        fraction = z
        for n in range(1500, 0, -1):
            fraction = z + n / fraction
        return (-z * z / 2).exp() / (2 * _PI).sqrt() / fraction
