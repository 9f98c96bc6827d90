"""Convolutions and transposed convolutions: torch/nn/modules/conv.py."""

import math
from typing import ClassVar

from initgen.specs.layers.layer import Initializer
from initgen.specs.layers.torch.module import Part, Sizes, TorchLayer


class _Convolution(TorchLayer, kw_only=True):
    """What plain and transposed convolutions share.

    torch reads the fan_in of either from axis 1 of the weight: for a transposed kernel, (in, out / groups, *window),
    that counts its outputs.
    """

    rank: ClassVar[int]

    in_channels: int
    out_channels: int
    kernel_size: Sizes
    stride: Sizes = 1
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True
    padding_mode: str = "zeros"
    weight_initializer: Initializer | None = None
    bias_initializer: Initializer | None = None

    def kernel(self, first: int, second: int) -> list[Part]:
        """The parts of a kernel (first, second / groups, *window)."""
        self.at_least(0, "in_channels", "out_channels")
        self.at_least(1, "kernel_size")
        self.divides("groups", "in_channels", "out_channels")
        size = self.kernel_size
        window = tuple(size) if isinstance(size, list) else (size,) * self.rank
        if len(window) != self.rank:
            raise self.refuse(f"kernel_size = {size} must be one number, or {self.rank}")
        fan_in = second // self.groups * math.prod(window)
        weight = Part("weight", (first, second // self.groups, *window), "torch_default")
        return [weight, Part("bias", (self.out_channels,), "torch_bias", fan_in)] if self.bias else [weight]


class _Conv(_Convolution, kw_only=True):
    padding: str | Sizes = 0

    def parts(self) -> list[Part]:
        if isinstance(self.padding, str):
            self.one_of("padding", "same", "valid")
            if self.padding == "same" and self.stride not in (1, [1] * self.rank):
                raise self.refuse(f"padding = 'same' needs stride 1, not {self.stride}")
        self.one_of("padding_mode", "zeros", "reflect", "replicate", "circular")
        return self.kernel(self.out_channels, self.in_channels)


class _ConvTranspose(_Convolution, kw_only=True):
    padding: Sizes = 0
    output_padding: Sizes = 0

    def parts(self) -> list[Part]:
        self.one_of("padding_mode", "zeros")
        return self.kernel(self.in_channels, self.out_channels)


class Conv1d(_Conv, kw_only=True):
    """torch.nn.Conv1d: (out, in / groups, k)."""

    rank = 1


class Conv2d(_Conv, kw_only=True):
    """torch.nn.Conv2d: (out, in / groups, k, k)."""

    rank = 2


class Conv3d(_Conv, kw_only=True):
    """torch.nn.Conv3d: (out, in / groups, k, k, k)."""

    rank = 3


class ConvTranspose1d(_ConvTranspose, kw_only=True):
    """torch.nn.ConvTranspose1d: (in, out / groups, k)."""

    rank = 1


class ConvTranspose2d(_ConvTranspose, kw_only=True):
    """torch.nn.ConvTranspose2d: (in, out / groups, k, k)."""

    rank = 2


class ConvTranspose3d(_ConvTranspose, kw_only=True):
    """torch.nn.ConvTranspose3d: (in, out / groups, k, k, k)."""

    rank = 3


KINDS: tuple[type[TorchLayer], ...] = (Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
