"""Activations as operations, and softmax, which goes over a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from initgen.core.errors import BadParameter
from initgen.core.shapes import format_shape
from initgen.probe.activations import Activation
from initgen.probe.operations.operation import Array, Moments, Operation, Weights
from initgen.probe.theory import expected, product


@dataclass(frozen=True)
class Applied(Operation):
    """y = f(x), value by value.

    Attributes:
        axis: that of units: one is dead if no sample moves it.
    """

    activation: Activation
    axis: int = -1

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return self.activation(inputs[0])

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        return [cotangent * self.activation.slope(inputs[0])], {}

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        (x,) = inputs
        if not x.gaussian:
            return None
        found = expected(self.activation, x.variance, x.mean)
        pair = None
        if x.pair is not None and x.mean == 0 and x.square:
            pair = product(self.activation, x.square, x.pair / x.square)
        return Moments(found.mean, found.square, pair=pair)

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        (x,) = inputs
        return expected(self.activation, x.variance, x.mean).slope if x.gaussian else None


@dataclass(frozen=True)
class Softmax(Operation):
    """exp(x) over the sum of its row."""

    axis: int = -1

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        (x,) = inputs
        if not -x.ndim <= self.axis < x.ndim:
            raise BadParameter(f"axis = {self.axis} is not one of its input {format_shape(x.shape[1:])}")
        raised = np.exp(x - x.max(axis=self.axis, keepdims=True))
        y: Array = raised / raised.sum(axis=self.axis, keepdims=True)
        return y

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        y = self.forward(inputs, weights)
        return [y * (cotangent - (cotangent * y).sum(axis=self.axis, keepdims=True))], {}
