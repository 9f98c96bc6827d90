"""The law of one value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.laws.law import Law

if TYPE_CHECKING:
    from initgen.laws.law import Bools, Floats


@dataclass(frozen=True)
class Constant(Law):
    """Always ``value``."""

    value: float

    @property
    def mean(self) -> float:
        return self.value

    @property
    def variance(self) -> float:
        return 0.0

    @property
    def kurtosis(self) -> float:
        """1, the limit of two equal points that meet: the least that any law has."""
        return 1.0

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def cdf(self, x: float) -> float:
        return float(x >= self.value)

    def quantiles(self, tail: "Floats", upper: "Bools") -> "Floats":
        return 0.0 * tail + self.value

    def standard(self) -> tuple["Constant", float, float]:
        return Constant(0.0), self.value, 1.0

    def __str__(self) -> str:
        return f"constant {self.value:.6g}"
