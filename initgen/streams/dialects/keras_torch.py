"""Keras on torch: a new torch.Generator for each tensor, and Keras' own arithmetic on what it gives."""

import numpy as np

from initgen.core.errors import BadParameter
from initgen.streams.dialects import aten, torch
from initgen.streams.dialects.dialect import Call, Dialect, Drawing
from initgen.streams.dialects.keras import KerasDialect, Orthogonal


class KerasTorch(KerasDialect):
    """KERAS_BACKEND=torch."""

    name = "keras-torch"
    reference = "Keras 3.15.1 on " + torch.REFERENCE
    conditions = torch.CONDITIONS
    seeds = "Keras on torch takes any whole number, of which the lowest 32 bits count"

    def takes(self, seed: int) -> bool:
        return True

    def uniform(self, call: Call, low: float, high: float, function: str) -> Drawing:
        return torch.Filled(_Uniform(call, low, high), function)

    def normal(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        return torch.Filled(aten.Normal(torch.generator(call), call.count, call.dtype, mean, std), function)

    def truncated(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        return torch.Filled(_Truncated(call, mean, std), function)

    def orthogonal(self, call: Call, gain: float, function: str) -> Drawing:
        if call.dtype.itemsize < 4:
            raise BadParameter(f"{self.name} draws no orthogonal {call.dtype.name}", "torch has no QR in it")
        normals = self.normal(call, 0.0, 1.0, function)
        return Orthogonal(call, gain, normals, 1e-14 if call.dtype.name == "float64" else 1e-5, function)


class _Linear(aten.Filling):
    """Standard numbers times a scale, rounded, plus a shift, rounded: two calls of torch, as Keras makes them."""

    def __init__(self, drawn: aten.Filling, count: int, scale: float, shift: float) -> None:
        super().__init__(drawn.generator, count, drawn.dtype)
        kind = np.float64 if self.wide else np.float32
        self._source, self._scale = drawn, kind(scale)
        # torch rounds to the tensor's dtype what it adds, but not what it multiplies by.
        self._shift = aten.nearest(np.array([shift], kind), drawn.dtype)

    @property
    def after(self) -> aten.Generator:
        return self._source.after

    def values(self, start: int, count: int) -> aten.Floats:
        values = aten.nearest(self._standard(start, count) * self._scale, self.dtype)
        return aten.nearest(values + self._shift, self.dtype)

    def _standard(self, start: int, count: int) -> aten.Floats:
        return self._source.values(start, count)


class _Uniform(_Linear):
    """keras.src.backend.torch.random.uniform."""

    def __init__(self, call: Call, low: float, high: float) -> None:
        drawn = aten.Uniform(torch.generator(call), call.count, call.dtype, 0.0, 1.0)
        super().__init__(drawn, call.count, high - low, low)


class _Truncated(_Linear):
    """keras.src.backend.torch.random.truncated_normal: of each four normals the first within 2 std.

    Where none is, as happens to four in a million, the first of them all.
    """

    block = aten.Filling.block // 4

    def __init__(self, call: Call, mean: float, std: float) -> None:
        drawn = aten.Normal(torch.generator(call), 4 * call.count, call.dtype, 0.0, 1.0)
        super().__init__(drawn, call.count, std, mean)

    def _standard(self, start: int, count: int) -> aten.Floats:
        normals = self._source.values(4 * start, 4 * count).reshape(-1, 4)
        first = np.argmax(np.abs(normals) < 2, axis=1)
        chosen: aten.Floats = normals[np.arange(count), first]
        return chosen


DIALECTS: dict[str, Dialect] = {"keras-torch": KerasTorch()}
