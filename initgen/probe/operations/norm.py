"""Normalizations, by the statistics of the batch or of the sample itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from initgen.core.errors import BadParameter
from initgen.core.shapes import format_shape
from initgen.probe.operations.operation import Array, Moments, Operation, Weights


@dataclass(frozen=True)
class Norm(Operation):
    """y = gamma (x - mean) / √(variance + epsilon) + beta; gamma and beta are optional weights.

    Attributes:
        over: axes of the input that mean and variance are taken over: the features for layer normalization; None for all
            that are not ``scaled``, the batch and all places, for batch normalization, as in training.
        scaled: axes that gamma and beta have, in ascending order.
        centred: whether the mean is taken off; RMS normalization does not.
    """

    over: tuple[int, ...] | None
    scaled: tuple[int, ...]
    epsilon: float
    centred: bool = True

    def _scale(self, x: Array, weights: Weights, name: str) -> Array:
        """A weight along its axes of the input."""
        places = {axis % x.ndim for axis in self.scaled}
        shape = [size if axis in places else 1 for axis, size in enumerate(x.shape)]
        if int(np.prod(shape)) != weights[name].size:
            raise BadParameter(f"gets {np.prod(shape)} features, and its {name} has {weights[name].size}")
        return weights[name].reshape(shape)

    def _over(self, x: Array) -> tuple[int, ...]:
        return self._others(x) if self.over is None else self.over

    def _others(self, x: Array) -> tuple[int, ...]:
        own = {axis % x.ndim for axis in self.scaled}
        return tuple(axis for axis in range(x.ndim) if axis not in own)

    def _normalized(self, x: Array) -> tuple[Array, Array]:
        """Of mean 0 and variance 1, and what it was multiplied by."""
        if self.centred:
            x = x - x.mean(axis=self._over(x), keepdims=True)
        rate = 1 / np.sqrt((x * x).mean(axis=self._over(x), keepdims=True) + self.epsilon)
        return x * rate, rate

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        (x,) = inputs
        for axes in (self.over or (), self.scaled):
            if any(not -x.ndim <= axis < x.ndim for axis in axes) or len({axis % x.ndim for axis in axes}) < len(axes):
                raise BadParameter(
                    f"axes {', '.join(map(str, axes))} are not those of its input {format_shape(x.shape[1:])}"
                )
        y, _ = self._normalized(x)
        if "gamma" in weights:
            y = y * self._scale(x, weights, "gamma")
        if "beta" in weights:
            y = y + self._scale(x, weights, "beta")
        return y

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        (x,) = inputs
        y, rate = self._normalized(x)
        over, others = self._over(x), self._others(x)
        gradients: dict[str, Array] = {}
        if "gamma" in weights:
            gradients["gamma"] = (cotangent * y).sum(axis=others).reshape(weights["gamma"].shape)
        if "beta" in weights:
            gradients["beta"] = cotangent.sum(axis=others).reshape(weights["beta"].shape)
        if "gamma" in weights:
            cotangent = cotangent * self._scale(x, weights, "gamma")
        along = y * (cotangent * y).mean(axis=over, keepdims=True)
        mean = cotangent.mean(axis=over, keepdims=True) if self.centred else 0.0
        return [rate * (cotangent - mean - along)], gradients

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        (x,) = inputs
        variance = x.variance if self.centred else x.square
        gamma, beta = weights.get("gamma", Moments(1.0, 1.0)), weights.get("beta", Moments(0.0, 0.0))
        square = variance / (variance + self.epsilon) if variance + self.epsilon else 0.0
        mean = 0.0 if self.centred else gamma.mean * x.mean / np.sqrt(variance + self.epsilon)
        pair = None
        if self.centred and self.over is not None and x.pair is not None and variance:
            pair = gamma.square * square * (x.pair - x.mean**2) / variance + beta.square
        return Moments(mean + beta.mean, gamma.square * square + beta.square, x.gaussian, pair)

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        (x,) = inputs
        if self.over is None:
            # By the variance over the batch at each unit, which shrinks as samples become alike: gradients grow as depth's
            # power (Yang et al. 2019, "A mean field theory of batch normalization"), which takes more than moments.
            return None
        variance = x.variance if self.centred else x.square
        gamma = weights.get("gamma", Moments(1.0, 1.0))
        return gamma.square / (variance + self.epsilon) if variance + self.epsilon else None
