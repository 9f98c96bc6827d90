"""What is wrong or strange in one tensor, whatever its law: equal slices, and what a tensor without a law shows."""

import hashlib
from collections.abc import Iterator

import numpy as np

from initgen.checks.finding import Finding, Severity
from initgen.checks.measure import Measured
from initgen.checks.slices import Slices
from initgen.checks.source import Source, cuts
from initgen.checks.trial import carried, copies, few, no_chance, significant
from initgen.core.dtypes import FLOATS, DType

# So many slices that look equal are read again and compared.
_COMPARED = 256
# A tensor of fewer different values may be a mask or a table.
_FEW = 16
# So many are named.
_NAMED = 5


def equal_slices(source: Source, measured: Measured, severity: Severity) -> Iterator[Finding]:
    """Slices of the first or of the last axis that are equal, value for value, where that is no chance."""
    if not source.again or not measured.low < measured.high:
        return
    for axis, slices in ((0, measured.rows), (-1, measured.columns)):
        if slices is None or not no_chance(measured, slices.length, slices.sum1.size):
            continue
        candidates = _alike(slices)
        groups = _same(source, axis, candidates)
        if groups:
            count = ("at least " if len(candidates) == _COMPARED else "") + str(sum(map(len, groups)))
            where = "first" if axis == 0 else "last"
            message = f"{count} of {slices.sum1.size} slices of the {where} axis equal another: {_first(groups[0])}"
            yield Finding("equal rows" if axis == 0 else "equal columns", (source.stored.name,), message, severity)


def _first(slices: list[int]) -> str:
    """The first of some slices, by their number."""
    return ", ".join(map(str, slices[:_NAMED])) + (", …" if len(slices) > _NAMED else "")


def _alike(slices: Slices) -> list[int]:
    """Slices whose sums another has too, those that are alike beside each other; no more than are compared."""
    sums = np.stack([slices.sum1, slices.sum2], axis=1)
    _, first, inverse, counts = np.unique(sums, axis=0, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    alike = np.flatnonzero(counts[inverse] > 1)
    order = np.lexsort((alike, first[inverse[alike]]))
    at: list[int] = alike[order][:_COMPARED].tolist()
    return at


def _same(source: Source, axis: int, candidates: list[int]) -> list[list[int]]:
    """Groups of slices that are equal, of those that may be."""
    if not candidates:
        return []
    shape = source.stored.shape
    row, columns = source.count // shape[0], shape[-1]
    digests = {index: hashlib.sha256() for index in candidates}
    for (start, size), block in zip(cuts(shape), source.blocks(), strict=True):
        if axis == 0:
            inside = [index for index in candidates if start < (index + 1) * row and index * row < start + size]
            values = block() if inside else None
            for index in inside:
                assert values is not None
                begin, end = max(index * row - start, 0), min((index + 1) * row - start, size)
                digests[index].update(values[begin:end].tobytes())
        else:
            lines = block().reshape(-1, columns)
            for index in candidates:
                digests[index].update(lines[:, index].tobytes())
    groups: dict[bytes, list[int]] = {}
    for index, digest in digests.items():
        groups.setdefault(digest.digest(), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _dead(slices: Slices, shift: float) -> list[int]:
    """Slices that hold nothing but zeros."""
    sums = np.abs(slices.sum1 + shift * slices.length) <= 1e-6 * abs(shift) * slices.length
    squares = np.abs(slices.sum2 - shift * shift * slices.length) <= 1e-6 * shift * shift * slices.length
    at: list[int] = np.flatnonzero(sums & squares).tolist()
    return at


def remarks(name: str, shape: tuple[int, ...], measured: Measured, dtype: DType) -> Iterator[Finding]:
    """What is worth a look in a tensor that is held against nothing: it may be meant so."""
    if dtype not in FLOATS or measured.finite < 8:
        return
    if len(shape) > 1 and measured.low == measured.high == 0:
        yield Finding("dead tensor", (name,), "holds nothing but zeros", "remark")
    if not measured.low < measured.high:
        return
    digits = significant(measured, dtype)
    # Few different values (a mask) and whole numbers (positions, a ramp) have few digits by right.
    whole = bool((measured.head == np.rint(measured.head)).all())
    if digits is not None and few(digits, dtype) and measured.distinct > 100 and not whole:
        said = f"carries no more digits than {carried(digits)}: {digits} of {dtype.digits}"
        yield Finding("low precision", (name,), said, "remark")
    if dtype.itemsize > 2 and _FEW < measured.distinct < measured.sampled / 20 and not whole:
        said = (
            f"takes {measured.distinct:,} different values among the first {measured.sampled:,}, as if scaled from int8"
        )
        yield Finding("few values", (name,), said, "remark")
    for where, slices in (("first", measured.rows), ("last", measured.columns)):
        if slices is None or measured.zeros < slices.length:
            continue
        dead = _dead(slices, measured.shift)
        if dead:
            said = f"{len(dead)} of {slices.sum1.size} slices of the {where} axis hold only zeros: {_first(dead)}"
            yield Finding("dead rows" if where == "first" else "dead columns", (name,), said, "remark")
    yield from (
        Finding("repeated values", (name,), f"values repeat: {test.note}", "remark")
        for test in copies(measured, dtype)
        if not test.passed
    )
