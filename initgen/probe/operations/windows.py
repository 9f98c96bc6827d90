"""Where the windows of convolutions and poolings lie."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape, format_shape
from initgen.probe.operations.operation import Array

# Pairs count the places before and after each axis, as torch's padding does for both; "same" and "causal" are Keras'.
Padding = Literal["valid", "same", "causal"] | tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Windows:
    """Windows that slide over spatial axes; where they stand out of the input is padding."""

    window: Shape
    strides: Shape
    dilation: Shape
    padding: Padding

    def __post_init__(self) -> None:
        for name, sizes in (("window", self.window), ("strides", self.strides), ("dilation", self.dilation)):
            if len(sizes) != len(self.window) or min(sizes, default=0) < 1:
                raise BadParameter(f"{name} = {format_shape(sizes)} must be {len(self.window)} sizes from 1")
        if self.padding == "causal" and len(self.window) > 1:
            raise BadParameter("padding = 'causal' is for one spatial axis")
        if not isinstance(self.padding, str) and len(self.padding) != len(self.window):
            raise BadParameter(f"padding has {len(self.padding)} axes, and the window {len(self.window)}")

    @property
    def reach(self) -> Shape:
        """Of a window from its first tap to its last, on each axis."""
        return tuple(1 + (size - 1) * apart for size, apart in zip(self.window, self.dilation, strict=True))

    def pads(self, places: Shape) -> tuple[tuple[int, int], ...]:
        """The padding before and after each axis of an input of ``places``.

        "same" gives ⌈places / stride⌉ windows on an axis; where its padding is odd, the larger half comes after, as in
        TensorFlow. "causal" lets no window see past its own place.
        """
        if not isinstance(self.padding, str):
            return self.padding
        if self.padding == "valid":
            return ((0, 0),) * len(places)
        if self.padding == "causal":
            return tuple((reach - 1, 0) for reach in self.reach)
        over = (
            max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
            for size, stride, reach in zip(places, self.strides, self.reach, strict=True)
        )
        return tuple((total // 2, total - total // 2) for total in over)

    def slid(self, places: Shape) -> Shape:
        """How many windows there are on each axis of an input of ``places``.

        Raises:
            BadParameter: not one fits.
        """
        padded = tuple(size + sum(pad) for size, pad in zip(places, self.pads(places), strict=True))
        if any(size < reach for size, reach in zip(padded, self.reach, strict=True)):
            raise BadParameter(f"gets {format_shape(places)} places, too few for its window of {self._window()}")
        return tuple(
            1 + (size - reach) // stride for size, reach, stride in zip(padded, self.reach, self.strides, strict=True)
        )

    def _window(self) -> str:
        text = format_shape(self.window)
        return text if max(self.dilation) == 1 else f"{text} with dilation {format_shape(self.dilation)}"

    def taps(self, slid: Shape) -> Iterator[tuple[slice, ...]]:
        """Of each tap of the window, in order, the places of the padded input that it has in ``slid`` windows."""
        for tap in product(*map(range, self.window)):
            starts = (number * apart for number, apart in zip(tap, self.dilation, strict=True))
            yield tuple(
                slice(start, start + (count - 1) * stride + 1, stride)
                for start, count, stride in zip(starts, slid, self.strides, strict=True)
            )

    def inside(self, places: Shape) -> list[NDArray[np.int64]]:
        """Per axis, how many taps of each window lie inside the input; the product over the axes is a window's count."""
        counts = []
        for size, (before, _), count, taps, stride, apart in zip(
            places, self.pads(places), self.slid(places), self.window, self.strides, self.dilation, strict=True
        ):
            place = np.arange(count)[:, None] * stride + np.arange(taps) * apart - before
            counts.append(((place >= 0) & (place < size)).sum(axis=1))
        return counts

    def pairs(self, places: Shape) -> int:
        """How many taps lie inside the input, over all windows."""
        return math.prod(int(counts.sum()) for counts in self.inside(places))


def padded(x: Array, first: int, pads: tuple[tuple[int, int], ...], value: float = 0.0) -> Array:
    """``x`` with padding about its spatial axes, which begin at axis ``first``; itself where there is nothing to add."""
    if not any(map(any, pads)):
        return x
    after = x.ndim - first - len(pads)
    return np.pad(x, [(0, 0)] * first + [*pads] + [(0, 0)] * after, constant_values=value)


def inner(x: Array, first: int, pads: tuple[tuple[int, int], ...]) -> Array:
    """``x`` without its padding, the reverse of `padded`."""
    inside = (slice(before, size - after) for size, (before, after) in zip(x.shape[first:], pads, strict=False))
    return np.ascontiguousarray(x[(slice(None),) * first + tuple(inside)])


def places_of(x: Array, axes: int, channels_first: bool) -> Shape:
    """The spatial sizes of a batch.

    Raises:
        BadParameter: it has not as many spatial ``axes``.
    """
    if x.ndim != axes + 2:
        which = "first" if channels_first else "last"
        raise BadParameter(
            f"gets shape {format_shape(x.shape[1:])}, and takes {axes + 1} axes, the {which} its channels"
        )
    return x.shape[2:] if channels_first else x.shape[1:-1]
