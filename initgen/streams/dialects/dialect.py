"""What a dialect is: a framework's calls, and the values that they return, drawn without the framework."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.core.params import Value
from initgen.core.shapes import Fans, Kernel, Shape
from initgen.laws import Law
from initgen.streams import rounding

# Where in the stream of its seed a call begins, in the numbers of the dialect; empty at the beginning.
Place = tuple[int, ...]

DTYPES = ("float32", "float64", "bfloat16", "float16")


@dataclass(frozen=True)
class Call:
    """One tensor that a framework is asked for.

    Attributes:
        scheme: its canonical name.
        params: of the scheme, all of them.
        law: of its elements; None where they depend on each other (orthogonal).
        fans: what the scheme takes; None where it asks for none.
        shape: of the whole tensor.
    """

    scheme: str
    params: Mapping[str, Value]
    law: Law | None
    fans: Fans | None
    shape: Shape
    kernel: Kernel
    dtype: DType
    seed: int
    place: Place = ()

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)


class Drawing(ABC):
    """The values that one call returns, ready to be drawn piece by piece, by several threads at once.

    Attributes:
        function: what the framework calls it, as one would write it: ``torch.nn.init.kaiming_uniform_(…)``.
        tolerance: how far a value may be from the framework's, in units of the tensor's gain; 0 where it is the same
            to the bit.
    """

    function: str
    tolerance: float = 0.0

    @abstractmethod
    def fill(self, start: int, out: NDArray[Any]) -> None:
        """Fill in the elements from ``start`` on, as they are stored: see `initgen.streams.rounding.empty`.

        Of a tensor whose elements depend on each other, all at once.
        """

    @property
    def end(self) -> Place:
        """Where the next call on the same generator begins."""
        raise NotImplementedError(f"{self.function} is not followed by another on its generator")


class Dialect(ABC):
    """A framework's random numbers.

    Attributes:
        name: as a user gives it.
        reference: the release that it was compared with, and on what.
        conditions: what has to be so for the framework to draw the same; a sentence each.
        seeds: which seeds the framework takes, in its words.
        series: what a model-wide seed means: how its tensors get their values, one after another.
        places: of each number of a place, what it is below; none for a dialect that draws each tensor from its seed.
    """

    name: str
    reference: str
    conditions: tuple[str, ...]
    seeds: str
    series: str
    places: tuple[int, ...] = ()

    @abstractmethod
    def takes(self, seed: int) -> bool:
        """Whether the framework takes this seed."""

    @abstractmethod
    def _drawing(self, call: Call) -> Drawing:
        """The values of a call whose dtype and seed are right.

        Raises:
            BadParameter: the framework has no such call, or initgen does not draw it.
        """

    def check_seed(self, seed: int) -> None:
        """Refuse a seed that the framework refuses.

        Raises:
            BadParameter: with its rule.
        """
        if not self.takes(seed):
            raise BadParameter(f"seed = {seed} is not one that {self.name} takes", self.seeds)

    def drawing(self, call: Call) -> Drawing:
        """The values that a call returns.

        Raises:
            BadParameter: the framework has no such call, initgen does not draw it, or the dtype cannot hold it.
        """
        if call.dtype.name not in DTYPES:
            raise BadParameter(f"{self.name} draws no {call.dtype.name}", f"it draws {', '.join(DTYPES)}")
        self.check_seed(call.seed)
        self._check_place(call.place)
        if call.law is not None:
            rounding.bounds(call.law, call.dtype)
        return self._drawing(call)

    def _check_place(self, place: Place) -> None:
        if len(place) <= len(self.places) and all(
            0 <= number < limit for number, limit in zip(place, self.places, strict=False)
        ):
            return
        if not self.places:
            raise BadParameter(f"place = {list(place)}: {self.name} draws each tensor from the start of its seed")
        limits = ", then ".join(f"a number from 0 to {limit - 1}" for limit in self.places)
        raise BadParameter(f"place = {list(place)} must be {limits}", f"as initgen spec writes it for {self.name}")

    def refusal(self, call: Call) -> BadParameter:
        """An error for a scheme that the framework does not have, to be raised."""
        return BadParameter(
            f"{self.name} does not draw {call.scheme}", f"initgen schemes --stream {self.name} says what it draws"
        )

    def in_series(self, calls: Sequence[Call]) -> Iterator[Call]:
        """These calls as a program makes them one after another under one seed: each with its own seed and place.

        By default all share one generator.
        """
        place: Place = ()
        for call in calls:
            placed = replace(call, place=place)
            yield placed
            place = self.drawing(placed).end
