"""Normalizations, and PReLU."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape
from initgen.specs.layers.keras.layer import ONES, ZEROS, KerasLayer, Sizes, axis_of, places, size
from initgen.specs.layers.layer import Initializer, Weight


class Scaled(KerasLayer, kw_only=True):
    """What multiplies by gamma and adds beta."""

    axis: int | list[int] = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = ZEROS
    gamma_initializer: Initializer = ONES

    def shape(self, inputs: Sequence[Sizes]) -> Shape:
        """Of gamma and beta."""
        axes = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        return tuple(size(inputs[0], axis_of(axis)) for axis in axes)

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        shape = self.shape(inputs)
        if self.scale:
            yield Weight.of("gamma", shape, self.gamma_initializer)
        if self.center:
            yield Weight.of("beta", shape, self.beta_initializer)


class BatchNormalization(Scaled, kw_only=True):
    """keras.layers.BatchNormalization."""

    axis: int | list[int] = -1
    momentum: float = 0.99
    synchronized: bool = False
    moving_mean_initializer: Initializer = ZEROS
    moving_variance_initializer: Initializer = ONES

    refused: ClassVar[tuple[str, ...]] = (*KerasLayer.refused, "renorm")

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        yield from super().weights(inputs)
        shape = self.shape(inputs)
        yield Weight.of("moving_mean", shape, self.moving_mean_initializer)
        yield Weight.of("moving_variance", shape, self.moving_variance_initializer)


class LayerNormalization(Scaled, kw_only=True):
    """keras.layers.LayerNormalization."""

    rms_scaling: bool = False

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        if not self.rms_scaling:
            yield from super().weights(inputs)
            return
        yield Weight.of("gamma", self.shape(inputs), self.gamma_initializer)


class GroupNormalization(Scaled, kw_only=True):
    """keras.layers.GroupNormalization."""

    groups: int = 32

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        channels = math.prod(self.shape(inputs))
        groups = channels if self.groups == -1 else self.groups
        if groups < 1 or channels % groups:
            raise BadParameter(f"groups = {self.groups} does not divide the {channels} channels of its input")
        yield from super().weights(inputs)


class RMSNormalization(KerasLayer, kw_only=True):
    """keras.layers.RMSNormalization."""

    axis: int | list[int] = -1
    epsilon: float = 1e-6
    scale_initializer: Initializer = ONES

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        axes = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        yield Weight.of("scale", tuple(size(inputs[0], axis_of(axis)) for axis in axes), self.scale_initializer)


class Normalization(KerasLayer, kw_only=True):
    """keras.layers.Normalization, before it has seen data; with a mean of its own it has no weights."""

    axis: int | list[int] | None = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        if self.mean is not None:
            return
        given = [self.axis] if isinstance(self.axis, int) else self.axis or []
        shape = tuple(size(inputs[0], axis) for axis in sorted(places(inputs[0], given)))
        yield Weight.of("mean", shape, ZEROS)
        yield Weight.of("variance", shape, ONES)
        yield Weight.of("count", (), ZEROS, dtype="int32")


class PReLU(KerasLayer, kw_only=True):
    """keras.layers.PReLU: a slope for each place of the input, but for the axes that share one."""

    alpha_initializer: Initializer = ZEROS
    shared_axes: int | list[int] | None = None

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        shared = [self.shared_axes] if isinstance(self.shared_axes, int) else self.shared_axes or []
        together = places(inputs[0], shared)
        shape = tuple(1 if axis in together else size(inputs[0], axis) for axis in range(len(inputs[0])))
        yield Weight.of("alpha", shape, self.alpha_initializer)


KINDS = (BatchNormalization, LayerNormalization, GroupNormalization, RMSNormalization, Normalization, PReLU)
