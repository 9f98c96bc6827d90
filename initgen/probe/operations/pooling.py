"""Poolings: the largest or the average value of each window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape, format_shape
from initgen.probe.operations.operation import Array, Operation, Weights
from initgen.probe.operations.windows import Padding, Windows, inner, padded, places_of

Kind = Literal["max", "average"]


@dataclass(frozen=True)
class Pooling(Operation):
    """The largest or the average value of each window, channel by channel.

    A gradient with respect to a largest value goes to the first of its window that is as large.

    Attributes:
        count_padding: whether an average is over all of its window, padding being 0, as in torch; Keras averages over
            what lies inside the input. Padding is never the largest.
    """

    scales = True

    kind: Kind
    window: Shape
    strides: Shape
    padding: Padding
    channels_first: bool = False
    count_padding: bool = False

    def __post_init__(self) -> None:
        pads = self.windows.padding
        if not isinstance(pads, str) and any(max(pad) >= size for pad, size in zip(pads, self.window, strict=True)):
            raise BadParameter(f"padding must be smaller than the window of {format_shape(self.window)}")

    @cached_property
    def windows(self) -> Windows:
        """Where its windows lie."""
        return Windows(self.window, self.strides, (1,) * len(self.window), self.padding)

    @property
    def _first(self) -> int:
        return 2 if self.channels_first else 1

    def _padded(self, x: Array) -> tuple[Array, Shape]:
        """The padded input, and how many windows it has on each axis."""
        places = places_of(x, len(self.window), self.channels_first)
        slid = self.windows.slid(places)
        return padded(x, self._first, self.windows.pads(places), -np.inf if self.kind == "max" else 0.0), slid

    def _taps(self, x: Array, slid: Shape) -> list[Array]:
        """Of each tap of the window, what it sees in all windows: views."""
        return [x[(slice(None),) * self._first + where] for where in self.windows.taps(slid)]

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        taps = self._taps(*self._padded(inputs[0]))
        y = taps[0].copy()
        for seen in taps[1:]:
            if self.kind == "max":
                np.maximum(y, seen, out=y)
            else:
                y += seen
        if self.kind == "average":
            y /= self._counts(inputs[0])
        return y

    def _counts(self, x: Array) -> Array | float:
        """Over how many values each average is, to be broadcast against the output."""
        places = places_of(x, len(self.window), self.channels_first)
        if self.count_padding or not any(map(any, self.windows.pads(places))):
            return float(math.prod(self.window))
        counts = np.ones((1,) * (0 if self.channels_first else 1), x.dtype)
        for axis in reversed(self.windows.inside(places)):
            counts = np.multiply.outer(axis.astype(x.dtype), counts)
        return counts

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        x, slid = self._padded(inputs[0])
        gradient = np.zeros_like(x)
        into = self._taps(gradient, slid)
        if self.kind == "average":
            share = cotangent / self._counts(inputs[0])
            for spread in into:
                spread += share
        else:
            largest, waiting = self.forward(inputs, weights), np.ones(cotangent.shape, np.bool_)
            for seen, spread in zip(self._taps(x, slid), into, strict=True):
                here = waiting & (seen == largest)
                spread += np.where(here, cotangent, 0.0)
                waiting &= ~here
        places = places_of(inputs[0], len(self.window), self.channels_first)
        return [inner(gradient, self._first, self.windows.pads(places))], {}


@dataclass(frozen=True)
class GlobalPooling(Operation):
    """The largest or the average value of each channel over all places.

    Attributes:
        keepdims: whether the spatial axes stay, of size 1.
    """

    scales = True

    kind: Kind
    keepdims: bool = False
    channels_first: bool = False

    def _axes(self, x: Array) -> tuple[int, ...]:
        if x.ndim < 3 or not math.prod(x.shape[1:]):
            raise BadParameter(f"gets shape {format_shape(x.shape[1:])}, and takes places and channels")
        return tuple(range(2, x.ndim) if self.channels_first else range(1, x.ndim - 1))

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        (x,) = inputs
        pool = np.max if self.kind == "max" else np.mean
        y: Array = pool(x, axis=self._axes(x), keepdims=self.keepdims)
        return y

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        (x,) = inputs
        axes = self._axes(x)
        count = math.prod(x.shape[axis] for axis in axes)
        if self.kind == "average":
            above = cotangent if self.keepdims else np.expand_dims(cotangent, axes)
            return [np.broadcast_to(above / count, x.shape).copy()], {}
        # All places in one axis, 1 or -1 as the channels are first or last.
        flat = x.reshape((*x.shape[:2], count) if self.channels_first else (len(x), count, x.shape[-1]))
        axis = axes[0]
        where = np.expand_dims(flat.argmax(axis=axis), axis)
        gradient = np.zeros_like(flat)
        np.put_along_axis(gradient, where, cotangent.reshape(where.shape), axis)
        return [gradient.reshape(x.shape)], {}
