"""From exact law to stored dtype: round once to nearest even, and stay inside the law's support."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DTYPES, DType
from initgen.core.errors import BadParameter
from initgen.laws import Constant, Law, Uniform


def bounds(law: Law, dtype: DType) -> tuple[float, float]:
    """The law's support in ``dtype``: its outermost values that do not exceed the exact bounds.

    Raises:
        BadParameter: draws of the law would overflow the dtype, all round to zero, or find no value between the bounds.
    """
    low, high = law.support
    if isinstance(law, Constant):
        if abs(law.value) > dtype.largest:
            raise BadParameter(
                f"constant {law.value:g} overflows {dtype.name}, whose largest value is {dtype.largest:g}"
            )
        value = dtype.nearest(law.value)
        if law.value and not value:
            raise BadParameter(
                f"constant {law.value:g} is zero in {dtype.name}, whose smallest value is {dtype.smallest:g}"
            )
        return value, value
    reach = max(abs(low), abs(high))
    if math.isinf(reach):
        # Half a step of a word from either end: no draw lies further out.
        last = np.full(2, 2.0 ** -(dtype.word + 1))
        reach = float(np.abs(law.quantiles(last, np.array([False, True]))).max())
    # A uniform law that is not symmetric is drawn as its width times a number, in float32 or float64.
    width = high - low if isinstance(law, Uniform) and low != -high else 0.0
    if reach > dtype.largest or width > DTYPES[f"float{dtype.word}"].largest:
        raise BadParameter(f"{law} overflows {dtype.name}, whose largest value is {dtype.largest:g}")
    if reach <= dtype.smallest / 2:
        raise BadParameter(f"{law} is all zeros in {dtype.name}, whose smallest value is {dtype.smallest:g}")
    inside = (
        low if math.isinf(low) else dtype.above(low),
        high if math.isinf(high) else dtype.below(high),
    )
    if inside[0] > inside[1]:
        raise BadParameter(f"{law} has no value of {dtype.name} inside its bounds")
    return inside


def empty(count: int, dtype: DType) -> NDArray[Any]:
    """Room for stored values: little-endian, bfloat16 as its bits."""
    return np.empty(count, "<u2" if dtype.name == "bfloat16" else dtype.numpy)


def store(values: NDArray[np.float32], dtype: DType, out: NDArray[Any]) -> None:
    """Round finite float32 ``values`` to a dtype of at most 32 bits, into ``out`` as `empty` makes it.

    bfloat16 is rounded in integers, as ml_dtypes does it and about four times as fast.
    """
    if dtype.name == "bfloat16":
        bits = values.view(np.uint32)
        rounded = np.right_shift(bits, np.uint32(16))
        np.bitwise_and(rounded, np.uint32(1), out=rounded)
        np.add(rounded, bits, out=rounded)
        np.add(rounded, np.uint32(0x7FFF), out=rounded)
        np.right_shift(rounded, np.uint32(16), out=rounded)
        np.copyto(out, rounded, casting="unsafe")
    elif out is not values:
        out[...] = values.astype(out.dtype)


def stored(values: NDArray[Any], dtype: DType) -> NDArray[Any]:
    """Floating ``values`` as they are stored, by way of float32 in a dtype of at most 32 bits."""
    out = empty(values.size, dtype)
    if dtype.word == 64:
        out[...] = values
    else:
        store(values.astype(np.float32, copy=False), dtype, out)
    return out
