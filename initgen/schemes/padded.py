"""Embeddings whose padding has a row of zeros."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, real, whole
from initgen.core.shapes import Kernel, Shape, format_shape
from initgen.laws import Law, Normal
from initgen.schemes.scheme import Scheme, positive
from initgen.schemes.structure import Property, Structure

if TYPE_CHECKING:
    from initgen.schemes.structure import Floats


@dataclass(frozen=True)
class Padded(Structure):
    """Normal, with one row of zeros; the rows are along the first axis."""

    shape: Shape
    std: float
    row: int

    @property
    def element_law(self) -> Law:
        return Normal(0.0, self.std)

    @property
    def zeros(self) -> tuple[int, int]:
        # The row has its place in the stream, so that the others do not depend on which it is.
        width = math.prod(self.shape[1:])
        return self.row * width, (self.row + 1) * width

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        return [Property(f"values of row {self.row} other than zero", float(np.count_nonzero(tensor[self.row])), 0)]

    def independent(self, tensor: "Floats", dtype: DType) -> "tuple[Law, Floats] | None":
        import numpy as np

        return (self.element_law, np.delete(tensor, self.row, axis=0).reshape(-1)) if self.shape[0] > 1 else None

    @property
    def largest(self) -> float:
        return 10 * self.std

    def __str__(self) -> str:
        return f"row {self.row} of {self.shape[0]} is zero, the rest normal, std {self.std:.6g}"


def _padded_normal(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    row = whole(values, "row")
    if not shape:
        raise BadParameter("padded_normal needs a shape with rows, not a scalar")
    if row >= shape[0]:
        raise BadParameter(f"row = {row} is past the {shape[0]} rows of {format_shape(shape)}")
    return Padded(shape, real(values, "stddev"), row)


SCHEMES = (
    Scheme(
        "padded_normal",
        "torch",
        "normal, not cut, with one row of zeros: an embedding with padding",
        "N(0, stddev), one row 0",
        "torch.nn.Embedding(padding_idx=row), reset_parameters",
        build=_padded_normal,
        params=(positive("stddev", 1.0), Param("row", 0, "int", least=0)),
    ),
)
