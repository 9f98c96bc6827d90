"""Orthogonal, identity, dirac, sparse and ICNR: tensors made as a whole.

Each is written for one layout of its axes; ``_shown`` and ``_seen`` turn (*window, in, out) into the tensor's own layout.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, bind, real, whole, word
from initgen.core.shapes import Kernel, Layout, Shape, format_shape
from initgen.laws import Law, Normal, Uniform
from initgen.schemes import keras, torch
from initgen.schemes.scheme import Scheme, positive
from initgen.schemes.structure import Property, Structure

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


def _need_rank(scheme: str, shape: Shape, least: int, most: int) -> None:
    if not least <= len(shape) <= most:
        wanted = f"rank {least}" if least == most else f"rank {least} to {most}"
        raise BadParameter(f"shape = {format_shape(shape)} has rank {len(shape)}; {scheme} needs {wanted}")


def _seen(tensor: "Floats", layout: Layout) -> "Floats":
    """A kernel as (*window, in, out), whatever its layout."""
    if layout == "keras":
        return tensor
    return tensor.transpose(*range(2, tensor.ndim), 1, 0)


def _shown(tensor: "Floats", layout: Layout) -> "Floats":
    """A kernel (*window, in, out) in its layout, C order."""
    import numpy as np

    if layout == "keras":
        return tensor
    return np.ascontiguousarray(tensor.transpose(tensor.ndim - 1, tensor.ndim - 2, *range(tensor.ndim - 2)))


def _seen_shape(shape: Shape, layout: Layout) -> Shape:
    return shape if layout == "keras" else (*shape[2:], shape[1], shape[0])


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
        return tuple((size - 1) // 2 for size in _seen_shape(self.shape, self.layout)[:-2])

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        kernel = np.zeros(_seen_shape(self.shape, self.layout))
        if kernel.size:
            kernel[self._centre] = self.gain * _haar(kernel.shape[-2], kernel.shape[-1], draw)
        return _shown(kernel, self.layout)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        kernel = _seen(tensor, self.layout)
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


@dataclass(frozen=True)
class Ones(Structure):
    """Zero but for ``gain`` at known places: the identity of a dense layer, or of a (grouped) convolution."""

    shape: Shape
    layout: Layout
    gain: float
    groups: int
    what: str

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        kernel = np.zeros(_seen_shape(self.shape, self.layout))
        inputs, outputs = kernel.shape[-2:]
        centre = tuple(size // 2 for size in kernel.shape[:-2])
        each = outputs // self.groups
        if kernel.size:
            for group in range(self.groups):
                d = np.arange(min(each, inputs))
                kernel[centre][d, group * each + d] = self.gain
        return _shown(kernel, self.layout)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        # Nothing is drawn, so the tensor is known; only the gain was rounded.
        wanted = Ones(self.shape, self.layout, dtype.nearest(self.gain), self.groups, self.what)
        wrong = np.count_nonzero(tensor != wanted.build(lambda *_: np.empty(0)))
        return [Property(f"values that differ from the {self.what}", float(wrong), 0)]

    @property
    def largest(self) -> float:
        return abs(self.gain)

    def __str__(self) -> str:
        return f"{self.what}, gain {self.gain:.6g}" + (f", groups {self.groups}" if self.groups > 1 else "")


@dataclass(frozen=True)
class Sparse(Structure):
    """Normal, with the same share of every column set to zero."""

    shape: Shape
    sparsity: float
    std: float

    @property
    def _zeros(self) -> int:
        return math.ceil(self.sparsity * self.shape[0])

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
        # A dtype that is coarse beside std rounds some draws to zero as well.
        coarse = dtype.smallest > 2.0**-40 * self.std
        wrong = zeros < self._zeros if coarse else zeros != self._zeros
        return [Property(f"columns without {self._zeros} zeros", float(np.count_nonzero(wrong)), 0)]

    def independent(self, tensor: "Floats") -> "tuple[Law, Floats] | None":
        return Normal(0.0, self.std), tensor[tensor != 0]

    @property
    def largest(self) -> float:
        return 10 * self.std

    def __str__(self) -> str:
        return f"{self._zeros} of the {self.shape[0]} values of a column are zero, the rest normal, std {self.std:.6g}"


@dataclass(frozen=True)
class Icnr(Structure):
    """A convolution before pixel shuffle that starts as nearest-neighbour resize: scale^2 outputs share one kernel."""

    shape: Shape
    layout: Layout
    scale: int
    law: Law
    base: str

    def _small(self) -> Shape:
        *rest, outputs = _seen_shape(self.shape, self.layout)
        return (*rest, outputs // self.scale**2)

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        small = self._small()
        kernel = draw(self.law, 0, math.prod(small)).reshape(small)
        # torch's PixelShuffle keeps the copies of a channel side by side, TensorFlow's depth_to_space a channel apart.
        if self.layout == "torch":
            return _shown(np.repeat(kernel, self.scale**2, axis=-1), self.layout)
        return np.concatenate([kernel] * self.scale**2, axis=-1)

    def _copies(self, tensor: "Floats") -> "Floats":
        """The kernel as (*window, in, out / scale^2, scale^2): copies along the last axis."""
        kernel, small = _seen(tensor, self.layout), self._small()
        if self.layout == "torch":
            return kernel.reshape(*small, self.scale**2)
        return kernel.reshape(*small[:-1], self.scale**2, small[-1]).swapaxes(-1, -2)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        copies = self._copies(tensor)
        wrong = np.count_nonzero((copies != copies[..., :1]).any(axis=-1)) if copies.size else 0
        return [Property(f"values that are not repeated {self.scale**2} times", float(wrong), 0)]

    def independent(self, tensor: "Floats") -> "tuple[Law, Floats] | None":
        return self.law, self._copies(tensor)[..., 0].reshape(-1)

    @property
    def support(self) -> tuple[float, float]:
        return self.law.support

    @property
    def largest(self) -> float:
        return max(abs(self.law.quantile(2.0**-65)), abs(self.law.quantile(1 - 2.0**-53)))

    def __str__(self) -> str:
        return f"{self.scale**2} equal kernels each, {self.base}: {self.law}"


def _orthogonal(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("orthogonal", shape, 2, 64)
    return Orthogonal(shape, kernel.layout, real(values, "gain"))


def _delta_orthogonal(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("delta_orthogonal", shape, 3, 5)
    *_, inputs, outputs = _seen_shape(shape, kernel.layout)
    if outputs < inputs:
        raise BadParameter(f"delta_orthogonal needs at least as many outputs as inputs, not {inputs} to {outputs}")
    return DeltaOrthogonal(shape, kernel.layout, real(values, "gain"))


def _identity(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("identity", shape, 2, 2)
    return Ones(shape, kernel.layout, real(values, "gain"), 1, "identity")


def _dirac(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("dirac", shape, 3, 5)
    groups = kernel.groups if kernel.groups > 1 else whole(values, "groups")
    outputs = _seen_shape(shape, kernel.layout)[-1]
    if outputs % groups:
        raise BadParameter(f"groups = {groups} does not divide the {outputs} output channels of {format_shape(shape)}")
    return Ones(shape, kernel.layout, 1.0, groups, "dirac kernel")


def _sparse(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("sparse", shape, 2, 2)
    return Sparse(shape, real(values, "sparsity"), real(values, "std"))


_BASES = {scheme.name: scheme for scheme in (*keras.SCHEMES, *torch.SCHEMES) if scheme.fans == "shape"}


def _icnr(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("icnr", shape, 3, 5)
    scale, base = whole(values, "scale"), _BASES[word(values, "base")]
    *rest, outputs = _seen_shape(shape, kernel.layout)
    if outputs % scale**2:
        raise BadParameter(f"icnr needs output channels that scale² = {scale**2} divides, not {outputs}")
    small = (*rest, outputs // scale**2)
    fans = Kernel("keras").fans(small)
    return Icnr(shape, kernel.layout, scale, base.law(fans, bind(base.name, base.params, {})), base.name)


SCHEMES = (
    Scheme(
        "orthogonal",
        "any",
        "orthonormal columns (rows, if there are fewer); --layout torch flattens as torch does",
        "W'W = gain^2 I",
        "Saxe et al. 2014; Mezzadri 2007 for the signs",
        build=_orthogonal,
        params=(positive("gain", 1.0),),
        aliases=("orthogonal_", "OrthogonalInitializer"),
    ),
    Scheme(
        "delta_orthogonal",
        "jax",
        "an orthogonal matrix at the centre of a convolution's window, zero elsewhere",
        "W'W = gain^2 I at the window's centre (k - 1) // 2",
        "Xiao et al. 2018, algorithm 1; jax.nn.initializers.delta_orthogonal",
        build=_delta_orthogonal,
        params=(positive("gain", 1.0),),
    ),
    Scheme(
        "identity",
        "any",
        "gain on the main diagonal of a matrix, zero elsewhere",
        "gain I",
        "keras.initializers.Identity, torch.nn.init.eye_",
        build=_identity,
        params=(Param("gain", 1.0),),
        aliases=("eye", "eye_", "IdentityInitializer"),
    ),
    Scheme(
        "dirac",
        "torch",
        "a convolution that passes its input through: one at the window's centre k // 2",
        "W[g o + d, d, k // 2] = 1",
        "torch.nn.init.dirac_",
        build=_dirac,
        params=(Param("groups", 1, "int", least=1),),
        aliases=("dirac_",),
    ),
    Scheme(
        "sparse",
        "torch",
        "normal, with the same share of every column zero",
        "N(0, std), ceil(sparsity rows) zeros in each column",
        "Martens 2010, section 5; torch.nn.init.sparse_",
        build=_sparse,
        params=(Param("sparsity", 0.1, least=0, most=1), positive("std", 0.01)),
        aliases=("sparse_",),
    ),
    Scheme(
        "icnr",
        "any",
        "a convolution before pixel shuffle that starts as nearest-neighbour resize",
        "scale^2 equal output kernels, each of the base scheme at out / scale^2",
        "Aitken et al. 2017, section 3",
        build=_icnr,
        params=(
            Param("scale", 2, "int", least=1, most=4096),
            Param("base", "he_normal", "word", choices=tuple(_BASES)),
        ),
    ),
)
