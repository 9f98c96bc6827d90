"""`verify`: is a file what its own recipe makes, byte for byte?"""

from dataclasses import dataclass

import numpy as np

from initgen.checks.source import open_contents, sources_of
from initgen.core.errors import FormatError, InitgenError
from initgen.engine.draw import Tensor
from initgen.engine.write import Difference, differences
from initgen.schemes.structure import Structure
from initgen.specs.recipe import read_recipe
from initgen.specs.tensor import TensorSpec


@dataclass(frozen=True)
class Verified:
    """The answer for one file.

    Attributes:
        tensors: how many its recipe describes.
        problems: a line for each tensor that is not what the recipe gives.
        rounded: tensors that agree but for rounding, where the bytes are not promised (orthogonal matrices).
    """

    path: str
    tensors: int
    problems: tuple[str, ...]
    rounded: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every tensor is what the recipe gives."""
        return not self.problems


def verify(path: str, *, form: str | None = None, threads: int | None = None) -> Verified:
    """Draw every tensor of a file anew from the recipe in it, and compare.

    Raises:
        FormatError: the file cannot be read, or carries no recipe.
    """
    chosen, contents = open_contents(path, form)
    if contents.recipe is None:
        raise FormatError(
            f"{path}: carries no recipe",
            f"initgen writes one into .safetensors and .h5, not {chosen.name}"
            if not chosen.many
            else "check it against a scheme: initgen stats FILE --scheme NAME",
        )
    try:
        recipe = read_recipe(contents.recipe, path)
        problems = []
        found = {source.stored.name: source for source in sources_of(path, chosen, contents)}
        problems += [f"{name}: is not in its recipe" for name in found if name not in recipe]
        bytewise: list[TensorSpec] = []
        extents = []
        rounded = []
        for name, spec in recipe.items():
            source = found.get(name)
            if source is None:
                problems.append(f"{name}: is in the recipe, not in the file")
            elif source.stored.shape != spec.shape or source.stored.dtype != spec.dtype:
                problems.append(f"{name}: has another shape or dtype than its recipe")
            elif source.stored.extent is None or _rounds(spec):
                wanted = Tensor(spec)(0, spec.count).view(spec.dtype.numpy)
                got = source.whole().reshape(-1)
                if wanted.tobytes() == got.tobytes():
                    continue
                if _rounds(spec) and _close(wanted, got, spec):
                    rounded.append(name)
                else:
                    wrong = np.flatnonzero(wanted != got)
                    problems.append(_line(Difference(name, wrong.size, int(wrong[0]) if wrong.size else 0), spec))
            else:
                bytewise.append(spec)
                extents.append(source.stored.extent)
        by_name = {spec.name: spec for spec in bytewise}
        problems += [_line(d, by_name[d.name]) for d in differences(bytewise, path, extents, threads)]
    except FormatError:
        raise
    except InitgenError as error:
        raise FormatError(f"{path}: its recipe: {error.message}", error.hint) from None
    return Verified(path, len(recipe), tuple(problems), tuple(rounded))


def _rounds(spec: TensorSpec) -> bool:
    return isinstance(spec.made, Structure) and not spec.made.bitwise


def _close(wanted, got, spec: TensorSpec) -> bool:  # type: ignore[no-untyped-def]
    """Within two steps of the dtype, or of float32 for float64 (what another LAPACK may differ by)."""
    step = 2.0 ** (2 - min(spec.dtype.digits, 24))
    a, b = wanted.astype(np.float64), got.astype(np.float64)
    return bool(np.allclose(a, b, rtol=step, atol=step * float(np.abs(a).max(initial=0.0)), equal_nan=False))


def _line(difference: Difference, spec: TensorSpec) -> str:
    return (
        f"{difference.name}: {difference.count} of {spec.count} values differ, the first is number {difference.first}"
    )
