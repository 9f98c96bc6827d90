"""Models of Keras: a model is a layer too, whose layers are saved in it by the names of their classes."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from initgen.core.errors import BadParameter, InitgenError
from initgen.specs.layers.keras.layer import Held, KerasLayer, Saved, Sizes, cut, numbered, shown
from initgen.specs.layers.keras.plain import InputLayer
from initgen.specs.layers.layer import LayerError
from initgen.specs.places import Where


@dataclass(frozen=True)
class Node:
    """A layer in a model.

    Attributes:
        where: its place in the description of the model.
        inputs: the shapes that it was built with, where the description has them.
        sources: names of the layers whose output it gets; None for the layer before it.
        stored: whether Keras saves it; it does not save the sum that ``x + y`` stands for.
        calls: how often it is called.
    """

    held: Held
    where: Where
    inputs: tuple[Sizes, ...] | None = None
    sources: tuple[str, ...] | None = None
    stored: bool = True
    calls: int = 1

    @property
    def shown(self) -> str:
        """Its name and class, for messages."""
        name, kind = self.held.name, getattr(self.held.layer, "class_name", type(self.held.layer).__name__)
        return f"{cut(name)} ({cut(kind)})" if name != kind else cut(kind)


class KerasModel(KerasLayer, kw_only=True):
    """A model: Sequential, or with the graph of Functional.

    Attributes:
        nodes: its layers, in Keras' order.
        graph: whether the nodes say what they get; an InputLayer is then saved like the others.
        stored: the class by which a model that has this one inside calls it.
        outputs: the names of the layers whose outputs are its own; empty where the description does not say.
    """

    nodes: list[Node]
    graph: bool = False
    stored: str = "sequential"
    outputs: tuple[str, ...] = ()

    @property
    def class_name(self) -> str:
        """Its class, for messages."""
        return "Functional" if self.graph else "Sequential"

    def snake(self) -> str:
        return self.stored

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        found = [Saved("", "")]
        counts: dict[str, int] = {}
        for node, given in self.built(inputs):
            if not node.stored:
                continue
            attribute = f"layers/{numbered(node.held.layer.snake(), counts)}"
            try:
                saved = node.held.saved(attribute, node.held.name, given)
            except InitgenError as error:
                raise LayerError(node.where, node.shown, error) from None
            found += [replace(each, where=(*node.where, *each.where)) for each in saved]
        return found

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        if self.graph:
            return None
        built = self.built(inputs)
        while True:
            try:
                next(built)
            except StopIteration as end:
                found: Sizes | None = end.value
                return found

    def built(self, inputs: Sequence[Sizes]) -> Generator[tuple[Node, Sequence[Sizes]], None, Sizes | None]:
        """The nodes, each with the shapes that it gets; returns the shape that the last one gives.

        Of inputs there are only those of a graph, where Keras saves a group for them.
        """
        # A config of Keras 3 says what every layer was built with: nothing then has to be inferred.
        told = all(node.inputs is not None or isinstance(node.held.layer, InputLayer) for node in self.nodes)
        shapes: dict[str, Sizes | None] = {}
        last: Sizes | None = inputs[0] if inputs and not isinstance(inputs, Unbuilt) else None
        for node in self.nodes:
            layer = node.held.layer
            if isinstance(layer, InputLayer):
                last = layer.given if layer.given is not None else last
                shapes[node.held.name] = last
                if self.graph:
                    yield node, ()
                continue
            given = node.inputs
            if given is None:
                sources = [last] if node.sources is None else [shapes.get(name) for name in node.sources]
                known = tuple(source for source in sources if source is not None)
                given = known if known and len(known) == len(sources) else None
            if layer.input_shape is not None:
                own = tuple(layer.input_shape)
                if given is not None and node.inputs is None and given != (own,):
                    said = f"input_shape = {cut(shown(own))}, and the layer before it gives {cut(shown(given[0]))}"
                    raise LayerError(node.where, node.shown, BadParameter(said))
                given = given or (own,)
            for sizes in given or ():
                if any(extent is not None and not 0 <= extent < 2**63 for extent in sizes):
                    error = BadParameter(f"its input {cut(shown(sizes))} has an axis that is not from 0 to 2^63 - 1")
                    raise LayerError(node.where, node.shown, error)
            asked = Unbuilt() if given is None else given
            yield node, asked
            unknown = given is None and not isinstance(layer, KerasModel)  # which may have an Input of its own
            last = shapes[node.held.name] = None if told or unknown else _output(node, asked)
        return last


def _output(node: Node, given: Sequence[Sizes]) -> Sizes | None:
    try:
        return node.held.layer.output(given)
    except InitgenError as error:
        raise LayerError(node.where, node.shown, error) from None
    except IndexError:
        raise LayerError(node.where, node.shown, BadParameter("its input has too few axes")) from None


class Unbuilt(Sequence[Sizes]):
    """The inputs of a layer that nothing tells: whoever looks at them says so."""

    def __getitem__(self, index: object) -> "Sizes":  # type: ignore[override]
        raise BadParameter(
            "the shape of its input is not known", "the first layer says it: input_shape, or an Input before it"
        )

    def __len__(self) -> int:
        return 1
