"""Where the weights of a network come from: they are drawn by their description, or read from a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initgen.checks.source import Source, sources_of
from initgen.core.errors import BadParameter, FormatError
from initgen.core.registry import nearest
from initgen.core.shapes import format_shape
from initgen.engine.write import array
from initgen.formats.parts import open_parts
from initgen.laws import Law
from initgen.probe.network import Network
from initgen.probe.operations.operation import Array, Moments
from initgen.specs.tensor import TensorSpec

# The tensor of a name, float32.
Load = Callable[[str], Array]


@dataclass(frozen=True)
class Drawn:
    """Weights as `sample` writes them: the same description gives the same values."""

    specs: Mapping[str, TensorSpec]

    def __call__(self, name: str) -> Array:
        try:
            return float32_of(name, array(self.specs[name]))
        except BadParameter as error:
            raise BadParameter(f"{name}: {error.message}", error.hint) from None

    def law(self, name: str) -> Moments | None:
        """Moments of the law that a tensor is drawn by; None for what is made as a whole, such as orthogonal matrices."""
        made = self.specs[name].made
        return Moments(made.mean, made.variance + made.mean**2) if isinstance(made, Law) else None


@dataclass(frozen=True)
class Stored:
    """Weights of a file."""

    path: str
    sources: Mapping[str, Source]

    def __call__(self, name: str) -> Array:
        return float32_of(f"{self.path}: {name}", self.sources[name].whole())

    def law(self, name: str) -> Moments | None:
        """None: a file says values."""
        return None


def stored(path: str, network: Network) -> Stored:
    """The weights of a file, by the names of a network's tensors, or by the paths that Keras has for them.

    Raises:
        FormatError: the file cannot be read, lacks one of them, or has one of another shape.
    """
    found = {source.stored.name: source for part in open_parts(path) for source in sources_of(part)}
    sources: dict[str, Source] = {}
    for name in network.tensors:
        spec = network.specs[name]
        source = found.get(name) or found.get(spec.keras_path)
        if source is None:
            raise FormatError(f"{path}: has no {name}", nearest(name, found, [*found][:5]) if found else "it is empty")
        if source.stored.shape != spec.shape:
            shapes = f"is {format_shape(source.stored.shape)}, and should be {format_shape(spec.shape)}"
            raise FormatError(f"{path}: {source.stored.name} {shapes}")
        if source.stored.dtype is None:
            raise FormatError(f"{path}: {source.stored.name} holds {source.stored.kind}, which are no weights")
        sources[name] = source
    return Stored(path, sources)


def float32_of(shown: str, values: NDArray[np.generic]) -> Array:
    """Values as float32.

    Raises:
        FormatError: some of them are not finite then.
    """
    with np.errstate(over="ignore"):
        found: Array = values.astype(np.float32)
    if not np.isfinite(found).all():
        raise FormatError(f"{shown}: holds values that are NaN, infinite, or beyond float32")
    return found
