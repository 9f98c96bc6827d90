"""What moves values without changing them, and what adds them up."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from initgen.core.errors import BadParameter
from initgen.core.shapes import format_shape
from initgen.probe.operations.operation import Array, Moments, Operation, Weights

Gradients = tuple[list[Array | None], dict[str, Array]]


@dataclass(frozen=True)
class Reshape(Operation):
    """The same values in another shape, which is given without the batch; one size may be -1, for what is left."""

    shape: tuple[int, ...]

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        (x,) = inputs
        known = math.prod(size for size in self.shape if size != -1)
        whole = math.prod(x.shape[1:])
        sound = min(self.shape, default=1) >= -1 and self.shape.count(-1) < 2
        if not sound or ((whole % known if known else whole) if -1 in self.shape else whole != known):
            raise BadParameter(f"gets {format_shape(x.shape[1:])} values, and gives {format_shape(self.shape)}")
        return x.reshape(len(x), *self.shape)

    def backward(self, inputs: Sequence[Array], weights: Weights, cotangent: Array) -> Gradients:
        return [cotangent.reshape(inputs[0].shape)], {}

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        return inputs[0]

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        return 1.0


@dataclass(frozen=True)
class Permute(Operation):
    """The axes in another order, the batch first."""

    axes: tuple[int, ...]

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return inputs[0].transpose(self.axes)

    def backward(self, inputs: Sequence[Array], weights: Weights, cotangent: Array) -> Gradients:
        return [cotangent.transpose(np.argsort(self.axes))], {}

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        return inputs[0]

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        return 1.0


@dataclass(frozen=True)
class Pad(Operation):
    """Zeros before and after, for each axis but the batch."""

    scales = True

    around: tuple[tuple[int, int], ...]

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return np.pad(inputs[0], ((0, 0), *self.around))

    def backward(self, inputs: Sequence[Array], weights: Weights, cotangent: Array) -> Gradients:
        sizes = inputs[0].shape[1:]
        inside = tuple(slice(before, before + size) for (before, _), size in zip(self.around, sizes, strict=True))
        return [cotangent[(slice(None), *inside)]], {}


@dataclass(frozen=True)
class Add(Operation):
    """The sum of its inputs, which have one shape: a residual connection."""

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        shapes = {x.shape[1:] for x in inputs}
        if len(shapes) > 1:
            raise BadParameter(f"adds outputs of {' and '.join(map(format_shape, sorted(shapes)))}")
        found = inputs[0] + inputs[1]
        for x in inputs[2:]:
            found = found + x
        return found

    def backward(self, inputs: Sequence[Array], weights: Weights, cotangent: Array) -> Gradients:
        return [cotangent for _ in inputs], {}

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        # Branches are taken to be independent, as they are where each ends in weights of mean zero.
        mean = sum(x.mean for x in inputs)
        pairs = [x.pair for x in inputs]
        crossed = mean**2 - sum(x.mean**2 for x in inputs)
        pair = None if None in pairs else sum(each for each in pairs if each is not None) + crossed
        square = sum(x.square for x in inputs) + crossed
        return Moments(mean, square, all(x.gaussian for x in inputs), pair)

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        return 1.0


@dataclass(frozen=True)
class Concatenate(Operation):
    """Its inputs side by side along an axis."""

    scales = True

    axis: int

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        try:
            return np.concatenate(inputs, axis=self.axis)
        except ValueError:
            shapes = " and ".join(format_shape(x.shape[1:]) for x in inputs)
            raise BadParameter(f"cannot put outputs of {shapes} side by side") from None

    def backward(self, inputs: Sequence[Array], weights: Weights, cotangent: Array) -> Gradients:
        ends = np.cumsum([x.shape[self.axis] for x in inputs])[:-1]
        return list(np.split(cotangent, ends, axis=self.axis)), {}
