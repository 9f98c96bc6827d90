"""Biases of gated recurrent layers whose units remember for different times."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from initgen.core.dtypes import DType
from initgen.core.shapes import Layout, Shape
from initgen.laws import Law, Uniform
from initgen.schemes.structure import Property, Structure

if TYPE_CHECKING:
    from initgen.schemes.structure import Drawing, Floats


@dataclass(frozen=True)
class Chrono(Structure):
    """One gate's bias is the logarithm of a time that is uniform from 1 to t_max - 1, another's may be its negative."""

    shape: Shape
    t_max: float

    bitwise = False  # log is the machine's
    gates: ClassVar[int]

    @property
    @abstractmethod
    def keep(self) -> int:
        """Which gate keeps the state."""

    @property
    def write(self) -> int | None:
        """Which gate lets the new state in, if that is another one."""
        return None

    def build(self, draw: "Drawing") -> "Floats":
        import numpy as np

        bias = np.zeros(self.shape)
        gates = self._gates(bias)
        # 1 + u (t_max - 2) is uniform from 1 to t_max - 1.
        gates[self.keep] = np.log1p(draw(Uniform(0.0, 1.0), 0, gates.shape[1]) * (self.t_max - 2))
        if self.write is not None:
            gates[self.write] = -gates[self.keep]
        return bias

    def _gates(self, bias: "Floats") -> "Floats":
        """(gate, unit) of a bias, or of the first of two that are added."""
        first: Floats = bias.reshape(-1, self.shape[-1])[0]
        return first.reshape(self.gates, -1)

    def properties(self, tensor: "Floats", dtype: DType) -> list[Property]:
        import numpy as np

        gates = self._gates(tensor)
        kept, high = gates[self.keep], dtype.nearest(self.largest)
        outside = np.count_nonzero(~((kept >= 0) & (kept <= high * (1 + 2.0 ** (1 - dtype.digits)))))
        wanted = np.zeros(self.shape)
        self._gates(wanted)[self.keep] = kept
        said = "values outside of the gates that are not zero"
        found = [Property("values outside of its bounds", float(outside), 0)]
        if self.write is not None:
            wrong = np.count_nonzero(gates[self.write] != -kept)
            found.append(Property("input gates that are not the negative of the forget gate", float(wrong), 0))
            self._gates(wanted)[self.write] = gates[self.write]
        return [*found, Property(said, float(np.count_nonzero(tensor != wanted)), 0)]

    def independent(self, tensor: "Floats", dtype: DType) -> "tuple[Law, Floats] | None":
        import numpy as np

        if dtype.digits < 24:  # rounded too coarsely to be taken back
            return None
        u = np.expm1(self._gates(tensor)[self.keep]) / (self.t_max - 2)
        return Uniform(0.0, 1.0), np.clip(u, 0.0, 1.0)

    @property
    def largest(self) -> float:
        return math.log1p(self.t_max - 2)

    def __str__(self) -> str:
        return f"log of times from 1 to {self.t_max - 1:g}, uniform, for the gate that keeps the state"


@dataclass(frozen=True)
class ChronoLstm(Chrono):
    """Gates i, f, c, o in Keras and in torch."""

    gates = 4
    keep = 1
    write = 0

    def __str__(self) -> str:
        return f"b_f = log of times from 1 to {self.t_max - 1:g}, uniform; b_i = -b_f; others 0"


@dataclass(frozen=True)
class ChronoGru(Chrono):
    """Gates z, r, h in Keras, r, z, n in torch; in both the state is kept where z is one."""

    layout: Layout

    gates = 3

    @property
    def keep(self) -> int:
        return 0 if self.layout == "keras" else 1

    def __str__(self) -> str:
        return f"b_z = log of times from 1 to {self.t_max - 1:g}, uniform; others 0"
