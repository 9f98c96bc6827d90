"""Kernels that pass their input through: the identity of a dense layer, the dirac kernel of a convolution."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DType
from initgen.core.shapes import Layout, Shape
from initgen.schemes.structure import Property, Structure, in_layout, kernel_shape

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


@dataclass(frozen=True)
class Identity(Structure):
    """Zero but for ``gain`` at known places: the identity of a dense layer, or of a (grouped) convolution."""

    shape: Shape
    layout: Layout
    gain: float
    groups: int
    what: str

    random = False

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        kernel = np.zeros(kernel_shape(self.shape, self.layout))
        inputs, outputs = kernel.shape[-2:]
        centre = tuple(size // 2 for size in kernel.shape[:-2])
        each = outputs // self.groups
        if kernel.size:
            for group in range(self.groups):
                d = np.arange(min(each, inputs))
                kernel[centre][d, group * each + d] = self.gain
        return in_layout(kernel, self.layout)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        # Nothing is drawn, so the tensor is known; only the gain was rounded.
        wanted = Identity(self.shape, self.layout, dtype.nearest(self.gain), self.groups, self.what)
        wrong = np.count_nonzero(tensor != wanted.build(lambda *_: np.empty(0)))
        return [Property(f"values that differ from the {self.what}", float(wrong), 0)]

    @property
    def largest(self) -> float:
        return abs(self.gain)

    def __str__(self) -> str:
        return f"{self.what}, gain {self.gain:.6g}" + (f", groups {self.groups}" if self.groups > 1 else "")
