"""The normal law, whole and truncated."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from initgen.core.errors import BadParameter
from initgen.laws.law import Law

if TYPE_CHECKING:
    from initgen.laws.law import Bools, Floats

_SQRT_HALF = math.sqrt(0.5)


@dataclass(frozen=True)
class Normal(Law):
    """Gaussian with mean ``center`` and std ``scale``, cut nowhere."""

    center: float
    scale: float

    @property
    def mean(self) -> float:
        return self.center

    @property
    def variance(self) -> float:
        return self.scale**2

    @property
    def kurtosis(self) -> float:
        return 3.0

    @property
    def support(self) -> tuple[float, float]:
        return -math.inf, math.inf

    def cdf(self, x: float) -> float:
        return math.erfc((self.center - x) / self.scale * _SQRT_HALF) / 2

    def quantiles(self, tail: "Floats", upper: "Bools") -> "Floats":
        from initgen.laws.gaussian import upper_quantile

        z = _signed(upper_quantile(tail), upper)
        z *= self.scale
        z += self.center
        return z

    def standard(self) -> tuple["Normal", float, float]:
        return Normal(0.0, 1.0), self.center, self.scale

    def __str__(self) -> str:
        return f"normal, mean {self.center:.6g}, std {self.scale:.6g}"


@dataclass(frozen=True)
class TruncatedNormal(Law):
    """Gaussian with ``center`` and ``scale``, of which only ``low`` to ``high`` is kept.

    ``center`` and ``scale`` are the mean and std before the cut; `mean` and `std` are those of what is left.
    """

    center: float
    scale: float
    low: float
    high: float

    def __post_init__(self) -> None:
        a, b = self._cut
        if b - a < 1e-6:  # nearer, the difference of their probabilities has too few digits
            raise BadParameter(f"bounds {self.low:g} to {self.high:g} lie {b - a:.3g} std apart; the least is 1e-6")
        # Beyond this the tail's probability has no float64; nearer, its quantiles still have digits enough.
        if min(abs(a), abs(b)) > 37 and a * b > 0:
            raise BadParameter(
                f"bounds {self.low:g} to {self.high:g} lie {min(abs(a), abs(b)):.3g} std from the mean; the most is 37"
            )

    @property
    def _cut(self) -> tuple[float, float]:
        """The bounds in units of ``scale`` from ``center``."""
        return (self.low - self.center) / self.scale, (self.high - self.center) / self.scale

    @property
    def _moments(self) -> tuple[float, float, float]:
        return _moments(*self._cut)

    @property
    def mean(self) -> float:
        a, b = self._cut
        return self.center if a == -b else self.center + self.scale * self._moments[0]

    @property
    def variance(self) -> float:
        return self.scale**2 * self._moments[1]

    @property
    def kurtosis(self) -> float:
        return self._moments[2]

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    @cached_property
    def _tails(self) -> tuple[float, float, float]:
        """What the cuts leave below, what they leave above, and what lies between, as probabilities."""
        from initgen.laws.gaussian import interval, tail

        a, b = self._cut
        return tail(-a), tail(b), interval(a, b)

    def cdf(self, x: float) -> float:
        if x >= self.high:
            return 1.0
        if x <= self.low:
            return 0.0
        a, _ = self._cut
        z = (x - self.center) / self.scale
        if a > 0:
            part = math.erfc(a * _SQRT_HALF) - math.erfc(z * _SQRT_HALF)
        else:
            part = math.erfc(-z * _SQRT_HALF) - math.erfc(-a * _SQRT_HALF)
        return min(1.0, part / 2 / self._tails[2])

    def quantiles(self, tail: "Floats", upper: "Bools") -> "Floats":
        import numpy as np

        from initgen.laws.gaussian import signed_quantile
        from initgen.laws.gaussian import tail as normal_tail

        below, above, inside = self._tails
        a, b = self._cut
        step = tail * inside
        # Where both cuts lie on one side, count from that side's tail, where these probabilities are small.
        if a > 0:
            z = signed_quantile(np.where(upper, above + step, normal_tail(a) - step))
        elif b < 0:
            z = -signed_quantile(np.where(upper, normal_tail(-b) - step, below + step))
        else:
            z = _signed(signed_quantile(step + (above * upper + below * ~upper if above != below else above)), upper)
        z *= self.scale
        z += self.center
        return z

    def standard(self) -> tuple["TruncatedNormal", float, float]:
        return TruncatedNormal(0.0, 1.0, *self._cut), self.center, self.scale

    def __str__(self) -> str:
        a, b = self._cut
        return (
            f"normal, mean {self.center:.6g}, std {self.scale:.6g}, cut to [{self.low:.6g}, {self.high:.6g}]"
            f" ({a:.3g} to {b:.3g} std)"
        )


def _signed(z: "Floats", upper: "Bools") -> "Floats":
    """``z`` where ``upper``, and -``z`` elsewhere."""
    # np.where branches on each, and random bits make that ten times as slow.
    z *= upper * 2.0 - 1.0
    return z


@lru_cache(maxsize=256)
def _moments(a: float, b: float) -> tuple[float, float, float]:
    """Mean, variance and kurtosis of the standard normal between ``a`` and ``b``."""
    if a <= 0 <= b and b - a > 1:
        # Integration by parts: m[k] = (k - 1) m[k-2] + (a^(k-1) phi(a) - b^(k-1) phi(b)) / P(a, b).
        inside = (math.erf(b * _SQRT_HALF) - math.erf(a * _SQRT_HALF)) / 2
        at_a, at_b = (math.exp(-x * x / 2) / math.sqrt(2 * math.pi) / inside for x in (a, b))
        a, b = max(a, -40.0), min(b, 40.0)  # where the density is 0; infinity times 0 is not
        mean = at_a - at_b
        m2 = 1 + a * at_a - b * at_b
        m3 = 2 * mean + a * a * at_a - b * b * at_b
        m4 = 3 * m2 + a**3 * at_a - b**3 * at_b
        second = m2 - mean * mean
        return mean, second, (m4 - 4 * mean * m3 + 6 * mean**2 * m2 - 3 * mean**4) / second**2
    # Where the window is narrow or far out these cancel; a sum of positive terms, by Simpson's rule, does not.
    mode = min(max(0.0, a), b)
    reach = math.sqrt(mode * mode + 80)  # further out the density is below exp(-40) of its peak
    low, high = max(a, -reach), min(b, reach)
    panels = 4000
    points = [low + i * (high - low) / panels for i in range(panels + 1)]
    weights = [
        (1 if i in (0, panels) else 4 if i % 2 else 2) * math.exp((mode - x) * (mode + x) / 2)
        for i, x in enumerate(points)
    ]
    total = math.fsum(weights)
    mean = math.fsum(w * x for w, x in zip(weights, points, strict=True)) / total
    second, fourth = (
        math.fsum(w * (x - mean) ** power for w, x in zip(weights, points, strict=True)) / total for power in (2, 4)
    )
    return mean, second, fourth / second**2
