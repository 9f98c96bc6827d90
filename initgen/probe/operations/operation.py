"""One operation of a network."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
# By their short names: kernel, bias.
Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Moments:
    """What mean-field theory says of the values of one tensor.

    Attributes:
        mean: of all values.
        square: the mean of their squares.
        gaussian: whether they are sums of so many terms that they are about normal.
        pair: the mean product of the values that two samples have at the same place, if it is known.
    """

    mean: float
    square: float
    gaussian: bool = False
    pair: float | None = None

    @property
    def variance(self) -> float:
        """Of the values about their mean."""
        return max(self.square - self.mean**2, 0.0)


class Operation(ABC):
    """y = f(x…, weights), for a batch: axis 0 of all that goes in and out.

    Nothing is kept between the two ways: backwards it is given its inputs again, and works out anew what it needs, so that
    memory does not grow with depth. All is computed in the dtype of the inputs.

    Attributes:
        scales: whether inputs that are twice as large give an output twice as large, though theory may not say how large.
    """

    scales: ClassVar[bool] = False

    @abstractmethod
    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """The output.

        Raises:
            BadParameter: the shapes of the inputs do not fit.
        """

    @abstractmethod
    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        """The gradients of sum(cotangent * y) with respect to each input and each weight.

        An input that has none, such as the indices of an embedding, has None.
        """

    def moments(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> Moments | None:
        """What theory says of the output, given what it says of the inputs and of the weights' laws.

        None where it says nothing. Weights are taken to be independent of each other and of the inputs.
        """
        return None

    def returned(self, inputs: Sequence[Moments], weights: Mapping[str, Moments]) -> float | None:
        """By how much the mean square of the gradient is multiplied on its way back through here, for the first input.

        Gradients are taken to be independent of the weights that they go back through: Schoenholz et al. 2017.
        None where theory says nothing.
        """
        return None
