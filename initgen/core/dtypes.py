"""The dtypes that tensors are stored in. To add one: an entry here, and its rounding in ``streams.rounding``."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from initgen.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class DType:
    """A number format: how wide, how fine, how far it reaches.

    Whole numbers are for the counters, positions and packed weights beside a model's weights: they hold constants.

    Attributes:
        digits: binary digits of the significand, the hidden one included.
        largest: the largest finite value.
        normal: the smallest positive value that has all its digits; below it steps no longer shrink.
        tag: its name in a safetensors header.
    """

    name: str
    itemsize: int
    digits: int
    largest: float
    normal: float
    tag: str
    aliases: tuple[str, ...] = ()
    kind: Literal["float", "signed", "unsigned"] = "float"

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return self.kind != "float"

    @property
    def smallest(self) -> float:
        """The smallest positive value."""
        return self.normal * 2.0 ** (1 - self.digits)

    @property
    def word(self) -> int:
        """Bits of the stream that one value takes: 64 for float64, 32 for all others."""
        return 64 if self.itemsize == 8 else 32

    def below(self, x: float) -> float:
        """The largest value of this dtype that is not above ``x``; -inf where all are."""
        return self._on_grid(min(x, self.largest), math.floor) if x >= -self.largest else -math.inf

    def above(self, x: float) -> float:
        """The smallest value of this dtype that is not below ``x``; inf where all are."""
        return -self.below(-x)

    def nearest(self, x: float) -> float:
        """``x`` rounded to nearest, ties to even; beyond the largest value, the largest."""
        return self._on_grid(min(max(x, -self.largest), self.largest), round)

    def _on_grid(self, x: float, rounding: Callable[[float], int]) -> float:
        """``x``, which is in range, rounded to this dtype's digits; a zero keeps its sign."""
        exponent = max(math.frexp(x)[1] - self.digits, math.frexp(self.smallest)[1] - 1)
        return math.copysign(math.ldexp(rounding(math.ldexp(x, -exponent)), exponent), x)

    @cached_property
    def numpy(self) -> "np.dtype[Any]":
        """The little-endian numpy dtype; from ``ml_dtypes`` where numpy has none of its own."""
        import numpy as np

        if self.whole or self.name in ("float64", "float32", "float16"):
            return np.dtype(self.name).newbyteorder("<")
        import ml_dtypes

        narrow: np.dtype[Any] = np.dtype(getattr(ml_dtypes, self.name))
        return narrow.newbyteorder("<")


def _whole(name: str, itemsize: int, digits: int, kind: Literal["signed", "unsigned"], tag: str) -> DType:
    return DType(name, itemsize, digits, 2.0**digits - 1, 2.0 ** (digits - 1), tag, (), kind)


DTYPES = Registry(
    "dtype",
    (
        DType("float64", 8, 53, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, "F64", ("f64", "double", "fp64")),
        DType("float32", 4, 24, (2 - 2.0**-23) * 2.0**127, 2.0**-126, "F32", ("f32", "float", "fp32")),
        DType("float16", 2, 11, 65504.0, 2.0**-14, "F16", ("f16", "half", "fp16")),
        DType("bfloat16", 2, 8, (2 - 2.0**-7) * 2.0**127, 2.0**-126, "BF16", ("bf16",)),
        # The OCP 8-bit formats; e4m3fn spends its infinities on reaching 448.
        DType("float8_e4m3fn", 1, 4, 448.0, 2.0**-6, "F8_E4M3", ("f8_e4m3", "e4m3", "float8_e4m3")),
        DType("float8_e5m2", 1, 3, 57344.0, 2.0**-14, "F8_E5M2", ("f8_e5m2", "e5m2")),
        *(_whole(f"int{bits}", bits // 8, bits - 1, "signed", f"I{bits}") for bits in (64, 32, 16, 8)),
        *(_whole(f"uint{bits}", bits // 8, bits, "unsigned", f"U{bits}") for bits in (64, 32, 16, 8)),
        _whole("bool", 1, 1, "unsigned", "BOOL"),
    ),
)
FLOATS = tuple(dtype for dtype in DTYPES if not dtype.whole)
