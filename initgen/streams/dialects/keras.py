"""What Keras 3 asks its backend for: the part that the four keras-* dialects share."""

import math
import random
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.errors import BadParameter
from initgen.core.params import real, word
from initgen.core.shapes import Fans, Shape
from initgen.laws import Law, Normal, TruncatedNormal, Uniform
from initgen.streams import rounding
from initgen.streams.dialects.dialect import Call, Dialect, Drawing
from initgen.streams.dialects.scaling import CUT_STD, SCALINGS

_SET_SEED = "keras.utils.set_random_seed takes whole numbers from 0 to 2^32 - 1"


class KerasDialect(Dialect):
    """Keras' initializers over one of its backends, which gives the four ways of drawing.

    Each of them gets the numbers that Keras computes in Python's floats, and ``function``, the call as one would write
    it, for the drawing that it returns. ``call`` says shape, dtype and seed.
    """

    series = (
        "keras.utils.set_random_seed(seed); then each tensor that is drawn has an initializer of its own, created "
        "without a seed, which takes the next random.randint(1, 10**9) of Python as its seed"
    )

    @abstractmethod
    def uniform(self, call: Call, low: float, high: float, function: str) -> Drawing:
        """keras.random.uniform(shape, minval=low, maxval=high)."""

    @abstractmethod
    def normal(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        """keras.random.normal(shape, mean, stddev=std)."""

    @abstractmethod
    def truncated(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        """keras.random.truncated_normal(shape, mean, stddev=std), which cuts at 2 std."""

    @abstractmethod
    def orthogonal(self, call: Call, gain: float, function: str) -> Drawing:
        """keras.initializers.Orthogonal(gain): mostly an `Orthogonal`."""

    def _drawing(self, call: Call) -> Drawing:
        params = call.params
        if call.scheme in SCALINGS:
            name = "".join(part.title() for part in call.scheme.split("_"))
            return self._scaled(call, *SCALINGS[call.scheme], _function(call, name))
        if call.scheme == "variance_scaling" and params["mode"] != "fan_geo_avg":
            scale, mode, distribution = real(params, "scale"), word(params, "mode"), word(params, "distribution")
            if distribution == "normal":  # JAX's, which is not cut; Keras means a cut one by that word
                distribution = "untruncated_normal"
            function = _function(call, "VarianceScaling", scale=scale, mode=mode, distribution=distribution)
            return self._scaled(call, scale, mode, distribution, function)
        if call.scheme == "orthogonal":
            return self._orthogonal(call, real(params, "gain"))
        if call.law is None:
            raise self.refusal(call)
        return self._plain(call, call.law)

    def _scaled(self, call: Call, scale: float, mode: str, distribution: str, function: str) -> Drawing:
        """Source: keras.initializers.VarianceScaling.__call__, with its order of operations."""
        assert call.fans is not None
        variance = scale / max(1.0, _fan(call.fans, mode))
        if distribution == "truncated_normal":
            return self.truncated(call, 0.0, math.sqrt(variance) / CUT_STD, function)
        if distribution == "untruncated_normal":
            return self.normal(call, 0.0, math.sqrt(variance), function)
        limit = math.sqrt(3.0 * variance)
        return self.uniform(call, -limit, limit, function)

    def _plain(self, call: Call, law: Law) -> Drawing:
        """RandomUniform, RandomNormal or TruncatedNormal, by the law of the elements."""
        if isinstance(law, Uniform):
            low, high = law.support
            return self.uniform(call, low, high, _function(call, "RandomUniform", minval=low, maxval=high))
        if isinstance(law, Normal):
            mean, std = law.center, law.scale
            return self.normal(call, mean, std, _function(call, "RandomNormal", mean=mean, stddev=std))
        if isinstance(law, TruncatedNormal):
            mean, std = law.center, law.scale
            low, high = mean - 2 * std, mean + 2 * std
            if (law.low, law.high) != (low, high):
                raise BadParameter(
                    f"{self.name} does not draw a normal cut at {law.low:g} and {law.high:g}",
                    f"Keras cuts at 2 std: here at {low:g} and {high:g}",
                )
            return self.truncated(call, mean, std, _function(call, "TruncatedNormal", mean=mean, stddev=std))
        raise self.refusal(call)

    def _orthogonal(self, call: Call, gain: float) -> Drawing:
        if call.kernel.layout == "torch" and len(call.shape) > 2:
            raise BadParameter(
                f"{self.name} draws an orthogonal convolution in the keras layout only",
                "Keras flattens all axes but the last: --layout keras",
            )
        return self.orthogonal(call, gain, _function(call, "Orthogonal", gain=gain))

    def in_series(self, calls: Sequence[Call]) -> Iterator[Call]:
        """These calls, each with the seed that its initializer takes from Python's generator when it is created."""
        if not calls:
            return
        seed = calls[0].seed
        if not 0 <= seed < 2**32:
            raise BadParameter(f"seed = {seed} is not one that {self.name} takes for a model", _SET_SEED)
        seeds = random.Random(seed)
        for call in calls:
            yield replace(call, seed=seeds.randint(1, 10**9))


class Orthogonal(Drawing):
    """keras.initializers.Orthogonal: QR of a matrix of normals, in float64, then rounded.

    Args:
        normals: of the tall matrix, `tall` by shape, in the dtype of the call: mean 0, std 1.
        tolerance: of the backend's QR, in units of the gain.
    """

    def __init__(self, call: Call, gain: float, normals: Drawing, tolerance: float, function: str) -> None:
        self._call, self._gain, self._normals = call, gain, normals
        self.function, self.tolerance = function, tolerance

    def fill(self, start: int, out: NDArray[Any]) -> None:
        """The whole tensor."""
        drawn = rounding.empty(out.size, self._call.dtype)
        self._normals.fill(0, drawn)
        matrix = drawn.view(self._call.dtype.numpy).astype(np.float64).reshape(tall(self._call.shape))
        out[...] = rounding.stored(self._gain * orthonormal(matrix, self._call.shape).ravel(), self._call.dtype)


def tall(shape: Shape) -> Shape:
    """The matrix that Keras draws for an orthogonal tensor: all axes but the last flattened, the longer side first."""
    rows, cols = math.prod(shape[:-1]), shape[-1]
    return max(rows, cols), min(rows, cols)


def orthonormal(matrix: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Q of a `tall` matrix, its signs such that R's diagonal is positive, as the rows or columns of ``shape``."""
    q, r = np.linalg.qr(matrix)
    q = q * np.sign(np.diagonal(r))
    return np.reshape(q.T if math.prod(shape[:-1]) < shape[-1] else q, shape)


def _fan(fans: Fans, mode: str) -> float:
    return {"fan_in": fans.fan_in, "fan_out": fans.fan_out, "fan_avg": (fans.fan_in + fans.fan_out) / 2.0}[mode]


def _function(call: Call, initializer: str, **params: float | str) -> str:
    """The call as one would write it."""
    given = "".join(f"{name}={value!r}, " for name, value in params.items())
    return f"keras.initializers.{initializer}({given}seed={call.seed})({call.shape}, dtype={call.dtype.name!r})"
