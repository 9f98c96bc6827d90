"""What the modules of torch.nn have in common: their parameters and buffers, and who says what fills them."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from initgen.core.errors import BadParameter, quoted
from initgen.core.shapes import Shape
from initgen.specs.layers.layer import Initializer, Layer, Turn, Weight

Sizes = int | list[int]


class Part(NamedTuple):
    """A parameter or a buffer of a module.

    Attributes:
        name: in its state_dict.
        default: the scheme by which torch fills it.
        fan_in: for the default, where torch does not take it from the shape; and for any scheme of a bias, which has none.
        dtype: where it is not the layer's.
        argument: what says another scheme, less ``_initializer``; by default the name, with _ for each dot.
    """

    name: str
    shape: Shape
    default: str
    fan_in: int | None = None
    dtype: str | None = None
    argument: str = ""

    @property
    def key(self) -> str:
        """The argument that says another scheme."""
        return f"{self.argument or self.name.replace('.', '_')}_initializer"

    def weight(self, given: Initializer | None) -> Weight:
        """The weight, by what an argument gives or by torch's default."""
        options: dict[str, Any] = {"layout": "torch"} | ({} if self.dtype is None else {"dtype": self.dtype})
        fans = None
        if self.fan_in is not None and len(self.shape) < 2:
            fans = self.fan_in, None
        elif self.fan_in is not None and given is None and self.filled:
            options["fan_in"] = self.fan_in
        return Weight.of(self.name, self.shape, given or Initializer(self.filled or "zeros"), fans, **options)

    @property
    def unseen(self) -> bool:
        """Whether torch draws numbers to multiply them by 0, as for the bias of a Linear without inputs."""
        return self.default == "torch_bias" and self.fan_in == 0

    @property
    def filled(self) -> str:
        """The default scheme; none for a tensor without elements, whose fans may be 0."""
        return self.default if math.prod(self.shape) else ""


class TorchLayer(Layer, kw_only=True):
    """A module of torch.nn: all its sizes are its arguments.

    What fills a weight is torch's default, unless the argument ``<weight>_initializer`` says otherwise.
    """

    def weights(self) -> list[Weight]:
        """Its parameters and buffers, in the order of its state_dict; none for most.

        Raises:
            BadParameter: arguments that the module itself would refuse, or an initializer for a weight that is not there.
        """
        parts = self.parts()
        keys = [part.key for part in parts]
        given = {key: getattr(self, key) for key in self.__struct_fields__ if key.endswith("_initializer")}
        for key, initializer in given.items():
            if initializer is not None and key not in keys:
                names = ", ".join(part.name for part in parts) or "no weights"
                raise BadParameter(
                    f"{key} is for a weight that is not there", f"this {type(self).__name__} has {names}"
                )
        return [part.weight(given.get(part.key)) for part in parts]

    def parts(self) -> list[Part]:
        """Its parameters and buffers; none for most."""
        return []

    def drawn(self) -> list[Part]:
        """What torch draws when it makes the module, in order: its parts, and nameless ones that it throws away."""
        return self.parts()

    def turns(self) -> Iterator[Turn]:
        """The same, with the names of weights."""
        for part in self.drawn():
            if part.unseen:
                yield Part("", part.shape, "random_uniform").weight(None)
            yield (part.name,) if part.name else part.weight(None)

    def divides(self, name: str, *multiples: str) -> None:
        """Refuse a divisor below 1, and one that does not divide."""
        self.at_least(1, name)
        divisor = getattr(self, name)
        for multiple in multiples:
            if getattr(self, multiple) % divisor:
                raise self.refuse(f"{name} = {divisor} does not divide {multiple} = {getattr(self, multiple)}")

    def one_of(self, name: str, *choices: str) -> None:
        """Refuse a word that is none of these."""
        if getattr(self, name) not in choices:
            raise self.refuse(f"{name} = {quoted(getattr(self, name))} must be {' or '.join(choices)}")
