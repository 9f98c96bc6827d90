"""An identified file as a spec: the same names, shapes and dtypes, drawn by the schemes that were found."""

import math
from collections import Counter
from dataclasses import dataclass

from initgen.checks.identity.result import FileIdentity, TensorIdentity
from initgen.core.errors import SpecError
from initgen.core.shapes import Layout
from initgen.specs.derive import Tree, tree_of
from initgen.specs.tensor import TensorSpec, tensor_spec


@dataclass(frozen=True)
class Described:
    """A spec, and what it does not say for sure.

    Attributes:
        undecided: tensors that have the first of several schemes.
        guessed: tensors of no known law, which have their mean and std, or zeros where they have none.
        left_out: tensors of dtypes that no spec can say.
    """

    tree: Tree
    undecided: tuple[str, ...]
    guessed: tuple[str, ...]
    left_out: tuple[str, ...]


def describe_file(file: FileIdentity) -> Described:
    """The spec of a file.

    Raises:
        SpecError: no spec can say the dtype of any of its tensors.
    """
    sides = Counter(tensor.best.layout for tensor in file.tensors if tensor.best and tensor.best.layout)
    layout: Layout = sides.most_common(1)[0][0] or "keras" if sides else "keras"
    tensors = [tensor for tensor in file.tensors if tensor.dtype is not None]
    if not tensors:
        raise SpecError(f"{file.path}: holds no tensor that a spec can say")
    specs = [_spec(tensor, layout) for tensor in tensors]
    tree = tree_of(specs, file.groups)
    return Described(
        tree,
        tuple(tensor.name for tensor in tensors if tensor.verdict == "cannot tell"),
        tuple(tensor.name for tensor in tensors if tensor.best is None and tensor.measured.count),
        tuple(tensor.name for tensor in file.tensors if tensor.dtype is None),
    )


def _spec(tensor: TensorIdentity, layout: Layout) -> TensorSpec:
    assert tensor.dtype is not None
    if tensor.best:
        return tensor.best.spec(tensor.name, tensor.shape, tensor.dtype.name, layout)
    found, scheme = tensor.measured, "zeros"
    if found.finite and not tensor.dtype.whole and found.std > 0 and math.isfinite(found.std):
        scheme = f"random_normal:mean={found.mean:.3g},stddev={found.std:.3g}"
    return tensor_spec(scheme, tensor.shape, name=tensor.name, dtype=tensor.dtype.name, keyed=True, layout=layout)
