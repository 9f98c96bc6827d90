"""What the tensors of one file have in common and should not: values, or the seed that they were drawn with."""

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from initgen.checks.finding import Finding, Severity
from initgen.checks.repeats import shared
from initgen.checks.source import Source
from initgen.checks.tensor import TensorStats
from initgen.laws import Constant, Law
from initgen.schemes.structure import Structure

# Heads are compared at these lengths: all tensors at the first, and again those that are long enough for the second.
_HEADS = (128, 1024)
# Of tensors without a law, whose values depend on each other once they are trained, only what is nearly a copy is told.
_NEARLY_EQUAL = 0.95


def relations(
    sources: Sequence[Source], results: Sequence[TensorStats], recipe: Collection[str], share: float
) -> Iterator[Finding]:
    """Tensors that are equal, that share values, or that correlate.

    Constants, structures, tied tensors and those to which a recipe gives the same seed are alike by right.

    Args:
        recipe: names of the tensors that the file's own recipe describes.
        share: the probability, at most, that independent tensors are said to correlate.
    """
    free = [index for index, result in enumerate(results) if not _alike_by_right(result, recipe)]
    told: set[tuple[int, int]] = set()
    for group in _equal(sources, results, free):
        told.update((a, b) for a in group for b in group)
        names = tuple(results[at].name for at in group)
        yield Finding("equal tensors", names, "equal, value for value", _severity(results, group))
    for group in _mixed(results, free):
        if not told.issuperset((a, b) for a in group for b in group):
            told.update((a, b) for a in group for b in group)
            names = tuple(results[at].name for at in group)
            said = "the same values in another order: transposed, or shuffled"
            yield Finding("shared values", names, said, _severity(results, group))
    for a, b, here, there, _ in shared([results[at].measured.anchors for at in free]):
        pair = free[a], free[b]
        if pair not in told:
            told.add(pair)
            names = tuple(results[at].name for at in pair)
            said = f"hold the same values, the first from {here:,} on and the second from {there:,} on"
            yield Finding("shared values", names, said, _severity(results, pair))
    for a, b, r in _correlated(results, free, share):
        if (a, b) not in told:
            names = results[a].name, results[b].name
            yield Finding(
                "one seed", names, f"correlate (r = {r:.2f}), as if drawn with one seed", _severity(results, (a, b))
            )


def _alike_by_right(result: TensorStats, recipe: Collection[str]) -> bool:
    spec, measured = result.spec, result.measured
    if measured.count <= 8 or not measured.low < measured.high:
        return True
    if spec is None:
        return False
    return bool(isinstance(spec.made, Structure | Constant) or spec.tied or (result.name in recipe and not spec.keyed))


def _severity(results: Sequence[TensorStats], group: Iterable[int]) -> Severity:
    """A remark where one of them is held against nothing: then they may be meant so, as tied weights are."""
    return "wrong" if all(results[at].spec for at in group) else "remark"


def _mixed(results: Sequence[TensorStats], free: list[int]) -> Iterator[list[int]]:
    """Groups of tensors with the same number of values of each code, which is no chance where codes are many."""
    alike: dict[object, list[int]] = {}
    for index in free:
        found = results[index].measured
        if found.anchors.size and found.count >= _HEADS[1]:
            alike.setdefault((results[index].kind, found.count, found.low, found.high, found.mixture), []).append(index)
    yield from (group for group in alike.values() if len(group) > 1)


def _equal(sources: Sequence[Source], results: Sequence[TensorStats], free: list[int]) -> Iterator[list[int]]:
    """Groups of tensors with the same values, confirmed byte for byte."""
    alike: dict[object, list[int]] = {}
    for index in free:
        alike.setdefault((results[index].kind, results[index].measured.fingerprint), []).append(index)
    for members in alike.values():
        if len(members) > 1:
            groups: dict[bytes, list[int]] = {}
            for member in members:
                groups.setdefault(_digest(sources[member]), []).append(member)
            yield from (group for group in groups.values() if len(group) > 1)


def _digest(source: Source) -> bytes:
    digest = hashlib.sha256()
    for block in source.blocks():
        digest.update(block().tobytes())
    return digest.digest()


def _correlated(results: Sequence[TensorStats], free: list[int], share: float) -> Iterator[tuple[int, int, float]]:
    """Pairs of tensors whose first values correlate, each tensor with the first that it correlates with.

    For one of two, whatever it is, the sum of products with independent draws of a uniform, normal or symmetrically cut
    normal law is sub-Gaussian with the variance that it has (Arbel, Marchal, Nguyen 2020, "On strict sub-Gaussianity,
    optimal proxy variance and symmetry for bounded random variables"): P(|z| > t) <= 2 exp(-t^2/2) at any length.
    """
    seen: set[int] = set()
    for length in reversed(_HEADS):
        at = [index for index in free if results[index].measured.head.size >= length]
        if len(at) < 2:
            continue
        heads = np.stack([_standard(results[index])[:length] for index in at]).astype(np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", heads, heads))
        products = heads @ heads.T
        pairs = len(at) * (len(at) - 1) / 2
        least = math.sqrt(2 * math.log(2 * len(_HEADS) * pairs / share))
        z = np.abs(products) / np.maximum(norms[:, None], norms)
        r = products / (norms[:, None] * norms)
        lawful = np.array([_lawful(results[index]) for index in at])
        # A copy at another scale is far off its law, which would hide it; what nearly is one is told by its own norm.
        nearly = (np.abs(r) > _NEARLY_EQUAL) & (np.abs(r) * math.sqrt(length) > least)
        told = nearly | (lawful[:, None] & lawful & (z > least))
        for b in range(1, len(at)):
            earlier = np.flatnonzero(told[b, :b])
            if earlier.size and at[b] not in seen:
                seen.add(at[b])
                yield at[int(earlier[0])], at[b], float(r[b, earlier[0]])


def _lawful(result: TensorStats) -> bool:
    """Whether a tensor has a law and agrees with it: two that have another mean would correlate by that alone."""
    return result.passed is True


def _standard(result: TensorStats) -> NDArray[np.float64]:
    """The first values in units of the law's std from its mean; of their own where it has none, or another one."""
    made = result.spec.made if result.spec and _lawful(result) else None
    measured = result.measured
    mean, std = (made.mean, made.std) if isinstance(made, Law) else (measured.mean, measured.std)
    return (measured.head - mean) / (std or 1.0)
