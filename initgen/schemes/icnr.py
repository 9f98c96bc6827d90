"""Convolutions before pixel shuffle that start as nearest-neighbour resize."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DType
from initgen.core.shapes import Layout, Shape
from initgen.laws import Law
from initgen.schemes.structure import Property, Structure, as_kernel, in_layout, kernel_shape

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


@dataclass(frozen=True)
class Icnr(Structure):
    """A convolution before pixel shuffle that starts as nearest-neighbour resize: scale^2 outputs share one kernel."""

    shape: Shape
    layout: Layout
    scale: int
    law: Law
    base: str

    def _small(self) -> Shape:
        *rest, outputs = kernel_shape(self.shape, self.layout)
        return (*rest, outputs // self.scale**2)

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        small = self._small()
        kernel = draw(self.law, 0, math.prod(small)).reshape(small)
        # torch's PixelShuffle keeps the copies of a channel side by side, TensorFlow's depth_to_space a channel apart.
        if self.layout == "torch":
            return in_layout(np.repeat(kernel, self.scale**2, axis=-1), self.layout)
        return np.concatenate([kernel] * self.scale**2, axis=-1)

    def _copies(self, tensor: "Floats") -> "Floats":
        """The kernel as (*window, in, out / scale^2, scale^2): copies along the last axis."""
        kernel, small = as_kernel(tensor, self.layout), self._small()
        if self.layout == "torch":
            return kernel.reshape(*small, self.scale**2)
        return kernel.reshape(*small[:-1], self.scale**2, small[-1]).swapaxes(-1, -2)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        copies = self._copies(tensor)
        wrong = np.count_nonzero((copies != copies[..., :1]).any(axis=-1)) if copies.size else 0
        return [Property(f"values that are not repeated {self.scale**2} times", float(wrong), 0)]

    def independent(self, tensor: "Floats", dtype: DType) -> "tuple[Law, Floats] | None":
        return self.law, self._copies(tensor)[..., 0].reshape(-1)

    @property
    def support(self) -> tuple[float, float]:
        return self.law.support

    @property
    def largest(self) -> float:
        return max(abs(self.law.quantile(2.0**-65)), abs(self.law.quantile(1 - 2.0**-53)))

    def __str__(self) -> str:
        return f"{self.scale**2} equal kernels each, {self.base}: {self.law}"
