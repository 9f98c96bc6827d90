"""Orthogonal matrices, and convolutions that hold one at their centre."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DType
from initgen.core.shapes import Layout, Shape
from initgen.laws import Normal
from initgen.schemes.structure import Property, Structure, as_kernel, in_layout, kernel_shape

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


@dataclass(frozen=True)
class Orthogonal(Structure):
    """Orthonormal columns or rows, times gain, of the kernel flattened to a matrix.

    Keras and JAX flatten to (everything else, out), torch to (out, everything else).
    """

    shape: Shape
    layout: Layout
    gain: float

    bitwise = False

    @property
    def _flat(self) -> tuple[int, int]:
        if self.layout == "keras":
            return math.prod(self.shape[:-1]), self.shape[-1]
        return self.shape[0], math.prod(self.shape[1:])

    def build(self, draw: "Drawing") -> "Floats":
        return (self.gain * _haar(*self._flat, draw)).reshape(self.shape)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        return [_gram_error(tensor.reshape(self._flat), self.gain, dtype, "max |W'W - gain² I|")]

    @property
    def largest(self) -> float:
        return self.gain

    def __str__(self) -> str:
        rows, cols = self._flat
        side = "columns" if rows >= cols else "rows"
        return f"orthonormal {side} of the {rows}x{cols} matrix, gain {self.gain:.6g}"


@dataclass(frozen=True)
class DeltaOrthogonal(Structure):
    """Zero but at the window's centre, which holds an orthogonal matrix: a convolution that keeps every norm."""

    shape: Shape
    layout: Layout
    gain: float

    bitwise = False

    @property
    def _centre(self) -> tuple[int, ...]:
        return tuple((size - 1) // 2 for size in kernel_shape(self.shape, self.layout)[:-2])

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        kernel = np.zeros(kernel_shape(self.shape, self.layout))
        if kernel.size:
            kernel[self._centre] = self.gain * _haar(kernel.shape[-2], kernel.shape[-1], draw)
        return in_layout(kernel, self.layout)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        kernel = as_kernel(tensor, self.layout)
        if not kernel.size:
            return []
        centre = kernel[self._centre]
        outside = np.count_nonzero(kernel) - np.count_nonzero(centre)
        return [
            Property("nonzero values off the centre", float(outside), 0),
            _gram_error(centre, self.gain, dtype, "max |W'W - gain² I| at the centre"),
        ]

    @property
    def largest(self) -> float:
        return self.gain

    def __str__(self) -> str:
        return f"orthonormal at the window's centre {self._centre}, zero elsewhere, gain {self.gain:.6g}"


def _haar(rows: int, cols: int, draw: "Drawing") -> "Floats":
    """Orthonormal columns (rows, if there are fewer), uniform over all such matrices."""
    import numpy as np

    if not rows * cols:
        return np.zeros((rows, cols))
    tall = draw(Normal(0.0, 1.0), 0, rows * cols).reshape(max(rows, cols), min(rows, cols))
    q, r = np.linalg.qr(tall)
    # Mezzadri 2007: without this the signs are LAPACK's, and q is not Haar-distributed.
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return q if rows >= cols else q.T


def _gram_error(matrix: "Floats", gain: float, dtype: DType, name: str) -> Property:
    """How far the smaller Gram matrix of ``matrix`` is from gain^2 I, against what rounding explains."""
    import numpy as np

    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    rows, cols = matrix.shape
    if not matrix.size:
        return Property(name, 0.0, 0.0)
    error = float(np.abs(matrix.T @ matrix - gain**2 * np.eye(cols)).max())
    # Rounding to the dtype moves an entry of the Gram matrix by about eps/sqrt(rows), of a subnormal dtype by its step;
    # a QR in float32 (what the frameworks store from) adds some sqrt(rows) units of its own.
    eps = 2.0 ** (1 - dtype.digits)
    computed = eps if dtype.name == "float64" else 2.0**-23
    step = dtype.smallest
    limit = gain**2 * (eps**2 + 6 * eps / math.sqrt(rows) + 8 * math.sqrt(rows) * computed)
    limit += rows * step**2 + 6 * step * max(1.0, gain)
    return Property(name, error, limit)
