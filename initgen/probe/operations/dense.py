"""Dense layers and embeddings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from initgen.core.errors import BadParameter
from initgen.probe.operations.operation import Array, Moments, Operation, Weights


@dataclass(frozen=True)
class Dense(Operation):
    """y = x W + b over the last axis: kernel (in, out), bias (out,) or none."""

    fan_in: int
    fan_out: int

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        (x,) = inputs
        features = x.shape[-1] if x.ndim > 1 else 0
        if features != self.fan_in:
            raise BadParameter(f"gets {features} features, and its kernel takes {self.fan_in}")
        y: Array = x @ weights["kernel"]
        if "bias" in weights:
            y += weights["bias"]
        return y

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        (x,) = inputs
        flat, back = x.reshape(-1, self.fan_in), cotangent.reshape(-1, self.fan_out)
        gradients: dict[str, Array] = {"kernel": flat.T @ back}
        if "bias" in weights:
            gradients["bias"] = back.sum(axis=0)
        return [cotangent @ weights["kernel"].T], gradients

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        return summed(inputs[0], weights, self.fan_in)

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        return spread(weights["kernel"], self.fan_out)


def summed(x: Moments, weights: Mapping[str, Moments], terms: float) -> Moments | None:
    """Sums of so many products of a weight and a value, plus a bias: the variance map of Poole et al. 2016, equation 3.

    None where the weights have a mean that theory cannot pass over.
    """
    scale = spread(weights["kernel"], terms)
    if scale is None:
        return None
    bias = weights.get("bias", Moments(0.0, 0.0))
    pair = None if x.pair is None else scale * x.pair + bias.square
    return Moments(bias.mean, scale * x.square + bias.square, gaussian=True, pair=pair)


def spread(kernel: Moments, terms: float) -> float | None:
    """By how much a sum of so many products multiplies a mean square; None where weights have a mean that matters."""
    return None if kernel.mean**2 > 1e-3 * kernel.square else terms * kernel.square


@dataclass(frozen=True)
class Embedding(Operation):
    """Rows of a table (rows, features), chosen by whole numbers."""

    rows: int

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return weights["embeddings"][self._chosen(inputs[0])]

    def _chosen(self, x: Array) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
        chosen = x.astype(np.int64)
        if x.size and not (chosen.min() >= 0 and chosen.max() < self.rows and np.array_equal(chosen, x)):
            raise BadParameter(f"gets numbers that are no rows from 0 to {self.rows - 1}")
        return chosen

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        gradient = np.zeros_like(weights["embeddings"])
        np.add.at(gradient, self._chosen(inputs[0]), cotangent)
        return [None], {"embeddings": gradient}

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        return weights["embeddings"]
