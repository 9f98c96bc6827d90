"""Matrices with the same share of zeros in every column."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DType
from initgen.core.shapes import Shape
from initgen.laws import Law, Normal, Uniform
from initgen.schemes.structure import Property, Structure

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


@dataclass(frozen=True)
class Sparse(Structure):
    """Normal, with the same share of every column set to zero."""

    shape: Shape
    sparsity: float
    std: float

    @property
    def _zeros(self) -> int:
        return math.ceil(self.sparsity * self.shape[0])

    def _coarse(self, dtype: DType) -> bool:
        """Whether the dtype rounds draws to zero."""
        return dtype.smallest > 2.0**-40 * self.std

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        count = math.prod(self.shape)
        tensor = draw(Normal(0.0, self.std), 0, count).reshape(self.shape)
        # A second draw per element is its lot: in each column the smallest lots become zeros.
        lots = draw(Uniform(-1.0, 1.0), count, count).reshape(self.shape)
        np.put_along_axis(tensor, np.argsort(lots, axis=0, kind="stable")[: self._zeros], 0.0, axis=0)
        return tensor

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        if not tensor.size:
            return []
        zeros = np.count_nonzero(tensor == 0, axis=0)
        few = Property(f"columns with fewer than {self._zeros} zeros", float(np.count_nonzero(zeros < self._zeros)), 0)
        if self._coarse(dtype):
            return [few]
        # A normal float32 of torch or numpy is 0 itself once in some 2^24 draws: more than these have a chance of 1e-7.
        limit = 0.0 if dtype.itemsize > 4 else 2 + 2.0**-18 * tensor.size
        return [few, Property("zeros beyond those", float(zeros.sum()) - self._zeros * self.shape[1], limit)]

    def independent(self, tensor: "Floats", dtype: DType) -> "tuple[Law, Floats] | None":
        if self._coarse(dtype):  # some of what was drawn is zero now, and cannot be told from what was set to zero
            return None
        return Normal(0.0, self.std), tensor[tensor != 0]

    @property
    def largest(self) -> float:
        return 10 * self.std

    def __str__(self) -> str:
        return f"{self._zeros} of the {self.shape[0]} values of a column are zero, the rest normal, std {self.std:.6g}"
