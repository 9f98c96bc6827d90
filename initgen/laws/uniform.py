"""The uniform law."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.laws.law import Law

if TYPE_CHECKING:
    from initgen.laws.law import Bools, Floats


@dataclass(frozen=True)
class Uniform(Law):
    """Equally likely everywhere from ``low`` to ``high``."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        return self.low / 2 + self.high / 2

    @property
    def variance(self) -> float:
        return (self.high - self.low) ** 2 / 12

    @property
    def kurtosis(self) -> float:
        return 1.8

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def cdf(self, x: float) -> float:
        if x >= self.high:
            return 1.0
        return max(0.0, (x - self.low) / (self.high - self.low))

    def quantiles(self, tail: "Floats", upper: "Bools") -> "Floats":
        import numpy as np

        distance = tail * (self.high - self.low)
        return np.where(upper, self.high - distance, self.low + distance)

    def standard(self) -> tuple["Uniform", float, float]:
        return Uniform(-1.0, 1.0), self.mean, (self.high - self.low) / 2

    def __str__(self) -> str:
        if self.low == -self.high:
            return f"uniform on ±{self.high:.6g}"
        return f"uniform on [{self.low:.6g}, {self.high:.6g}]"
