"""What every law answers."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


class Law(ABC):
    """A distribution of independent elements. Laws are frozen: equal parameters make equal laws."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """The expected value."""

    @property
    @abstractmethod
    def variance(self) -> float:
        """The second central moment."""

    @property
    @abstractmethod
    def kurtosis(self) -> float:
        """The fourth central moment over the squared variance: 3 for a normal, 1.8 for a uniform law."""

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The exact bounds; infinite where there are none."""

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.variance)

    @abstractmethod
    def cdf(self, x: float) -> float:
        """The probability of a value up to and including ``x``."""

    @abstractmethod
    def quantiles(self, tail: "Floats", upper: "Bools") -> "Floats":
        """The quantiles at probabilities ``tail`` (0 to ½), counted from the upper end where ``upper``, else the lower.

        Counting from the nearer end keeps the digits of small probabilities.
        """

    def quantile(self, p: float) -> float:
        """The value that a draw stays below with probability ``p``, between 0 and 1."""
        import numpy as np

        if not 0 <= p <= 1:
            return math.nan
        if p in (0, 1):
            return self.support[int(p)]
        return float(self.quantiles(np.array([min(p, 1 - p)]), np.array([p > 0.5]))[0])

    @abstractmethod
    def standard(self) -> tuple["Law", float, float]:
        """The law of (x - shift) / scale, with shift and scale: tensors that differ only in these share one."""

    @abstractmethod
    def __str__(self) -> str:
        """One line for people."""
