"""`verify`: is a file what its own recipe, or a spec, makes, byte for byte?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from initgen.checks.source import Source, recipe_in, source_of
from initgen.core.errors import FormatError, InitgenError, printable
from initgen.core.shapes import format_shape
from initgen.engine.draw import Tensor
from initgen.engine.write import Difference, differences
from initgen.formats import Extent
from initgen.formats.parts import Part, open_parts
from initgen.schemes.structure import Structure
from initgen.specs.description import in_file
from initgen.specs.tensor import TensorSpec


@dataclass(frozen=True)
class Problem:
    """A tensor that is not what it should be, and in what way."""

    tensor: str
    kind: Literal["missing", "extra", "shape", "dtype", "values"]
    message: str

    def __str__(self) -> str:
        return f"{printable(self.tensor)}: {self.message}"


@dataclass(frozen=True)
class Verified:
    """The answer for one file, or for a set of files.

    Attributes:
        tensors: how many there should be.
        by: what says so: "recipe" or "spec".
        rounded: tensors that agree but for rounding, where the bytes are not promised (orthogonal matrices).
        remarks: what is odd, and not wrong by itself.
    """

    path: str
    tensors: int
    by: Literal["recipe", "spec"]
    problems: tuple[Problem, ...]
    rounded: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every tensor is what it should be."""
        return not self.problems


def verify(
    path: str, *, specs: Sequence[TensorSpec] | None = None, form: str | None = None, threads: int | None = None
) -> Verified:
    """Draw every tensor of a file anew, and compare.

    Args:
        path: a file, a sharded checkpoint, or a directory of arrays.
        specs: what should be in it; by default what the recipe in each file says.

    Raises:
        FormatError: the file cannot be read, or carries no recipe and there are no specs.
    """
    parts = open_parts(path, form)
    problems: list[Problem] = []
    rounded: list[str] = []
    total = 0
    wanted: dict[str, TensorSpec] = {}
    seeds: set[int] = set()  # of models
    if specs is not None:
        wanted = {spec.name: spec for spec in in_file(path, specs)}
        total = len(wanted)
    for part in parts:
        if specs is None:
            wanted = recipe_in(part)
            total += len(wanted)
            seeds |= {spec.seed for spec in wanted.values() if spec.keyed}
        elif len(parts) == 1 and not part.form.many and len(wanted) == 1:
            (name,) = wanted  # an array has no name of its own
            parts = [part.named(name)]
            part = parts[0]
        held = {stored.name for stored in part.contents.tensors}
        should = wanted if specs is None else {name: spec for name, spec in wanted.items() if name in held}
        try:
            found, close = _compare(part, should, threads)
        except FormatError:
            raise
        except InitgenError as error:
            if specs is not None:
                raise
            raise FormatError(f"{part.path}: its recipe: {error.message}", error.hint) from None
        said = "the recipe" if specs is None else "the spec"
        problems += found
        problems += [Problem(name, "extra", f"is not in {said}") for name in sorted(held) if name not in wanted]
        rounded += close
    if specs is not None:
        held = {stored.name for part in parts for stored in part.contents.tensors}
        problems += [_missing(name, "the spec") for name in wanted if name not in held]
    remarks = []
    if len(parts) > 1 and len(seeds) > 1:
        first, second, *_ = sorted(seeds)
        remarks.append(f"its files have {len(seeds)} seeds, {first} and {second}: parts of different sets?")
    by: Literal["recipe", "spec"] = "recipe" if specs is None else "spec"
    return Verified(path, total, by, tuple(problems), tuple(rounded), tuple(remarks))


def _compare(part: Part, wanted: dict[str, TensorSpec], threads: int | None) -> tuple[list[Problem], list[str]]:
    """What differs between a file and what should be in it, and what differs by rounding only."""
    found = {stored.name: stored for stored in part.contents.tensors}
    problems: list[Problem] = []
    rounded: list[str] = []
    bytewise: list[TensorSpec] = []
    extents: list[Extent] = []
    for name, spec in wanted.items():
        stored = found.get(name)
        if stored is None:
            problems.append(_missing(name, "the recipe"))
        elif stored.shape != spec.shape:
            said = f"has the shape {format_shape(stored.shape)}, and should have {format_shape(spec.shape)}"
            problems.append(Problem(name, "shape", said))
        elif stored.dtype != spec.dtype:
            kind = stored.dtype.name if stored.dtype else stored.kind
            problems.append(Problem(name, "dtype", f"is {kind}, and should be {spec.dtype.name}"))
        elif stored.extent is None or _rounds(spec):
            for difference in _loaded(source_of(part, stored), spec):
                if difference is None:
                    rounded.append(name)
                else:
                    problems.append(_values(difference, spec))
        else:
            bytewise.append(spec)
            extents.append(stored.extent)
    by_name = {spec.name: spec for spec in bytewise}
    problems += [_values(d, by_name[d.name]) for d in differences(bytewise, part.path, extents, threads)]
    return problems, rounded


def _loaded(source: Source, spec: TensorSpec) -> Iterator[Difference | None]:
    """The difference of a tensor that has no plain bytes, or that is only rounded otherwise, which is None."""
    count = first = at = 0
    for wanted, got in _pairs(source, spec):
        # By their bytes: -0.0 is not 0.0 here.
        a, b = (side.view(f"V{spec.dtype.itemsize}") for side in (wanted, got))
        wrong = np.flatnonzero(a != b)
        if wrong.size and _rounds(spec) and _close(wanted.view(spec.dtype.numpy), got, spec):
            yield None
            return
        if wrong.size and not count:
            first = at + int(wrong[0])
        count += wrong.size
        at += got.size
    if count:
        yield Difference(spec.name, count, first)


def _pairs(source: Source, spec: TensorSpec) -> Iterator[tuple[NDArray[np.generic], NDArray[np.generic]]]:
    """What should be there and what is, in pieces; a structure as a whole."""
    tensor = Tensor(spec)
    if spec.element_law is None:
        yield tensor(0, spec.count), source.whole().reshape(-1).astype(spec.dtype.numpy, copy=False)
        return
    at = 0
    for block in source.blocks():
        got = np.ascontiguousarray(block()).reshape(-1).astype(spec.dtype.numpy, copy=False)
        yield tensor(at, got.size), got
        at += got.size


def _rounds(spec: TensorSpec) -> bool:
    return isinstance(spec.made, Structure) and not spec.made.bitwise


@np.errstate(invalid="ignore")  # signalling NaNs among them
def _close(wanted: NDArray[np.generic], got: NDArray[np.generic], spec: TensorSpec) -> bool:
    """Within two steps of the dtype, or of float32 for float64 (what another LAPACK may differ by)."""
    step = 2.0 ** (2 - min(spec.dtype.digits, 24))
    a, b = wanted.astype(np.float64), got.astype(np.float64)
    return bool(np.allclose(a, b, rtol=step, atol=step * float(np.abs(a).max(initial=0.0)), equal_nan=False))


def _missing(name: str, where: str) -> Problem:
    return Problem(name, "missing", f"is in {where}, not in the file")


def _values(difference: Difference, spec: TensorSpec) -> Problem:
    index, rest = [], difference.first
    for size in reversed(spec.shape):
        index.append(rest % size)
        rest //= size
    place = f"[{', '.join(map(str, reversed(index)))}]"
    return Problem(
        difference.name,
        "values",
        f"{difference.count} of {spec.count} values differ, the first is number {difference.first}, at {place}",
    )
