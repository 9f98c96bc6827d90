"""Modules one after another, as in nn.Sequential."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initgen.core.errors import InitgenError
from initgen.specs.layers.layer import LayerError, Placed, Weight
from initgen.specs.layers.torch.module import TorchLayer
from initgen.specs.places import Where


@dataclass(frozen=True)
class Module:
    """A module in its place.

    Attributes:
        name: begins those of its weights; with the names of what it stands in.
        where: its place in the description of the model.
    """

    name: str
    layer: TorchLayer
    where: Where

    @property
    def shown(self) -> str:
        """Its name and class, for messages."""
        return f"{self.name} ({type(self.layer).__name__})"


def placed(modules: Sequence[Module]) -> Iterator[Placed]:
    """The weights of all modules.

    Raises:
        LayerError: a module cannot be built.
    """
    for module in modules:
        try:
            for weight in module.layer.weights():
                yield Placed(f"{module.name}.{weight.name}", weight, module.layer.dtype, module.where)
        except InitgenError as error:
            raise LayerError(module.where, module.shown, error) from None


def turns(modules: Sequence[Module]) -> Iterator[tuple[str, ...] | Placed]:
    """What torch draws when it makes the modules, in order: names of weights, or what it throws away."""
    for module in modules:
        for turn in module.layer.turns():
            if isinstance(turn, Weight):
                yield Placed(module.name, turn, module.layer.dtype, module.where)
            else:
                yield tuple(f"{module.name}.{name}" for name in turn)
