"""Keras on numpy: a new default_rng for each tensor, in float64, then rounded.

Keras seeds it with the words (seed, 0), which numpy fills up with zeros as it does the seed alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.errors import BadParameter
from initgen.streams.dialects.dialect import Call, Dialect, Drawing
from initgen.streams.dialects.keras import KerasDialect, orthonormal, tall
from initgen.streams.dialects.numpy import TOLERANCES, Cut, Gaussian, Generator, Linear, cast


class KerasNumpy(KerasDialect):
    """KERAS_BACKEND=numpy."""

    name = "keras-numpy"
    reference = "Keras 3.15.1 on numpy 2.4.6"
    conditions = (
        "any numpy since 1.17, as long as default_rng and its normal remain what they are",
        "orthogonal: float64 is computed in float32, as Keras does it; a QR by another LAPACK may differ in the last digits",
    )
    seeds = "Keras on numpy takes whole numbers from 0 to 2^32 - 1"

    def takes(self, seed: int) -> bool:
        return 0 <= seed < 2**32

    def uniform(self, call: Call, low: float, high: float, function: str) -> Drawing:
        return Linear(call, Generator(call.seed), low, high, function)

    def normal(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        return Gaussian(call, Generator(call.seed), mean, std, function)

    def truncated(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        return Cut(call, Generator(call.seed), mean, std, (mean - 2 * std, mean + 2 * std), function)

    def orthogonal(self, call: Call, gain: float, function: str) -> Drawing:
        if call.dtype.name == "float16":
            raise BadParameter(f"{self.name} draws no orthogonal float16", "numpy has no QR in float16")
        return _Orthogonal(call, gain, function)


class _Orthogonal(Drawing):
    """numpy's QR, which computes in float64: of float32 numbers, in which Keras also holds float64, or of bfloat16."""

    def __init__(self, call: Call, gain: float, function: str) -> None:
        self._call, self._gain, self.function = call, gain, function
        self.tolerance = TOLERANCES["bfloat16" if call.dtype.name == "bfloat16" else "float32"]

    def fill(self, start: int, out: NDArray[Any]) -> None:
        """The whole tensor."""
        shape = self._call.shape
        normals = Generator(self._call.seed).at(()).standard_normal(tall(shape))
        if self._call.dtype.name == "bfloat16":
            matrix = normals.astype(self._call.dtype.numpy).astype(np.float64)
        else:
            matrix = normals.astype(np.float32)
        out[...] = cast((self._gain * orthonormal(matrix, shape)).ravel(), self._call.dtype)


DIALECTS: dict[str, Dialect] = {"keras-numpy": KerasNumpy()}
