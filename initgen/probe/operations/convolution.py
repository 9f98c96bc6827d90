"""Convolutions: grouped, dilated and depthwise, over one, two or three spatial axes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape
from initgen.probe.operations.dense import spread, summed
from initgen.probe.operations.operation import Array, Moments, Operation, Weights
from initgen.probe.operations.windows import Padding, Windows, inner, padded, places_of

# Bytes of patches that are laid out at once for a matrix product: they stay in the cache.
PIECE = 2**21


@dataclass(frozen=True)
class Convolution(Operation):
    """Sums over windows: kernel (*window, channels / groups, filters), bias (filters,) or none.

    Attributes:
        channels: of the input.
        groups: into how many the channels and the filters are divided; a filter sees the channels of its own group.
        channels_first: data is (batch, channels, *places), and (batch, *places, channels) otherwise.
        places: the spatial sizes of the input; without them theory says nothing, as padding lowers the fans.
    """

    window: Shape
    filters: int
    channels: int
    strides: Shape
    dilation: Shape
    padding: Padding
    groups: int = 1
    channels_first: bool = False
    places: Shape = ()

    def __post_init__(self) -> None:
        for name, count in (("channels", self.channels), ("filters", self.filters)):
            if self.groups < 1 or count % self.groups:
                raise BadParameter(f"{name} = {count} cannot be divided into {self.groups} groups")
        _ = self.windows

    @cached_property
    def windows(self) -> Windows:
        """Where its windows lie."""
        return Windows(self.window, self.strides, self.dilation, self.padding)

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        x = self._taken(inputs[0])
        slid, kernel = self.windows.slid(x.shape[1:-1]), self._split(weights["kernel"])
        y = np.empty((len(x), self.filters, *slid) if self.channels_first else (len(x), *slid, self.filters), x.dtype)
        last = self._channels_last(y)
        for samples, rows in self._pieces(len(x), slid, x.itemsize):
            seen = self._seen(x[samples])
            for some in rows:
                into = last[samples, some]
                into[...] = _joined(self._patches(seen[:, some]) @ kernel, into.shape)
        if "bias" in weights:
            last += weights["bias"]
        return y

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        x, back, kernel = self._taken(inputs[0]), self._channels_last(cotangent), self._split(weights["kernel"])
        slid, pads = self.windows.slid(x.shape[1:-1]), self.windows.pads(x.shape[1:-1])
        gradient, of_kernel = np.empty(inputs[0].shape, x.dtype), np.zeros_like(kernel)
        last = self._channels_last(gradient)
        for samples, rows in self._pieces(len(x), slid, x.itemsize):
            seen, spread = self._seen(x[samples]), padded(np.zeros_like(x[samples]), 1, pads)
            for some in rows:
                above = self._split(back[samples, some])
                of_kernel += self._patches(seen[:, some]).swapaxes(1, 2) @ above
                self._spread(
                    above @ kernel.swapaxes(1, 2), spread[:, some.start * self.strides[0] :], seen[:, some].shape
                )
            last[samples] = inner(spread, 1, pads)
        gradients = {"kernel": _joined(of_kernel, weights["kernel"].shape)}
        if "bias" in weights:
            gradients["bias"] = back.sum(axis=tuple(range(back.ndim - 1)))
        return [gradient], gradients

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        if not self.places:
            return None
        taps = self.windows.pairs(self.places) / math.prod(self.windows.slid(self.places))
        return summed(inputs[0], weights, taps * self.channels / self.groups)

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        if not self.places:
            return None
        # The number of windows that hold an input's place, on average over the places.
        windows = self.windows.pairs(self.places) / math.prod(self.places)
        return spread(weights["kernel"], windows * self.filters / self.groups)

    def _taken(self, x: Array) -> Array:
        """The input with its channels last, once its shape fits."""
        places_of(x, len(self.window), self.channels_first)
        x = self._channels_last(x)
        if x.shape[-1] != self.channels:
            raise BadParameter(f"gets {x.shape[-1]} channels, and its kernel takes {self.channels}")
        return x

    def _channels_last(self, x: Array) -> Array:
        return np.moveaxis(x, 1, -1) if self.channels_first else x

    def _pieces(self, batch: int, slid: Shape, itemsize: int) -> Iterator[tuple[slice, list[slice]]]:
        """Samples, and the rows of windows whose patches are made at once: about PIECE bytes, or a single row."""
        row = math.prod(slid[1:]) * math.prod(self.window) * self.channels * itemsize
        samples = max(1, PIECE // (row * slid[0]))
        rows = max(1, PIECE // row) if samples == 1 else slid[0]
        for first in range(0, batch, samples):
            yield (
                slice(first, min(first + samples, batch)),
                [slice(start, min(start + rows, slid[0])) for start in range(0, slid[0], rows)],
            )

    def _seen(self, x: Array) -> Array:
        """What each window sees (samples, *slid, *window, channels): a view of the padded input."""
        spatial = tuple(range(1, x.ndim - 1))
        views = sliding_window_view(
            np.ascontiguousarray(padded(x, 1, self.windows.pads(x.shape[1:-1]))), self.windows.reach, axis=spatial
        )
        windows = (slice(None), *(slice(None, None, stride) for stride in self.strides), slice(None))
        taps = (slice(None, None, apart) for apart in self.dilation)
        return np.moveaxis(views[(*windows, *taps)], len(spatial) + 1, -1)

    def _patches(self, seen: Array) -> Array:
        """The same as (groups, windows, taps × channels of a group)."""
        grouped = seen.reshape(*seen.shape[:-1], self.groups, -1)
        size = math.prod(self.window) * self.channels // self.groups
        return np.moveaxis(grouped, -2, 0).reshape(self.groups, -1, size)

    def _split(self, x: Array) -> Array:
        """(…, filters) as (groups, …, filters of a group), all that is between in one axis."""
        return x.reshape(-1, self.groups, self.filters // self.groups).swapaxes(0, 1)

    def _spread(self, patches: Array, onto: Array, seen: Shape) -> None:
        """Adds patches (groups, windows, taps × channels of a group) up where they were seen."""
        windows = seen[: 1 + len(self.window)]
        patches = patches.reshape(self.groups, *windows, math.prod(self.window), -1)
        for tap, where in enumerate(self.windows.taps(windows[1:])):
            values = np.moveaxis(patches[..., tap, :], 0, -2)
            onto[(slice(None), *where)] += values.reshape(*windows, self.channels)


def _joined(x: Array, shape: Shape) -> Array:
    """(groups, …, filters of a group) as ``shape``, whose last axis is the filters."""
    return x.swapaxes(0, 1).reshape(shape)


@dataclass(frozen=True)
class Depthwise(Operation):
    """A convolution with so many filters for each channel of the input: kernel (*window, channels, multiplier).

    The bias is (channels × multiplier,), as the output's channels are: those of the first input channel come first.
    """

    window: Shape
    channels: int
    multiplier: int
    strides: Shape
    dilation: Shape
    padding: Padding
    channels_first: bool = False
    places: Shape = ()

    def __post_init__(self) -> None:
        _ = self.convolution

    @cached_property
    def convolution(self) -> Convolution:
        """The same with a group for each channel."""
        return Convolution(
            self.window,
            self.channels * self.multiplier,
            self.channels,
            self.strides,
            self.dilation,
            self.padding,
            self.channels,
            self.channels_first,
            self.places,
        )

    def _grouped(self, weights: Weights) -> Weights:
        kernel = weights["kernel"]
        return {**weights, "kernel": kernel.reshape(*self.window, 1, self.channels * self.multiplier)}

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return self.convolution.forward(inputs, self._grouped(weights))

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        found, gradients = self.convolution.backward(inputs, self._grouped(weights), cotangent)
        return found, {**gradients, "kernel": gradients["kernel"].reshape(weights["kernel"].shape)}

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        return self.convolution.moments(inputs, weights)

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        return self.convolution.returned(inputs, weights)
