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


def _arange(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("arange", shape, 1, 64)
    from initgen.schemes.patterns import Arange

    return Arange(shape)


def _tril(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("tril", shape, 2, 64)
    from initgen.schemes.patterns import Tril

    return Tril(shape)


def _unit_forget_bias(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("unit_forget_bias", shape, 1, 1)
    if shape[0] % 4:
        raise BadParameter(f"unit_forget_bias is for the four gates of an LSTM, and 4 does not divide {shape[0]}")
    from initgen.schemes.patterns import UnitForgetBias

    return UnitForgetBias(shape)


def _inverse_frequencies(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("inverse_frequencies", shape, 1, 64)
    from initgen.schemes.patterns import InverseFrequencies

    return InverseFrequencies(shape, real(values, "theta"))


def _mamba_a_log(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    _need_rank("mamba_a_log", shape, 1, 64)
    from initgen.schemes.patterns import MambaALog

    return MambaALog(shape)


def _mamba_dt_bias(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    low, high, floor = (real(values, name) for name in ("dt_min", "dt_max", "dt_floor"))
    if not low < high or floor >= high:
        raise BadParameter(f"dt_min = {low:g} and dt_floor = {floor:g} must be below dt_max = {high:g}")
    from initgen.schemes.patterns import MambaDtBias

    return MambaDtBias(shape, low, high, floor)


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
    Scheme(
        "arange",
        "torch",
        "counting up from 0 along the last axis, as of positions",
        "W[…, i] = i",
        "torch.arange",
        build=_arange,
    ),
    Scheme(
        "tril",
        "torch",
        "one on and below the diagonal of the last two axes, as of a causal mask",
        "W[…, i, j] = 1 where j <= i",
        "torch.tril(torch.ones(...))",
        build=_tril,
    ),
    Scheme(
        "unit_forget_bias",
        "keras",
        "the bias of an LSTM, blocks i, f, c, o: one for the forget gate, zero for the others",
        "0, 1, 0, 0",
        "Jozefowicz et al. 2015, section 2.2; keras.layers.LSTM(unit_forget_bias=True)",
        build=_unit_forget_bias,
    ),
    Scheme(
        "inverse_frequencies",
        "torch",
        "the frequencies of rotary positions, n = half the width of a head",
        "W[…, i] = theta^(-i/n)",
        "Su et al. 2021, section 3.2.2; rotary_emb.inv_freq of older checkpoints",
        build=_inverse_frequencies,
        params=(positive("theta", 10000.0),),
        aliases=("inv_freq",),
    ),
    Scheme(
        "mamba_a_log",
        "any",
        "the logarithms of 1 to N along the last axis: S4D-Real, as Mamba keeps it",
        "W[…, i] = log(i + 1)",
        "Gu & Dao 2023, section 3.6; state-spaces/mamba, A_log",
        build=_mamba_a_log,
    ),
    Scheme(
        "mamba_dt_bias",
        "any",
        "the bias of Mamba's time steps, which are uniform in the logarithm after softplus",
        "softplus^-1(max(exp(U(log dt_min, log dt_max)), dt_floor))",
        "Gu & Dao 2023, section 3.6; state-spaces/mamba, dt_proj.bias",
        build=_mamba_dt_bias,
        params=(positive("dt_min", 0.001), positive("dt_max", 0.1), positive("dt_floor", 1e-4)),
    ),
)
