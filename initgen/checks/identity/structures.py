"""What a tensor may have been made as, where its elements depend on each other."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from initgen.checks.identity.candidates import Axes, Reading
from initgen.checks.identity.likelihood import fit, fitted
from initgen.checks.measure import Measured, measure
from initgen.checks.source import Source, source_of_array
from initgen.core.dtypes import DType
from initgen.core.errors import InitgenError
from initgen.core.shapes import Layout
from initgen.laws import Normal
from initgen.schemes.structure import Structure
from initgen.specs.tensor import tensor_spec

Floats = NDArray[np.float64]

# Larger tensors are not held in memory as a whole.
WHOLE = 1 << 26
# So many rows of a larger one, or of any, tell whether its rows are orthonormal.
_ROWS = 64
# A gain is one of these where it is this near to one.
_GAINS = (1.0, math.sqrt(2), 5 / 3, 0.01, 0.1, 0.5, 2.0, 3 / 4, 1.1, 1.414, math.sqrt(0.5))


def structures(source: Source, found: Measured, dtype: DType) -> Iterator[Reading]:
    """The structures that a tensor has. Reads it again, but only where what was measured gives a reason to."""
    shape, count = source.stored.shape, found.count
    if found.finite != count or count < 2 or found.low == found.high:
        return
    if dtype.whole:
        if len(shape) <= 2 and count <= WHOLE:
            yield from _holding(source, dtype, [("arange", "none"), ("tril", "none")])
        return
    if count <= WHOLE and found.zeros * 2 > count and len(shape) > 1:
        yield from _mostly_zero(source, found, dtype)  # before orthogonal, which the identity is, too
    if len(shape) >= 2 and min(math.prod(shape[:-1]), shape[-1], shape[0]) > 0:
        yield from _orthogonal(source, found, dtype)
    if count > WHOLE:
        return
    if count > WHOLE:
        return
    if found.zeros and len(shape) == 1 and found.low == 0 and found.high == 1:
        yield from _holding(source, dtype, [("unit_forget_bias", "none")])
    if found.zeros and len(shape) > 1:
        padded = list(_padded(source, found, dtype))
        yield from padded or _sparse(source, found, dtype)
    if len(shape) >= 3 and 0 < found.distinct <= 0.3 * found.sampled:
        yield from _icnr(source, dtype)
    yield from _patterns(source, found, dtype)


def _holding(
    source: Source, dtype: DType, wanted: list[tuple[str, Axes]], rule: str = "", whole: Floats | None = None
) -> Iterator[Reading]:
    """Those of these schemes whose properties hold, and whose draws have their law."""
    for scheme, axes in wanted:
        layout: Layout = "torch" if axes == "torch" else "keras"
        try:
            made = tensor_spec(scheme, source.stored.shape, dtype=dtype.name, layout=layout).made
        except InitgenError:
            continue
        if not isinstance(made, Structure):
            continue
        if whole is None:
            whole = source.doubles()
        if not all(held.holds for held in made.properties(whole, dtype)):
            continue
        independent = made.independent(whole, dtype)
        if independent:
            law, values = independent
            drawn = source_of_array(values.astype(dtype.numpy), dtype, source.stored.name)
            if values.size and fit(measure(drawn), law, dtype) is None:
                continue
        yield Reading(rule or scheme, scheme, axes, made, 1.0)


def _orthogonal(source: Source, found: Measured, dtype: DType) -> Iterator[Reading]:
    """Orthonormal rows or columns: the sum of all squares then says the gain."""
    shape = source.stored.shape
    readings: list[tuple[Axes, int, int]] = [("keras", math.prod(shape[:-1]), shape[-1])]
    if len(shape) > 2:
        readings.append(("torch", shape[0], math.prod(shape[1:])))
    squares = found.spread(0.0) * found.finite
    for axes, rows, cols in readings:
        if min(rows, cols) < 2:
            continue  # every vector is orthogonal to no other
        gain = math.sqrt(squares / min(rows, cols))
        known = next((near for near in _GAINS if abs(gain / near - 1) < 2.0 ** (-dtype.digits / 2) / 4), None)
        if known is None and (rows > cols or min(rows, cols) < 2):
            continue
        gain = known or float(f"{gain:.5g}")
        whole = None
        if rows <= cols:
            slab = _slab(source, min(rows, _ROWS), cols)
        elif found.count <= WHOLE:
            whole = source.doubles()
            slab = whole.reshape(rows, cols)[:, :_ROWS].T
        else:
            continue
        if not _orthonormal(slab, gain, dtype):
            continue
        scheme = "orthogonal" if gain == 1 else f"orthogonal:gain={gain!r}"
        made = tensor_spec(scheme, shape, dtype=dtype.name, layout="torch" if axes == "torch" else "keras").made
        both = len(shape) == 2
        yield Reading(scheme, scheme, "none" if both else axes, made, 1.0)


def _slab(source: Source, rows: int, cols: int) -> Floats:
    """The first rows of a matrix."""
    parts: list[NDArray[np.generic]] = []
    size = 0
    for block in source.blocks():
        if size >= rows * cols:
            break
        parts.append(block())
        size += parts[-1].size
    with np.errstate(invalid="ignore"):  # signalling NaNs among them
        values: Floats = np.concatenate(parts)[: rows * cols].astype(np.float64)
    return values.reshape(rows, cols)


def _orthonormal(rows: Floats, gain: float, dtype: DType) -> bool:
    """Whether these rows are orthonormal times the gain, as far as rounding lets them."""
    count, width = rows.shape
    error = float(np.abs(rows @ rows.T - gain**2 * np.eye(count)).max())
    eps = 2.0 ** (1 - dtype.digits)
    computed = eps if dtype.name == "float64" else 2.0**-23
    limit = gain**2 * (eps**2 + 6 * eps / math.sqrt(width) + 8 * math.sqrt(width) * computed)
    # Independent values of such a size would be off by this much.
    return error <= min(limit + 1e-4 * gain**2, gain**2 / math.sqrt(width) / 4)


def _mostly_zero(source: Source, found: Measured, dtype: DType) -> Iterator[Reading]:
    rank = len(source.stored.shape)
    gain = found.high if found.low == 0 else found.low
    said = "" if gain == 1 else f":gain={gain!r}"
    if rank == 2 and min(abs(found.low), abs(found.high)) == 0:
        yield from _holding(source, dtype, [(f"identity{said}", "none"), ("tril", "none")])
    if 3 <= rank <= 5:
        if found.low == 0 and found.high == 1:
            yield from _holding(source, dtype, [("dirac", "torch"), ("dirac", "keras")])
        norm = math.sqrt(found.spread(0.0) * found.finite)
        shape = source.stored.shape
        for axes, least in (("keras", min(shape[-2:])), ("torch", min(shape[:2]))):
            scale = norm / math.sqrt(least) if least else 0.0
            gain = next((near for near in _GAINS if abs(scale / near - 1) < 1e-3), float(f"{scale:.5g}"))
            scheme = "delta_orthogonal" if gain == 1 else f"delta_orthogonal:gain={gain!r}"
            if gain > 0:
                yield from _holding(source, dtype, [(scheme, "torch" if axes == "torch" else "keras")])


def _padded(source: Source, found: Measured, dtype: DType) -> Iterator[Reading]:
    """One row of zeros, the others normal."""
    shape = source.stored.shape
    width = math.prod(shape[1:])
    if not width <= found.zeros < width + max(8, found.count // 100):
        return
    whole = source.doubles()
    empty = np.flatnonzero(~whole.reshape(shape[0], width).any(axis=1))
    if len(empty) != 1 or shape[0] < 2:
        return
    row = int(empty[0])
    rest = np.delete(whole, row, axis=0).reshape(-1)
    drawn = measure(source_of_array(rest.astype(dtype.numpy), dtype, source.stored.name))
    plain = [Normal(0.0, std) for std in (0.02, 1.0, 0.01, shape[-1] ** -0.5, 0.1, 0.05)]
    for law in (*plain, *(law for law, _ in fitted(drawn, dtype) if isinstance(law, Normal) and law.center == 0)):
        if fit(drawn, law, dtype):
            rule = f"padded_normal:stddev={law.scale:.6g}" + (f",row={row}" if row else "")
            scheme = f"padded_normal:stddev={law.scale!r},row={row}"
            made = tensor_spec(scheme, shape, dtype=dtype.name).made
            yield Reading(rule, scheme, "none", made, 1.0)
            return


def _sparse(source: Source, found: Measured, dtype: DType) -> Iterator[Reading]:
    """The same number of zeros in every column of a matrix."""
    shape = source.stored.shape
    if len(shape) != 2 or not shape[0] or found.zeros % shape[1] or found.zeros == found.count:
        return
    whole = source.whole()
    if (whole == 0).all(axis=1).any():
        return  # rows of zeros: padding
    each = found.zeros // shape[1]
    share = each / shape[0]
    std = math.sqrt(found.spread(0.0) / (1 - share))
    near = next((std_ for std_ in (0.01, 0.02, 0.1, 1.0, 0.05) if abs(std / std_ - 1) < 0.05), float(f"{std:.3g}"))
    for digits in (1, 2, 3, 4, 17):
        sparsity = float(f"{share:.{digits}g}")
        if math.ceil(sparsity * shape[0]) == each:
            yield from _holding(source, dtype, [(f"sparse:sparsity={sparsity!r},std={near!r}", "none")])
            return


def _icnr(source: Source, dtype: DType) -> Iterator[Reading]:
    bases = ("he_normal", "kaiming_normal", "glorot_uniform", "xavier_uniform", "he_uniform", "kaiming_uniform")
    whole = source.doubles()
    for axes in ("torch", "keras"):
        for scale in (2, 3, 4):
            wanted: list[tuple[str, Axes]] = [
                (f"icnr:scale={scale},base={base}", "torch" if axes == "torch" else "keras") for base in bases
            ]
            first = next(_holding(source, dtype, wanted, whole=whole), None)
            if first:
                yield first
                return


def _patterns(source: Source, found: Measured, dtype: DType) -> Iterator[Reading]:
    """Known values: positions, frequencies, the states of Mamba."""
    shape = source.stored.shape
    wanted: list[tuple[str, Axes]] = []
    if shape and shape[-1] > 1:
        last = shape[-1]
        if found.low == 0 and found.high == dtype.nearest(last - 1):
            wanted.append(("arange", "none"))
        if found.low == 0 and abs(found.high - math.log(last)) < 1e-2:
            wanted.append(("mamba_a_log", "none"))
        if found.high == 1 and 0 < found.low < 0.5 and len(shape) == 1:
            theta = found.low ** (-last / (last - 1))
            near = next((known for known in (1e4, 5e5, 1e6) if abs(theta / known - 1) < 1e-2), None)
            if near:
                wanted.append((f"inverse_frequencies:theta={near!r}", "none"))
        if len(shape) == 1 and last >= 32 and found.low > -6.92 and found.high < -2.24 and dtype.digits >= 24:
            wanted.append(("mamba_dt_bias", "none"))
    if wanted and found.count <= WHOLE:
        yield from _holding(source, dtype, wanted)
