"""The schemes that make a tensor as a whole. What they make is in a file each, imported when it is asked for."""

from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, bind, real, whole, word
from initgen.core.shapes import Kernel, Shape, format_shape
from initgen.schemes import keras, torch
from initgen.schemes.scheme import Scheme, positive
from initgen.schemes.structure import Structure, kernel_shape


def _need_rank(scheme: str, shape: Shape, least: int, most: int) -> None:
    if not least <= len(shape) <= most:
        wanted = f"rank {least}" if least == most else f"rank {least} to {most}"
        raise BadParameter(f"shape = {format_shape(shape)} has rank {len(shape)}; {scheme} needs {wanted}")


def _orthogonal(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("orthogonal", shape, 2, 64)
    from initgen.schemes.orthogonal import Orthogonal

    return Orthogonal(shape, kernel.layout, real(values, "gain"))


def _delta_orthogonal(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("delta_orthogonal", shape, 3, 5)
    *_, inputs, outputs = kernel_shape(shape, kernel.layout)
    if outputs < inputs:
        raise BadParameter(f"delta_orthogonal needs at least as many outputs as inputs, not {inputs} to {outputs}")
    from initgen.schemes.orthogonal import DeltaOrthogonal

    return DeltaOrthogonal(shape, kernel.layout, real(values, "gain"))


def _identity(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("identity", shape, 2, 2)
    from initgen.schemes.identity import Identity

    return Identity(shape, kernel.layout, real(values, "gain"), 1, "identity")


def _dirac(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("dirac", shape, 3, 5)
    groups = kernel.groups if kernel.groups > 1 else whole(values, "groups")
    outputs = kernel_shape(shape, kernel.layout)[-1]
    if outputs % groups:
        raise BadParameter(f"groups = {groups} does not divide the {outputs} output channels of {format_shape(shape)}")
    from initgen.schemes.identity import Identity

    return Identity(shape, kernel.layout, 1.0, groups, "dirac kernel")


def _sparse(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("sparse", shape, 2, 2)
    from initgen.schemes.sparse import Sparse

    return Sparse(shape, real(values, "sparsity"), real(values, "std"))


_BASES = {scheme.name: scheme for scheme in (*keras.SCHEMES, *torch.SCHEMES) if scheme.fans == "shape"}


def _icnr(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("icnr", shape, 3, 5)
    scale, base = whole(values, "scale"), _BASES[word(values, "base")]
    *rest, outputs = kernel_shape(shape, kernel.layout)
    if outputs % scale**2:
        raise BadParameter(f"icnr needs output channels that scale² = {scale**2} divides, not {outputs}")
    small = (*rest, outputs // scale**2)
    fans = Kernel("keras").fans(small)
    from initgen.schemes.icnr import Icnr

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
