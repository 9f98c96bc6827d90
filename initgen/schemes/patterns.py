"""Tensors of known values: positions, masks, gates, the states of Mamba."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from initgen.core.dtypes import DType
from initgen.core.shapes import Shape
from initgen.laws import Law, Uniform
from initgen.schemes.structure import Property, Structure

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


@dataclass(frozen=True)
class Pattern(Structure):
    """Nothing is drawn: a value follows from its place."""

    shape: Shape
    what: ClassVar[str]

    random = False

    @abstractmethod
    def values(self) -> "Floats":
        """The last axes; the same at every place of the axes before."""

    def build(self, draw: "Drawing") -> "Floats":
        return self._over_all(self.values())

    def _over_all(self, values: "Floats") -> "Floats":
        import numpy as np

        return np.ascontiguousarray(np.broadcast_to(values, self.shape))

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        values = self.values()
        distinct, place = np.unique(values, return_inverse=True)
        stored = np.array([dtype.nearest(float(value)) for value in distinct])[place].reshape(values.shape)
        wrong = np.count_nonzero(tensor != self._over_all(stored))
        return [Property(f"values that differ from {self.what}", float(wrong), 0)]

    @property
    def largest(self) -> float:
        return float(abs(self.values()).max(initial=0.0))

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Arange(Pattern):
    """0, 1, 2 … along the last axis: the position_ids of older checkpoints."""

    whole = True
    what = "0, 1, 2 … along the last axis"

    def values(self) -> "Floats":
        import numpy as np

        return np.arange(self.shape[-1], dtype=np.float64)


@dataclass(frozen=True)
class Tril(Pattern):
    """Ones on and below the diagonal of the last two axes, zeros above: the causal mask of older checkpoints."""

    whole = True
    what = "ones on and below the diagonal"

    def values(self) -> "Floats":
        import numpy as np

        height, width = self.shape[-2:]
        return np.tri(height, width)


@dataclass(frozen=True)
class UnitForgetBias(Pattern):
    """The bias of an LSTM in Keras, blocks i, f, c, o: the forget gate's is 1, so that the state is kept at first."""

    whole = True
    what = "ones for the forget gate, zeros for the others"

    def values(self) -> "Floats":
        import numpy as np

        return np.repeat([0.0, 1.0, 0.0, 0.0], self.shape[-1] // 4)


@dataclass(frozen=True)
class MambaALog(Pattern):
    """log 1, log 2 … log N along the last axis: the real part of S4D's diagonal, as Mamba stores it."""

    what = "log 1, log 2 … along the last axis"

    def values(self) -> "Floats":
        from decimal import Context, Decimal

        import numpy as np

        # The machine's own log may differ in the last digit from another's; 25 digits rounded once do not.
        exact = Context(prec=25)
        return np.array([float(exact.ln(Decimal(n))) for n in range(1, self.shape[-1] + 1)])


@dataclass(frozen=True)
class InverseFrequencies(Pattern):
    """theta^0, theta^(-1/n), theta^(-2/n) … along the last axis of n: the rotary_emb.inv_freq of older checkpoints."""

    theta: float
    what = "theta^(-i/n) along the last axis"

    def values(self) -> "Floats":
        from decimal import Context, Decimal

        import numpy as np

        exact = Context(prec=25)
        theta, n = exact.ln(Decimal(self.theta)), self.shape[-1]
        return np.array([float(exact.exp(exact.divide(exact.multiply(theta, -i), Decimal(n)))) for i in range(n)])


@dataclass(frozen=True)
class MambaDtBias(Structure):
    """The inverse of softplus of time steps that are uniform in their logarithm."""

    shape: Shape
    low: float
    high: float
    floor: float

    bitwise = False  # exp and log are the machine's

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        u = draw(Uniform(0.0, 1.0), 0, math.prod(self.shape)).reshape(self.shape)
        steps = np.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return _unsoftplus(np.maximum(steps, self.floor))

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        low, high = (dtype.nearest(bound) for bound in self._bounds)
        slack = 2.0 ** (1 - dtype.digits) * max(abs(low), abs(high))
        outside = np.count_nonzero((tensor < low - slack) | (tensor > high + slack))
        return [Property("values outside of its bounds", float(outside), 0)]

    def independent(self, tensor: "Floats", dtype: DType) -> "tuple[Law, Floats] | None":
        import numpy as np

        if dtype.digits < 24 or self.floor > self.low:  # rounded too coarsely to be taken back, or cut
            return None
        steps = np.log1p(np.exp(tensor.reshape(-1)))
        u = (np.log(steps) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return Uniform(0.0, 1.0), np.clip(u, 0.0, 1.0)

    @property
    def _bounds(self) -> list[float]:
        import numpy as np

        ends: list[float] = _unsoftplus(np.array([max(self.low, self.floor), self.high])).tolist()
        return ends

    @property
    def largest(self) -> float:
        return max(map(abs, self._bounds))

    def __str__(self) -> str:
        return f"softplus⁻¹ of time steps from {self.low:g} to {self.high:g}, uniform in the logarithm"


def _unsoftplus(steps: "Floats") -> "Floats":
    import numpy as np

    inverse: Floats = steps + np.log(-np.expm1(-steps))
    return inverse
