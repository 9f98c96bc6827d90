"""What a layer of Keras is: its weights follow from its arguments and from the shape of its input."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from initgen.core.errors import BadParameter, quoted
from initgen.core.shapes import Shape
from initgen.specs.layers.layer import Initializer, Layer, Turn, Weight
from initgen.specs.places import Where

# A shape without the batch; None is a size that is not known, as of a sequence of any length.
Sizes = tuple[int | None, ...]

GLOROT = Initializer("glorot_uniform")
ORTHOGONAL = Initializer("orthogonal")
ZEROS = Initializer("zeros")
ONES = Initializer("ones")
# Stands for a SeedGenerator, which takes a seed as an initializer does, and fills no weight.
GENERATOR = Weight.of("", (1, 1), GLOROT)


@dataclass(frozen=True)
class Saved:
    """What Keras saves as one group: a layer, or an object inside of it.

    Attributes:
        attribute: its path below the layer in a ``.weights.h5``: empty for the layer itself, ``cell``, ``query_dense``.
        name: the same in the names of variables: ``lstm_cell``, ``query``.
        weights: in the order in which Keras numbers them.
        dtype: of the layer, if that has one.
        where: the place in a model's description of the layer that it belongs to.
        seeds: what takes a seed when the object is made and built, in order: names below its own of the weights that an
            initializer fills, or what fills none. A weight that is in no such list has a turn that nobody knows.
    """

    attribute: str
    name: str
    weights: tuple[Weight, ...] = ()
    dtype: str | None = None
    where: Where = ()
    seeds: tuple[Turn, ...] = ()


class KerasLayer(Layer, kw_only=True):
    """A layer of keras.layers.

    Attributes:
        input_shape: of what it gets, without the batch, where nothing before it says.
        inputs: in a list of layers, the names of those before it whose outputs it gets; by default the last one's.
    """

    input_shape: list[int | None] | None = None
    inputs: list[str] | None = None
    trainable: bool = True
    activation: Any = None

    # Keras names a group by the class, which for one of them has another name than it is imported by.
    stored_class: ClassVar[str] = ""
    # Arguments that change what a layer stores in ways that initgen does not follow.
    refused: ClassVar[tuple[str, ...]] = ("lora_rank", "quantization_config", "gptq_unpacked_column_size")

    def snake(self) -> str:
        """Its class in the way that Keras writes it in paths and in the names it gives."""
        return snake_case(self.stored_class or type(self).__name__)

    def weights(self, inputs: Sequence[Sizes]) -> Iterable[Weight]:
        """The weights of the layer itself, in Keras' order.

        Raises:
            BadParameter: the input has no such axis, or one without a size.
        """
        return ()

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        """All groups that Keras saves for it, its own first."""
        weights = tuple(self.weights(inputs))
        return [Saved("", "", weights, seeds=self.seeds(weights))]

    def seeds(self, weights: Sequence[Weight]) -> tuple[Turn, ...]:
        """What takes a seed when the layer is made: its initializers as its arguments have them, then its generators.

        An initializer takes one whether its weight is there or not.
        """
        found: list[Turn] = []
        for key in self.__struct_fields__:
            if key.endswith("_initializer"):
                stem = key.removesuffix("_initializer")
                names = tuple(weight.name for weight in weights if weight.name.startswith(stem))
                found.append(names or Weight.of("", (1, 1), getattr(self, key)))
        return (*found, *[GENERATOR] * self.generators)

    @property
    def generators(self) -> int:
        """How many generators of random numbers it makes; one that has a seed of its own is not counted."""
        return 0

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        """The shape of what it gives; None where that is not known. By default that of its input."""
        return inputs[0]


class Held:
    """A layer inside of another, which is one of its arguments. No dataclass: msgspec would read a table as its fields."""

    def __init__(self, layer: KerasLayer) -> None:
        self.layer = layer

    @property
    def name(self) -> str:
        """Its own, or what Keras would call the first of its class."""
        return self.layer.name or self.layer.snake()

    def saved(self, attribute: str, name: str, inputs: Sequence[Sizes]) -> list[Saved]:
        """What is saved of it, under an attribute of the layer that holds it."""
        for field in self.layer.__struct_fields__:
            value = getattr(self.layer, field)
            if any(
                type(each) is int and abs(each) >= 2**63 for each in (value if isinstance(value, list) else [value])
            ):
                raise BadParameter(f"{field} = {quoted(value)} is larger than 2^63 - 1")
        found = self.layer.saved(inputs)
        if isinstance(self.layer.activation, Held):  # a layer in place of a function
            given = self.layer.output(inputs)
            inner = self.layer.activation.saved("activation", self.layer.activation.name, [given] if given else inputs)
            found[0] = replace(found[0], seeds=(*taken(inner), *found[0].seeds))
            found += seedless(inner)
        return [
            replace(
                each,
                attribute=path(attribute, each.attribute),
                name=path(name, each.name),
                dtype=each.dtype or self.layer.dtype,
            )
            for each in found
        ]


def taken(saved: Iterable[Saved]) -> Iterator[Turn]:
    """What takes a seed when these are made, one after another."""
    for each in saved:
        for turn in each.seeds:
            yield turn if isinstance(turn, Weight) else tuple(path(each.name, name) for name in turn)


def seedless(saved: Iterable[Saved]) -> list[Saved]:
    """The same, for one that holds them and says itself when they take their seeds."""
    return [replace(each, seeds=()) for each in saved]


def cut(name: str, most: int = 60) -> str:
    """A name as a message shows it."""
    return name if len(name) <= most else f"{name[: most - 20]}…{name[-10:]}"


def path(*parts: str) -> str:
    """Parts that are not empty, with slashes between."""
    return "/".join(part for part in parts if part)


def numbered(snake: str, counts: dict[str, int]) -> str:
    """A name of its own for one more of a class: dense, dense_1, … ``counts`` are those so far. Keras' own rule."""
    counts[snake] = counts.get(snake, -1) + 1
    return f"{snake}_{counts[snake]}" if counts[snake] else snake


def snake_case(name: str) -> str:
    """``Conv2DTranspose`` as conv2d_transpose. Source: keras/src/utils/naming.py, to_snake_case."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def need_axes(sizes: Sizes, count: int) -> None:
    """Refuse an input of another number of axes.

    Raises:
        BadParameter: it is.
    """
    if len(sizes) != count:
        raise BadParameter(f"its input has {len(sizes)} axes beside the batch, and it takes {count}")


def size(sizes: Sizes, axis: int) -> int:
    """The size of an axis of an input.

    Raises:
        BadParameter: there is no such axis, or its size is not known.
    """
    counted = axis if axis < 0 else axis + 1  # with the batch, as it is shown
    if not -len(sizes) <= axis < len(sizes):
        raise BadParameter(f"its input {shown(sizes)} has no axis {counted}")
    found = sizes[axis]
    if found is None:
        raise BadParameter(f"axis {counted} of its input {shown(sizes)} has no size")
    return found


def axis_of(axis: int) -> int:
    """An axis as Keras counts it, the batch included, as one of `Sizes`."""
    if axis == 0:
        raise BadParameter("axis = 0 is the batch")
    return axis if axis < 0 else axis - 1


def places(sizes: Sizes, axes: Sequence[int]) -> set[int]:
    """Axes as Keras counts them, as places in an input.

    Raises:
        BadParameter: the input has not all of them.
    """
    for axis in axes:
        if not -len(sizes) <= axis_of(axis) < len(sizes):
            raise BadParameter(f"its input {shown(sizes)} has no axis {axis}")
    return {axis_of(axis) % len(sizes) for axis in axes}


def shown(sizes: Sizes) -> str:
    """A shape as Keras writes it, with None for the batch."""
    return f"({', '.join(map(str, (None, *sizes)))})"


def kernel_size(given: int | Sequence[int], rank: int, name: str = "kernel_size") -> Shape:
    """One size for each axis of a window.

    Raises:
        BadParameter: there are not as many, or one is below 1.
    """
    sizes = (given,) * rank if isinstance(given, int) else tuple(given)
    if len(sizes) != rank or min(sizes, default=1) < 1:
        raise BadParameter(f"{name} = {given} must be {rank} whole number{'s' * (rank > 1)} from 1")
    return sizes
