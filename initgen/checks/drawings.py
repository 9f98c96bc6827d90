"""How else a tensor of 16-bit floats can have been drawn, where it is not the law rounded once.

Frameworks that are asked for bfloat16 or float16 compute in it. JAX then draws one of 128 or 1024 values; others round
a standard draw before they scale it. From about a million values on that is plainly not the rounded law, and the file
is right all the same. Each way here is the framework's own formula on all of its inputs, each with its probability, in
the arithmetic of the dtype: numpy and ml_dtypes round every operation, as the frameworks do.

Every formula was held against the framework where a release is named. No way is taken for the law that is off by more
than rounding can explain (`_FAR`).
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.checks.cells import Cells, Floats, cells_of, cells_of_draws, grid
from initgen.core.dtypes import DTYPES, DType
from initgen.laws import Law, Normal, TruncatedNormal, Uniform
from initgen.schemes.keras import CUT_STD

Values = NDArray[Any]
# Values of a dtype and the probability of each, in any order.
Draws = tuple[Values, Floats]
Way = Callable[[Any, DType], Draws | None]

# What mean and variance may be off by, in units of the dtype's rounding: 5 where the law lies on both sides of zero, 60
# in a tail. torch before 2.12 is off by 5000: of trunc_normal_(std=0.02) in bfloat16 it puts 1 of 500 values at -2.
_FAR = 64.0
# Nearer to zero than this many std, values have no probability to speak of.
_NOTHING = 2.0**-32
_TORCH_REACH = math.sqrt(48 * math.log(2))  # of a normal value whose logarithm is taken of at least 2^-24


def drawings(law: Law, dtype: DType) -> Iterator[Cells]:
    """The ways, after the ordinary one (`cells_for`), in which such a tensor can have been drawn; computed when asked for.

    None in dtypes above 16 bits, where they cannot be told apart. In 8 bits nothing is drawn natively, only rounded.
    """
    if dtype.itemsize > 2:
        return
    yield cells_of(law, dtype, held=True)
    yield cells_of(law, dtype, held=False)
    ways = _WAYS.get(type(law), {}) if dtype.itemsize == 2 else _BY_WAY_OF
    for title, way in ways.items():
        cells = _cells(law, dtype, title.format(dtype=dtype.name), way)
        if cells is not None:
            yield cells


@lru_cache(maxsize=64)
@np.errstate(all="ignore")
def _cells(law: Law, dtype: DType, title: str, way: Way) -> Cells | None:
    draws = way(law, dtype)
    if draws is None or not np.isfinite(draws[0].astype(np.float64)[draws[1] > 0]).all():
        return None
    few = draws[0].size == 1 << (dtype.digits - 1)
    count = f": {np.unique(draws[0].view(np.uint16)).size} values" if few else ""
    step = 2.0**-dtype.digits
    low, high = law.support
    # Two roundings further than the bounds, at most: of this dtype, or of the one that came before it.
    past = max(2 * step, 2.0**-7) * max(abs(low), abs(high)) if math.isfinite(high - low) else 0.0
    cells = cells_of_draws(*draws, dtype, title + count, (low - past, high + past))
    moved = abs(cells.mean - law.mean) / (abs(law.mean) + law.std)
    return cells if max(moved, abs(cells.variance / law.variance - 1)) < _FAR * step else None


# Inputs


@lru_cache(maxsize=16)
def _rounded(law: Law, dtype: DType) -> Draws:
    """All finite values in ascending order, with the probability of being rounded to."""
    codes, values, ends = grid(dtype.name)
    stored = codes.astype(f"<u{dtype.itemsize}").view(dtype.numpy)
    far, near = 40 * law.std + abs(law.mean), _NOTHING * law.std
    below = np.where(np.abs(ends) < far, law.cdf(0.0), ends > 0)
    moves = np.flatnonzero((np.abs(ends) < far) & (np.abs(ends) > near))
    below[moves] = [law.cdf(float(end)) for end in ends[moves]]
    finite = np.isfinite(values)
    return stored[finite], np.diff(below, prepend=0.0)[finite]


def _drawn_by_torch(low: float, high: float, dtype: DType) -> Draws:
    """torch.Tensor.uniform_ and torch.rand. Source: torch 2.13, ATen/native/cpu/DistributionTemplates.h."""
    return _reversed(_rounded(Uniform(low, high), dtype), low, high, dtype)


def _reversed(draws: Draws, low: float, high: float, dtype: DType) -> Draws:
    """What was rounded up to ``high`` becomes ``low``: torch's intervals are open there."""
    values, weights = draws
    of = dtype.numpy.type
    top = values == of(high)
    moved = np.where(top, 0, weights)
    moved[np.flatnonzero(values == of(low))[-1]] += weights[top].sum()  # 0 comes after -0
    return values[moved > 0], moved[moved > 0]


def _drawn_by_jax(low: Any, high: Any, dtype: DType, fused: bool) -> Draws:
    """jax.random.uniform: all fractions of the dtype below 1, equally likely.

    XLA makes one operation of the product and the sum where the processor has it: for float16 with AVX512-FP16.
    Source: jax 0.10.2, jax/_src/random/core.py, _uniform.
    """
    of, count = dtype.numpy.type, 1 << (dtype.digits - 1)
    low, high = of(low), of(high)
    fractions = np.arange(count) / count
    if fused:
        values = (fractions * float(high - low) + float(low)).astype(dtype.numpy)
    else:
        values = fractions.astype(dtype.numpy) * (high - low) + low
    return np.maximum(values, low), np.full(count, 1 / count)


# XLA's erf_inv: in -log(1 - u^2) - 2.5, and in its square root less 3 where it is 5 or more. Giles 2010, "Approximating
# the erfinv function", single precision. Its error decides some roundings to float16, so that another one would not do.
_NEAR = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def _erf_inv(u: Values, dtype: DType) -> Values:
    """erf_inv of JAX and torch in a narrow dtype: computed in float32, rounded once."""
    x = u.astype(np.float64)
    w = -np.log1p(-x * x)
    near, tail = np.polyval(_NEAR, w - 2.5), np.polyval(_TAIL, np.sqrt(w) - 3)
    inside = np.where(w < 5, near, tail) * x
    return np.where(np.abs(x) < 1, inside, np.copysign(np.inf, x)).astype(dtype.numpy)


# JAX, and Keras on JAX


def _standard_by_jax(law: Normal | TruncatedNormal, dtype: DType, fused: bool) -> Draws:
    """jax.random.normal and truncated_normal, standard. Source: core.py, _normal_real and _truncated_normal."""
    of = dtype.numpy.type
    root = of(math.sqrt(2))
    one, infinity = of(1), of(math.inf)
    if isinstance(law, Normal):
        u, weights = _drawn_by_jax(np.nextafter(-one, one), one, dtype, fused)
        return root * _erf_inv(u, dtype), weights
    low, high = of((law.low - law.center) / law.scale), of((law.high - law.center) / law.scale)
    a, b = (of(math.erf(float(end / root))) for end in (low, high))
    u, weights = _drawn_by_jax(a, b, dtype, fused)
    values = np.maximum(root * _erf_inv(u, dtype), np.nextafter(low, infinity))
    return np.minimum(values, np.nextafter(high, -infinity)), weights


def _by_jax(fused: bool, scaling: bool) -> Way:
    """A way of JAX.

    Args:
        scaling: by ``variance_scaling``, which rounds the variance and takes roots of it in the dtype; else by a
            std or by limits, which are rounded themselves.
    """

    def way(law: Law, dtype: DType) -> Draws | None:
        of = dtype.numpy.type
        variance = of(law.variance)
        if fused and dtype.name != "float16":
            return None
        if isinstance(law, Uniform):
            if not scaling:
                return _drawn_by_jax(law.low, law.high, dtype, fused)
            values, weights = _drawn_by_jax(-1, 1, dtype, fused)
            scaled: Values = values * np.sqrt(of(3) * variance)
            return (scaled, weights) if law.low == -law.high and not fused else None
        assert isinstance(law, Normal | TruncatedNormal)
        values, weights = _standard_by_jax(law, dtype, fused)
        if not scaling:
            return values * of(law.scale) + of(law.center), weights
        cut = law.high == -law.low == 2 * law.scale if isinstance(law, TruncatedNormal) else law.center == 0
        std = np.sqrt(variance) / of(CUT_STD) if isinstance(law, TruncatedNormal) else np.sqrt(variance)
        return (values * std, weights) if cut else None

    return way


# torch, and Keras on torch


def _scaled_by_torch(values: Values, factor: float, term: float, dtype: DType) -> Values:
    """Times a number, which is of float32, plus a number, which is rounded to the dtype; both results are rounded."""
    scaled = (values.astype(np.float32) * np.float32(factor)).astype(dtype.numpy)
    moved: Values = scaled + dtype.numpy.type(term)
    return moved


def _uniform_by_torch(law: Uniform, dtype: DType) -> Draws:
    """torch.nn.init.uniform_ and all that call it."""
    return _drawn_by_torch(law.low, law.high, dtype)


def _uniform_by_torch_on_gpus(law: Uniform, dtype: DType) -> Draws:
    """The same on CUDA, which rounds the limits first.

    Source: torch 2.13, ATen/native/cuda/DistributionTemplates.h; read, not run.
    """
    of = dtype.numpy.type
    low, high = of(law.low), of(law.high)
    rounded = _rounded(Uniform(float(low), float(low) + float(high - low)), dtype)
    return _reversed(rounded, low, high, dtype)


def _uniform_by_keras(law: Uniform, dtype: DType) -> Draws:
    """``(high - low) * torch.rand() + low``. Source: keras 3.15, backend/torch/random.py, uniform."""
    values, weights = _drawn_by_torch(0.0, 1.0, dtype)
    return _scaled_by_torch(values, law.high - law.low, law.low, dtype), weights


def _normal_by_scaling(law: Normal | TruncatedNormal, dtype: DType) -> Draws:
    """``std * torch.randn() + mean``."""
    values, weights = _rounded(_standard(law), dtype)
    return _scaled_by_torch(values, law.scale, law.center, dtype), weights


def _cut_by_keras(law: TruncatedNormal, dtype: DType) -> Draws | None:
    """The first of four normal values that is inside, or the first of all: 4 in a million lie beyond the bounds.

    Source: keras 3.15, backend/torch/random.py, truncated_normal.
    """
    if not law.high == 2 * law.scale + law.center == -law.low + 2 * law.center:
        return None
    values, weights = _rounded(Normal(0.0, 1.0), dtype)
    x = np.abs(values.astype(np.float64))
    weights = np.where(x < _TORCH_REACH, weights, 0)
    outside = float(weights[x >= 2].sum())
    weights = weights * np.where(x < 2, (1 - outside**4) / (1 - outside), outside**3)
    return _scaled_by_torch(values, law.scale, law.center, dtype), weights


def _cut_by_torch(law: TruncatedNormal, dtype: DType) -> Draws | None:
    """torch.nn.init.trunc_normal_ from 2.12 on: rounded values are drawn again until they lie inside.

    Source: torch 2.13, nn/init.py, _no_grad_trunc_normal_. Where little is kept, uniform values are accepted in
    proportion to the density, whose logarithm is computed in the dtype.
    """
    of, cdf = dtype.numpy.type, Normal(law.center, law.scale).cdf
    if cdf(law.high) - cdf(law.low) > 0.3:
        values, weights = _rounded(Normal(law.center, law.scale), dtype)
        return values, np.where((values >= of(law.low)) & (values <= of(law.high)), weights, 0)
    values, weights = _drawn_by_torch(law.low, law.high, dtype)
    mode = max(law.low, min(law.center, law.high))
    z = _divided(_scaled_by_torch(values, 1, -law.center, dtype), law.scale, dtype)
    density = _scaled_by_torch(z * z, -0.5, 0.5 * ((mode - law.center) / law.scale) ** 2, dtype)
    u, chances = _drawn_by_torch(0.0, 1.0, dtype)
    logs = np.log(np.maximum(u.astype(np.float64), 5e-324)).astype(dtype.numpy).astype(np.float64)
    accepted = np.searchsorted(logs, density.astype(np.float64), side="right")
    return values, weights * np.concatenate([[0.0], np.cumsum(chances)])[accepted]


def _divided(values: Values, by: float, dtype: DType) -> Values:
    quotients: Values = values.astype(np.float32) / np.float32(by)
    return quotients.astype(dtype.numpy)


def _cut_by_erf_inv(law: TruncatedNormal, dtype: DType) -> Draws:
    """torch.nn.init.trunc_normal_ before 2.12, and timm's: erf_inv of uniform values.

    Source: torch 2.11, nn/init.py, _no_grad_trunc_normal_; timm 1.0, layers/weight_init.py, _trunc_normal_.
    """
    cdf, of = Normal(law.center, law.scale).cdf, dtype.numpy.type
    u, weights = _drawn_by_torch(2 * cdf(law.low) - 1, 2 * cdf(law.high) - 1, dtype)
    values = _scaled_by_torch(_erf_inv(u, dtype), law.scale * math.sqrt(2), law.center, dtype)
    return np.minimum(np.maximum(values, of(law.low)), of(law.high)), weights


def _cut_by_timm(law: TruncatedNormal, dtype: DType) -> Draws:
    """timm's trunc_normal_tf_: the standard law, then scaled. Source: timm 1.0, layers/weight_init.py."""
    values, weights = _cut_by_erf_inv(_standard(law), dtype)
    return _scaled_by_torch(values, law.scale, law.center, dtype), weights


def _standard(law: Any) -> Any:
    """The law in units of its std before the cut."""
    if isinstance(law, Normal):
        return Normal(0.0, 1.0)
    return TruncatedNormal(0.0, 1.0, (law.low - law.center) / law.scale, (law.high - law.center) / law.scale)


# Others


def _by_way_of(name: str) -> Way:
    """Rounded to another dtype before this one: a model that was converted twice."""

    def way(law: Law, dtype: DType) -> Draws | None:
        values, weights = _rounded(law, DTYPES[name])
        return (values.astype(dtype.numpy), weights) if dtype.name != name else None

    return way


def _normal_by_tensorflow(law: Normal | TruncatedNormal, dtype: DType) -> Draws:
    """A standard value is rounded, then scaled by what is rounded too.

    Source: tensorflow 2.21, ops/stateless_random_ops.py, stateless_random_normal and _truncated_normal.
    """
    values, weights = _rounded(_standard(law), dtype)
    of = dtype.numpy.type
    return values * of(law.scale) + of(law.center), weights


_BY_WAY_OF: dict[str, Way] = {
    "rounded to bfloat16 first": _by_way_of("bfloat16"),
    "rounded to float16 first": _by_way_of("float16"),
}
_JAX: dict[str, Way] = {
    "natively in {dtype}, as jax.nn.initializers do": _by_jax(fused=False, scaling=True),
    "natively in {dtype}, as jax.nn.initializers do, with fused operations": _by_jax(fused=True, scaling=True),
    "natively in {dtype}, as jax.random and Keras on JAX do": _by_jax(fused=False, scaling=False),
    "natively in {dtype}, as jax.random and Keras on JAX do, with fused operations": _by_jax(fused=True, scaling=False),
}
_WAYS: dict[type[Law], dict[str, Way]] = {
    Uniform: {
        "natively in {dtype}, as torch.nn.init does": _uniform_by_torch,
        "natively in {dtype}, as torch.nn.init does on GPUs": _uniform_by_torch_on_gpus,
        "natively in {dtype}, as Keras on torch does": _uniform_by_keras,
        **_JAX,
        **_BY_WAY_OF,
    },
    Normal: {
        "natively in {dtype}, as torch.randn does, then scaled": _normal_by_scaling,
        "natively in {dtype}, as Keras on TensorFlow does": _normal_by_tensorflow,
        **_JAX,
        **_BY_WAY_OF,
    },
    TruncatedNormal: {
        "natively in {dtype}, as torch.nn.init does": _cut_by_torch,
        "natively in {dtype}, as torch.nn.init does before 2.12": _cut_by_erf_inv,
        "natively in {dtype}, as timm does": _cut_by_timm,
        "natively in {dtype}, as Keras on torch does": _cut_by_keras,
        "natively in {dtype}, as Keras on TensorFlow does": _normal_by_tensorflow,
        **_JAX,
        **_BY_WAY_OF,
    },
}
