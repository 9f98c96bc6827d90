"""MT19937 jumped ahead: its words from far on, in a tenth of a second for any distance.

Source: Haramoto, Matsumoto, Nishimura, Panneton & L'Ecuyer 2008, "Efficient Jump Ahead for F2-Linear Random Number
Generators". The words are linear over two elements in the state, and the characteristic polynomial of a step has degree
19937. So the words after n steps are sums of the first 19937 windows of words: those that x^n modulo the polynomial says.
"""

from functools import lru_cache

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

# Matsumoto & Nishimura 1998, table II.
_LENGTH, _MIDDLE, _TWIST = 624, 397, 0x9908B0DF
_DEGREE = 19937
# Rows of windows that are added in one go, so that they stay in the cache.
_ROWS = 256


def jumped(words: NDArray[np.uint32], distance: int) -> RandomState:
    """A generator that goes on ``distance`` words after the first of ``words``, the next `window` words of another."""
    chosen = np.unpackbits(np.frombuffer(_bytes(_power(distance)), np.uint8), bitorder="little")
    rows = np.flatnonzero(chosen)
    windows = np.lib.stride_tricks.sliding_window_view(words, _LENGTH)
    total = np.zeros(_LENGTH, np.uint32)
    for at in range(0, rows.size, _ROWS):
        total ^= np.bitwise_xor.reduce(windows[rows[at : at + _ROWS]], axis=0)
    generator = RandomState(0)
    generator.set_state(("MT19937", _untempered(total), 0, 0, 0.0))
    return generator


# How many words `jumped` takes.
window = _DEGREE + _LENGTH


def _untempered(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The state of which these are the words: the four steps of the tempering, backwards."""
    y = words ^ (words >> np.uint32(18))
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    x = y
    for _ in range(4):  # each time seven more bits are right
        x = y ^ ((x << np.uint32(7)) & np.uint32(0x9D2C5680))
    y = x
    for _ in range(2):
        y = x ^ (y >> np.uint32(11))
    return y


# Polynomials over two elements are integers: bit n is the coefficient of x^n.


def _bytes(polynomial: int) -> bytes:
    return polynomial.to_bytes((_DEGREE + 7) // 8, "little")


@lru_cache(maxsize=1)
def _terms() -> tuple[int, ...]:
    """Exponents of the characteristic polynomial but for the highest. Source: Matsumoto & Nishimura 1998, appendix A."""
    total = 1
    for bit in range(31):  # by Horner's rule, in x^623 + x^396
        total = total << (_LENGTH - 1) ^ total << (_MIDDLE - 1) ^ (_TWIST >> bit & 1)
    total = total << _LENGTH ^ total << _MIDDLE ^ _TWIST >> 31
    return tuple(at for at in range(_DEGREE) if total >> at & 1)


@lru_cache(maxsize=64)
def _power(exponent: int) -> int:
    """x^exponent modulo the characteristic polynomial."""
    # The square of a sum is the sum of the squares: a zero goes in beside each bit.
    spread = np.array([int(f"{byte:b}", 4) for byte in range(256)], "<u2")
    power = 1
    for bit in f"{exponent:b}":
        power = int.from_bytes(spread[np.frombuffer(_bytes(power), np.uint8)].tobytes(), "little") << int(bit)
        while over := power >> _DEGREE:
            power &= (1 << _DEGREE) - 1
            for term in _terms():
                power ^= over << term
    return power
