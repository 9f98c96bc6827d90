"""Shapes, and the fans that a layout reads out of them."""

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from initgen.core.errors import BadParameter, quoted

Shape = tuple[int, ...]
Layout = Literal["keras", "torch"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

# numpy holds at most 64 axes, and an offset in a file is a signed 64-bit number.
MAX_RANK = 64
MAX_COUNT = 2**63 - 1

_SHAPE = re.compile(r"[0-9]{1,19}(x[0-9]{1,19})*", re.ASCII)


def parse_shape(text: str) -> Shape:
    """The shape that ``text`` writes: ``100x64``, ``64``, or ``scalar`` for rank 0.

    Sizes are plain decimal digits between ``x``: ``0x10`` is 0 by 10, never hexadecimal.

    Raises:
        BadParameter: the text is not a shape, or has too many axes or elements.
    """
    if text in ("scalar", "()"):
        return ()
    if not _SHAPE.fullmatch(text):
        raise BadParameter(f"shape = {quoted(text)} is not a shape", "write sizes as 100x64")
    return check_shape(tuple(int(size) for size in text.split("x")))


def check_shape(shape: Shape) -> Shape:
    """``shape`` itself, once its axes and its number of elements are within the limits."""
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise BadParameter(f"shape = {shape!r} must be whole numbers from 0")
    if len(shape) > MAX_RANK:
        raise BadParameter(f"shape has {len(shape)} axes; the most is {MAX_RANK}")
    if math.prod(size for size in shape if size) > MAX_COUNT:
        raise BadParameter(f"shape = {format_shape(shape)} has more than 2^63 elements")
    return shape


def format_shape(shape: Shape) -> str:
    """``shape`` as `parse_shape` reads it."""
    return "x".join(map(str, shape)) or "scalar"


@dataclass(frozen=True)
class Fans:
    """How many inputs feed one output of a layer, and how many outputs one input feeds."""

    fan_in: int
    fan_out: int


@dataclass(frozen=True)
class Kernel:
    """How a weight's axes are to be read: its layout, and what kind of layer it belongs to.

    By default the fans are those that the layout's framework itself computes, which are known to be off for grouped,
    transposed and depthwise kernels (Keras multiplies a depthwise fan_in by the channels, torch its fan_out). Saying
    what the kernel is gives the true ones.
    """

    layout: Layout = "keras"
    groups: int = 1
    transposed: bool = False
    depthwise: bool = False

    def fans(self, shape: Shape) -> Fans:
        """Fan-in and fan-out of a weight of ``shape``.

        Keras puts channels last, ``(*window, in, out)``, and swaps them for a transposed convolution; torch puts them
        first, ``(out, in / groups, *window)``. Every window position multiplies both fans. Below rank 2, Keras takes
        the size for both fans and 1 for a scalar; torch refuses.

        Raises:
            BadParameter: rank below 2 in torch's layout, or channels that the groups do not divide.

        Source: keras ``compute_fans``, torch ``_calculate_fan_in_and_fan_out``; Glorot & Bengio 2010, section 4.2.
        """
        if len(shape) < 2:
            if self.layout == "torch":
                raise BadParameter(
                    f"shape = {format_shape(shape)} has no fans in torch's layout, which needs two axes",
                    "a bias takes the fan of its weight: --fan-in N",
                )
            size = shape[0] if shape else 1
            return Fans(size, size)
        if self.layout == "keras":
            window, first, second = math.prod(shape[:-2]), shape[-2], shape[-1]
        else:
            window, first, second = math.prod(shape[2:]), shape[1], shape[0]
        # first counts inputs, second outputs, as the framework reads them; now as the layer does.
        if self.depthwise:
            return self._depthwise(window, first, second)
        groups = self.groups
        if self.transposed:
            # A transposed kernel holds (out, in) where a plain one holds (in, out); torch groups its inputs' axis.
            first, second = second, first
        ungrouped = first if self.transposed and self.layout == "torch" else second
        if groups > 1 and ungrouped % groups:
            raise BadParameter(f"groups = {groups} does not divide the {ungrouped} channels of {format_shape(shape)}")
        if self.transposed and self.layout == "torch":
            first //= groups
        else:
            second //= groups
        return Fans(first * window, second * window)

    def _depthwise(self, window: int, first: int, second: int) -> Fans:
        if self.layout == "keras":  # (*window, channels, multiplier)
            return Fans(window, second * window)
        if first != 1:
            raise BadParameter(f"a depthwise kernel in torch's layout has 1 on axis 1, not {first}")
        groups = self.groups if self.groups > 1 else max(second, 1)  # (channels * multiplier, 1, *window)
        if second % groups:
            raise BadParameter(f"groups = {groups} does not divide the {second} output channels")
        return Fans(window, second // groups * window)
