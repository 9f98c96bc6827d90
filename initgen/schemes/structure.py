"""What is not drawn element by element: a structure makes the whole tensor, and says what must hold of it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from initgen.core.dtypes import DType
from initgen.core.shapes import Layout, Shape
from initgen.laws import Law

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    # draw(law, start, count): that many float64 draws of the tensor's own stream, from element start on.
    Drawing = Callable[[Law, int, int], Floats]


@dataclass(frozen=True)
class Property:
    """One thing that must hold of a structure, and whether it does: ``measured`` is within ``limit``."""

    name: str
    measured: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.measured <= self.limit


class Structure(ABC):
    """A tensor whose elements depend on each other.

    Attributes:
        shape: of the tensor.
        bitwise: whether the bytes are promised; linear algebra rounds differently on other machines.
        whole: whether its values are whole numbers, which integer dtypes hold.
        random: whether anything is drawn for it.
        element_law: of its elements, where all but those at ``zeros`` are drawn one by one; then it is never made as a whole.
        zeros: the first element that is zero, and the first after it that is not.
    """

    shape: Shape
    bitwise: ClassVar[bool] = True
    whole: ClassVar[bool] = False
    random: ClassVar[bool] = True

    @property
    def element_law(self) -> Law | None:
        return None

    @property
    def zeros(self) -> tuple[int, int]:
        return 0, 0

    def build(self, draw: "Drawing") -> "Floats":
        """The tensor, in float64 and C order; of one that is not drawn by its ``element_law``."""
        raise NotImplementedError(f"{self} is drawn element by element")

    @abstractmethod
    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        """What must hold of a tensor that was stored in ``dtype``, measured on ``tensor``."""

    def independent(self, tensor: "Floats", dtype: DType) -> "tuple[Law, Floats] | None":
        """The elements that are independent draws, with their law; None where there are none."""
        return None

    @property
    def support(self) -> tuple[float, float]:
        """Bounds that no stored value may exceed by rounding; infinite where there are none."""
        return -math.inf, math.inf

    @property
    @abstractmethod
    def largest(self) -> float:
        """A bound on the magnitude of its values, for the check that a dtype can hold them."""

    @abstractmethod
    def __str__(self) -> str:
        """One line for people."""


def as_kernel(tensor: "Floats", layout: Layout) -> "Floats":
    """A kernel as (*window, in, out), whatever its layout."""
    if layout == "keras":
        return tensor
    return tensor.transpose(*range(2, tensor.ndim), 1, 0)


def in_layout(tensor: "Floats", layout: Layout) -> "Floats":
    """A kernel (*window, in, out) in its layout, C order."""
    import numpy as np

    if layout == "keras":
        return tensor
    return np.ascontiguousarray(tensor.transpose(tensor.ndim - 1, tensor.ndim - 2, *range(tensor.ndim - 2)))


def kernel_shape(shape: Shape, layout: Layout) -> Shape:
    """The shape of a kernel as (*window, in, out)."""
    return shape if layout == "keras" else (*shape[2:], shape[1], shape[0])
