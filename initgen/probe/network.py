"""A network: operations in an order in which each comes after those that it needs, and the layers they belong to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape
from initgen.probe.operations.activation import Applied, Softmax
from initgen.probe.operations.operation import Array, Operation
from initgen.specs.tensor import TensorSpec

# What stands for the network's input among the indices of steps.
INPUT = -1


@dataclass(frozen=True)
class Bound:
    """A weight of an operation, as a tensor of the model.

    Attributes:
        tensor: its name.
        axes: the order of its axes for the operation, where that is another: torch keeps a kernel as (out, in).
    """

    tensor: str
    axes: tuple[int, ...] | None = None

    def oriented(self, array: Array) -> Array:
        """The tensor as the operation reads it."""
        return array if self.axes is None else array.transpose(self.axes)


@dataclass(frozen=True)
class Step:
    """An operation in its place.

    Attributes:
        inputs: the steps whose outputs it gets, each before this one; `INPUT` for the network's input.
        weights: by the names that the operation has for them.
        layer, kind: what it belongs to.
    """

    operation: Operation
    inputs: tuple[int, ...]
    weights: Mapping[str, Bound]
    layer: str
    kind: str

    @property
    def shown(self) -> str:
        """Its layer, for messages: ``dense_1 (Dense)``."""
        return f"{self.layer} ({self.kind})"


@dataclass
class Layer:
    """A layer that is reported: its steps from ``first`` to ``last``.

    Attributes:
        deep: whether it counts in the depth: it mixes its inputs by weights.
        activated: the step of its activation, if it has one.
    """

    name: str
    kind: str
    first: int
    last: int
    deep: bool
    activated: int | None = None

    @property
    def before(self) -> int | None:
        """The step whose output the activation gets, if that is one of its own."""
        return self.activated - 1 if self.activated is not None and self.activated > self.first else None


@dataclass
class Network:
    """What a description says, ready to be run.

    Attributes:
        title: what tells it from others.
        input_shape: of a sample.
        rows: for an input of whole numbers, how many there are; None for one of numbers.
        specs: the tensors by name.
    """

    title: str
    input_shape: Shape
    rows: int | None
    steps: list[Step]
    layers: list[Layer]
    specs: dict[str, TensorSpec] = field(default_factory=dict)

    @property
    def tensors(self) -> list[str]:
        """The names of the weights that the steps use."""
        return list(dict.fromkeys(bound.tensor for step in self.steps for bound in step.weights.values()))


class Assembly:
    """Steps and layers, as they are put together."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.layers: list[Layer] = []

    def add(
        self,
        name: str,
        kind: str,
        inputs: Iterable[int],
        operations: Sequence[tuple[Operation, Mapping[str, Bound]]],
        *,
        deep: bool = False,
        silent: bool = False,
    ) -> int:
        """One more layer of these operations, one after another; the step that gives its output.

        Args:
            deep: see `Layer`.
            silent: whether it moves values only, and needs no report.
        """
        given, first = tuple(inputs), len(self.steps)
        for operation, weights in operations:
            self.steps.append(Step(operation, given, weights, name, kind))
            given = (len(self.steps) - 1,)
        if not operations:
            return given[0]
        last = len(self.steps) - 1
        acts = isinstance(self.steps[last].operation, Applied | Softmax)
        if acts and len(operations) == 1 and self._joins(first):
            layer = self.layers[-1]
            layer.last = layer.activated = last
        elif not silent:
            self.layers.append(Layer(name, kind, first, last, deep, last if acts else None))
        return last

    def _joins(self, step: int) -> bool:
        """Whether an activation is that of the layer before it, which has none."""
        if not self.layers or self.layers[-1].activated is not None:
            return False
        return self.steps[step].inputs == (self.layers[-1].last,) == (step - 1,)

    def checked(self, output: int) -> None:
        """Refuse what is no network with one way through.

        Raises:
            BadParameter: there are no layers, or more than one output.
        """
        if not self.layers:
            raise BadParameter("there are no layers that a signal goes through")
        used = {source for step in self.steps for source in step.inputs}
        loose = [index for index in range(len(self.steps)) if index not in used and index != output]
        if loose:
            names = " and ".join(self.steps[index].shown for index in (*loose, output))
            raise BadParameter(f"there are {len(loose) + 1} outputs: {names}", "probe follows one")
        if output != len(self.steps) - 1:
            raise BadParameter(f"{self.steps[output].shown} is the output, and has layers behind it")
