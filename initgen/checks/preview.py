"""A tensor that is drawn to be looked at, and written nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from initgen.checks.histogram import Histogram, histogram_of
from initgen.checks.measure import Measured, measure
from initgen.checks.source import Block, Source, cuts, source_of_array
from initgen.engine.draw import Tensor
from initgen.formats import Stored
from initgen.schemes.structure import Structure
from initgen.specs.tensor import TensorSpec

_FIRST = 5


@dataclass(frozen=True)
class Preview:
    """What is shown of a tensor.

    Attributes:
        histogram: None where there are not two different values.
        first: its first few values.
    """

    measured: Measured
    histogram: Histogram | None
    first: tuple[float, ...]


def preview(spec: TensorSpec, threads: int | None = None) -> Preview:
    """Draw all of a tensor, and keep its numbers, its histogram and its first few values."""
    tensor = Tensor(spec)
    dtype = spec.dtype.numpy

    def block(start: int, size: int) -> NDArray[np.generic]:
        return tensor(start, size).view(dtype)

    def blocks() -> Iterator[Block]:
        return (partial(block, start, size) for start, size in cuts(spec.shape))

    source = Source(Stored(spec.name, spec.shape, spec.dtype, spec.dtype.name, None), dtype, blocks)
    if isinstance(spec.made, Structure):  # which is made whole each time that a part of it is asked for
        source = source_of_array(tensor(0, spec.count).view(dtype), spec.dtype, spec.name)
    measured = measure(source, threads=threads)
    head = next(source.blocks(), None)
    first = (head()[:_FIRST] if head else np.empty(0)).astype(np.float64)
    return Preview(measured, histogram_of(measured, spec.dtype.name), tuple(first.tolist()))
