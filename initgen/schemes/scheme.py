"""What a scheme is: a name, its parameters, and the rule that turns fans into a law or a structure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, written
from initgen.core.shapes import Fans, Kernel, Shape
from initgen.laws import Constant, Law
from initgen.schemes.structure import Structure

Rule = Callable[[Fans, Values], Law]
Build = Callable[[Shape, Kernel, Values], Structure]


@dataclass(frozen=True)
class Scheme:
    """One entry of the table that ``initgen schemes`` prints.

    Attributes:
        family: whose meaning of the name this is.
        summary: one line, lower case.
        formula: the law in the symbols of the field; n is the chosen fan.
        source: where it comes from: paper and equation, or the framework's function.
        rule: gives the law; for schemes whose elements are independent.
        build: gives the structure; for the others. A scheme has one of the two.
        fans: "shape" where the fans matter and the shape gives them, "given" where they must be given, "none" else.
    """

    name: str
    family: Literal["keras", "torch", "jax", "any", "paper"]
    summary: str
    formula: str
    source: str
    rule: Rule | None = None
    build: Build | None = None
    params: tuple[Param, ...] = ()
    aliases: tuple[str, ...] = ()
    fans: Literal["shape", "given", "none"] = "none"

    @property
    def example(self) -> str:
        """The scheme as one writes it: with the parameters that must be given."""
        return written(self.name, self.params)

    def law(self, fans: Fans, values: Values) -> Law:
        """The law for these fans and parameters.

        Raises:
            BadParameter: a fan that the rule divides by is 0, or the law's variance leaves the range of float64.
        """
        if self.rule is None:
            raise TypeError(f"{self.name} is a structure: it has no law of independent elements")
        try:
            law = self.rule(fans, values)
            if math.isfinite(law.variance) and (law.variance > 0 or isinstance(law, Constant)):
                return law
            raise OverflowError
        except OverflowError:
            raise BadParameter(f"{self.name} with these parameters has a std that float64 cannot hold") from None
        except ZeroDivisionError:
            which = "fan_in" if fans.fan_in == 0 else "fan_out"
            raise BadParameter(
                f"{which} is 0, and {self.name} divides by it",
                f"give the fan of the layer: --{which.replace('_', '-')} N",
            ) from None


def positive(name: str, default: float, help: str = "") -> Param:
    """A parameter for a scale: any number above 0."""
    return Param(name, default, above=0, help=help)
