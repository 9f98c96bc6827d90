"""Convolutions: kernels (window…, in / groups, filters), channels last whatever the data's format."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from initgen.core.errors import BadParameter
from initgen.specs.layers.keras.layer import GLOROT, ZEROS, KerasLayer, Sizes, kernel_size, need_axes, size
from initgen.specs.layers.layer import Initializer, Turn, Weight


class Windowed(KerasLayer, kw_only=True):
    """What slides a window over its input."""

    kernel_size: int | list[int]
    strides: int | list[int] = 1
    padding: Literal["valid", "same", "causal"] = "valid"
    data_format: Literal["channels_last", "channels_first"] | None = None
    dilation_rate: int | list[int] = 1
    use_bias: bool = True

    rank: ClassVar[int]

    @property
    def window(self) -> tuple[int, ...]:
        """The sizes of the window."""
        return kernel_size(self.kernel_size, self.rank)

    def channels(self, inputs: Sequence[Sizes]) -> int:
        """How many the input has."""
        need_axes(inputs[0], self.rank + 1)
        return size(inputs[0], 0 if self.data_format == "channels_first" else -1)

    def slid(self, inputs: Sequence[Sizes], channels: int) -> Sizes:
        """The shape of what it gives, with so many channels."""
        first = self.data_format == "channels_first"
        places = inputs[0][1:] if first else inputs[0][:-1]
        steps = kernel_size(self.strides, self.rank, "strides")
        holes = kernel_size(self.dilation_rate, self.rank, "dilation_rate")
        found = tuple(
            None if place is None else self.moved(place, width, step, hole)
            for place, width, step, hole in zip(places, self.window, steps, holes, strict=True)
        )
        if any(place is not None and place < 1 for place in found):
            raise BadParameter(f"kernel_size = {self.kernel_size} is larger than its input")
        return (channels, *found) if first else (*found, channels)

    def moved(self, place: int, width: int, step: int, hole: int) -> int:
        """How many places a window has along an axis."""
        if self.padding == "valid":
            place -= hole * (width - 1)
        return -(-place // step)


class Conv(Windowed, kw_only=True):
    """A convolution."""

    filters: int
    groups: int = 1
    kernel_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "filters", "groups")
        channels = self.channels(inputs)
        for what, count in (("input channels", channels), ("filters", self.filters)):
            if count % self.groups:
                raise BadParameter(f"groups = {self.groups} does not divide the {count} {what}")
        yield Weight.of("kernel", (*self.window, channels // self.groups, self.filters), self.kernel_initializer)
        if self.use_bias:
            yield Weight.of("bias", (self.filters,), self.bias_initializer)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return self.slid(inputs, self.filters)


class ConvTranspose(Windowed, kw_only=True):
    """A transposed convolution: kernel (window…, filters, in)."""

    filters: int
    output_padding: int | list[int] | None = None
    kernel_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "filters")
        yield Weight.of("kernel", (*self.window, self.filters, self.channels(inputs)), self.kernel_initializer)
        if self.use_bias:
            yield Weight.of("bias", (self.filters,), self.bias_initializer)

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        return self.slid(inputs, self.filters) if self.output_padding is None else None

    def moved(self, place: int, width: int, step: int, hole: int) -> int:
        wide = hole * (width - 1) + 1
        return place * step + (max(wide - step, 0) if self.padding == "valid" else 0)


class DepthwiseConv(Windowed, kw_only=True):
    """A convolution of each channel for itself: kernel (window…, in, depth_multiplier)."""

    depth_multiplier: int = 1
    depthwise_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "depth_multiplier")
        channels = self.channels(inputs)
        yield Weight.of("kernel", (*self.window, channels, self.depth_multiplier), self.depthwise_initializer)
        if self.use_bias:
            yield Weight.of("bias", (channels * self.depth_multiplier,), self.bias_initializer)

    def seeds(self, weights: Sequence[Weight]) -> tuple[Turn, ...]:
        _, *bias = super().seeds(weights)
        return ("kernel",), *bias  # which has not the name of its initializer

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return self.slid(inputs, self.channels(inputs) * self.depth_multiplier)


class SeparableConv(Windowed, kw_only=True):
    """A depthwise convolution, then one of a single place."""

    filters: int
    depth_multiplier: int = 1
    depthwise_initializer: Initializer = GLOROT
    pointwise_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "filters", "depth_multiplier")
        channels, many = self.channels(inputs), self.depth_multiplier
        yield Weight.of("depthwise_kernel", (*self.window, channels, many), self.depthwise_initializer)
        one = (1,) * self.rank
        yield Weight.of("pointwise_kernel", (*one, channels * many, self.filters), self.pointwise_initializer)
        if self.use_bias:
            yield Weight.of("bias", (self.filters,), self.bias_initializer)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return self.slid(inputs, self.filters)


class Conv1D(Conv, kw_only=True):
    """keras.layers.Conv1D."""

    rank = 1


class Conv2D(Conv, kw_only=True):
    """keras.layers.Conv2D."""

    rank = 2


class Conv3D(Conv, kw_only=True):
    """keras.layers.Conv3D."""

    rank = 3


class Conv1DTranspose(ConvTranspose, kw_only=True):
    """keras.layers.Conv1DTranspose."""

    rank = 1


class Conv2DTranspose(ConvTranspose, kw_only=True):
    """keras.layers.Conv2DTranspose."""

    rank = 2


class Conv3DTranspose(ConvTranspose, kw_only=True):
    """keras.layers.Conv3DTranspose."""

    rank = 3


class DepthwiseConv1D(DepthwiseConv, kw_only=True):
    """keras.layers.DepthwiseConv1D."""

    rank = 1


class DepthwiseConv2D(DepthwiseConv, kw_only=True):
    """keras.layers.DepthwiseConv2D."""

    rank = 2


class SeparableConv1D(SeparableConv, kw_only=True):
    """keras.layers.SeparableConv1D."""

    rank = 1


class SeparableConv2D(SeparableConv, kw_only=True):
    """keras.layers.SeparableConv2D."""

    rank = 2


KINDS = (
    *(Conv1D, Conv2D, Conv3D),
    *(Conv1DTranspose, Conv2DTranspose, Conv3DTranspose),
    *(DepthwiseConv1D, DepthwiseConv2D),
    *(SeparableConv1D, SeparableConv2D),
)
