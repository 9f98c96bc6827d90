"""The logf and sincosf of glibc 2.28 to 2.40, of arrays and in the same order of operations: the same to the bit.

Both compute in float64 and round once. Tables and polynomials: glibc's e_logf_data.c and s_sincosf_data.c, which are
those of Arm's optimized routines.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


def _doubles(text: str) -> Floats:
    return np.array([float.fromhex(number) for number in text.split()])


_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_LOG = _doubles("-0x1.00ea348b88334p-2 0x1.5575b0be00b6ap-2 -0x1.ffffef20a4123p-2")

# 1/c and log(c), c about the middle of each sixteenth of the numbers from 0.7 to 1.4.
_INVERSES = _doubles(
    "0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0 0x1.3c995b0b80385p+0 "
    "0x1.30d190c8864a5p+0 0x1.25e227b0b8eap+0 0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0 "
    "0x1.0953f419900a7p+0 0x1p+0 0x1.e608cfd9a47acp-1 0x1.ca4b31f026aap-1 "
    "0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1 0x1.767dcf5534862p-1"
)
_LOGS = _doubles(
    "-0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3 "
    "-0x1.6574f0ac07758p-3 -0x1.1aa2bc79c81p-3 -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4 "
    "-0x1.252f438e10c1ep-5 0x0p+0 0x1.aa5aa5df25984p-5 0x1.c5e53aa362eb4p-4 "
    "0x1.526e57720db08p-3 0x1.bc2860d22477p-3 0x1.1058bc8a07ee1p-2 0x1.4043057b6ee09p-2"
)
_LEAST = np.uint32(0x3F330000)  # 0.7 or so, where the sixteenths begin

_HALF_PI = float.fromhex("0x1.921fb54442d18p0")
_QUADRANTS = float.fromhex("0x1.45f306dc9c883p+23")  # 2^24 over half pi
_COS = _doubles("-0x1.ffffffd0c621cp-2 0x1.55553e1068f19p-5 -0x1.6c087e89a359dp-10 0x1.99343027bf8c3p-16")
_SIN = _doubles("-0x1.555545995a603p-3 0x1.1107605230bc4p-7 -0x1.994eb3774cf24p-13")
_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])


def logf(x: Floats32) -> Floats32:
    """Natural logarithm of normal numbers above 0."""
    bits = x.view(np.uint32)
    offset = bits - _LEAST
    entry = (offset >> np.uint32(19)) & np.uint32(15)
    exponent = offset.view(np.int32) >> np.int32(23)
    mantissa = (bits - (offset & np.uint32(0xFF800000))).view(np.float32)
    r = mantissa.astype(np.float64)
    r *= _INVERSES.take(entry)
    r -= 1.0
    squared = r * r
    y: Floats = _LOG[1] * r
    y += _LOG[2]
    y += _LOG[0] * squared
    y *= squared
    whole = exponent * _LN2
    whole += _LOGS.take(entry)
    whole += r
    y += whole
    return y.astype(np.float32)


def sincosf(x: Floats32) -> tuple[Floats32, Floats32]:
    """Sine and cosine of numbers from 0 to 120."""
    wide = x.astype(np.float64)
    scaled = (wide * _QUADRANTS).astype(np.int32)
    scaled += np.int32(0x800000)
    scaled >>= np.int32(24)
    wide -= scaled * _HALF_PI
    squared = wide * wide
    fourth = squared * squared
    # The sine of what is left, whose sign is that of quadrants 1 and 2, and its cosine, of 2 and 3.
    wide *= _SIGNS.take(scaled & 3)
    cubed = squared * wide
    sine = cubed * _SIN[0]
    sine += wide
    sine += cubed * squared * (squared * _SIN[2] + _SIN[1])
    cosine = squared * _COS[0]
    cosine += 1.0
    cosine += fourth * _COS[1]
    cosine += fourth * squared * (squared * _COS[3] + _COS[2])
    cosine *= _SIGNS.take((scaled - 1) & 3)
    swapped = (scaled & 1).astype(bool)
    return (
        np.where(swapped, cosine, sine).astype(np.float32),
        np.where(swapped, sine, cosine).astype(np.float32),
    )
