"""What a layer is to a spec: its arguments by their names in the framework, and the weights that it makes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from initgen.core.errors import BadParameter, InitgenError, UnknownName, quoted
from initgen.core.shapes import Shape
from initgen.schemes import SCHEMES
from initgen.specs.places import Where
from initgen.specs.schema import Options


class Initializer:
    """What fills a weight, as a layer is told. No dataclass: msgspec would read a table as its fields.

    Attributes:
        scheme: as a spec writes it, text or a table; None where it is one that initgen does not know.
        seed: its own, where it has one.
        axes: input and output axes of the weight, whose products are its fans, in place of what the layer says.
        by_shape: whether the shape alone gives the fans, whatever the layer says.
        shown: what was given, for messages.
    """

    def __init__(
        self,
        scheme: str | Mapping[str, Any] | None,
        seed: int | None = None,
        axes: tuple[Sequence[int], Sequence[int]] | None = None,
        by_shape: bool = False,
        shown: str = "",
    ) -> None:
        self.scheme, self.seed, self.axes, self.by_shape = scheme, seed, axes, by_shape
        self.shown = shown or str(scheme)

    @classmethod
    def read(cls, given: object) -> "Initializer":
        """What a spec says: a scheme as text, or a table with its name, parameters and maybe a seed.

        Raises:
            BadParameter: it is neither.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, str):
            return cls(given, shown=given)
        if isinstance(given, dict) and isinstance(given.get("name"), str):
            params = {key: value for key, value in given.items() if key != "seed"}
            seed = given.get("seed")
            if seed is None or (isinstance(seed, int) and not isinstance(seed, bool)):
                return cls(params, seed, shown=given["name"])
        hint = '"he_uniform", "truncated_normal:stddev=0.02" or {name = "he_uniform", seed = 7}'
        raise BadParameter(f"{quoted(given)} is not a scheme", f"like {hint}")

    def fans(self, shape: Shape, own: tuple[int, int | None] | None) -> tuple[int, int | None] | None:
        """fan_in and fan_out of a weight, or None where its shape gives them or the scheme asks for none."""
        if self.axes is not None:
            axes = [*self.axes[0], *self.axes[1]]
            if len(set(axes)) < len(axes) or not all(-len(shape) <= axis < len(shape) for axis in axes):
                raise BadParameter(f"{self.shown}: {quoted(axes)} are not axes of a weight of {len(shape)}")
            own = math.prod(shape[axis] for axis in self.axes[0]), math.prod(shape[axis] for axis in self.axes[1])
        elif self.by_shape:
            own = None
        return own if own is None or _asks_for_fans(self.scheme) else None


def _asks_for_fans(scheme: str | Mapping[str, Any] | None) -> bool:
    name = scheme if isinstance(scheme, str) else (scheme or {}).get("name", "")
    try:
        return SCHEMES[str(name).partition(":")[0]].fans != "none"
    except UnknownName:  # said where the tensor is settled
        return False


# More than any model has; one that asks for more is a mistake.
MAX_LAYERS = 20_000


@dataclass(frozen=True)
class Weight:
    """A weight that a layer makes, in the order in which the framework makes them.

    Attributes:
        name: below the layer's: ``kernel``, ``self_attn.in_proj_weight``.
        options: its scheme, and what else a tensor's table says.
        initializer: what the options were made of, for messages; None where there was none.
    """

    name: str
    shape: Shape
    options: Options
    initializer: Initializer | None = None

    @classmethod
    def of(
        cls,
        name: str,
        shape: Shape,
        initializer: Initializer,
        fans: tuple[int, int | None] | None = None,
        **options: Any,
    ) -> "Weight":
        """A weight that an initializer fills.

        Args:
            fans: fan_in and maybe fan_out, where its shape does not give them; left out for schemes that ask for none.
            options: more of what a tensor's table says: layout, dtype.
        """
        found = initializer.fans(shape, fans)
        if found is not None:
            options["fan_in"], options["fan_out"] = found
        scheme = initializer.scheme if isinstance(initializer.scheme, str | None) else dict(initializer.scheme)
        return cls(name, shape, Options(scheme=scheme, seed=initializer.seed, **options), initializer)


# What a framework draws at one time while it makes a layer: the names of the weights that share it, mostly one; or what it
# throws away.
Turn = tuple[str, ...] | Weight

_WHOLE = {False: "a whole number", True: "whole numbers"}


class Layer(Struct, kw_only=True, forbid_unknown_fields=True):
    """A layer of a spec. Its subclasses have the arguments of the framework's layers, by the framework's names.

    Attributes:
        name: begins the names of its weights.
        dtype: of its weights.
    """

    name: str | None = None
    dtype: str | None = None

    def refuse(self, message: str) -> BadParameter:
        """An error for an argument, to be raised."""
        return BadParameter(message, f"an argument of {type(self).__name__}")

    def at_least(self, least: int, *names: str) -> None:
        """Refuse sizes below ``least``, each of a number or a list."""
        for name in names:
            value = getattr(self, name)
            if min(value if isinstance(value, list) else [value], default=least) < least:
                raise self.refuse(f"{name} = {value} must be {_WHOLE[isinstance(value, list)]} from {least}")


@dataclass(frozen=True)
class Placed:
    """A weight with its whole name.

    Attributes:
        dtype: of the layer that it belongs to, if that has one.
        where: the place of that layer in the document that describes it.
        keras_path: where Keras looks for it in a ``.weights.h5``; empty for PyTorch.
    """

    name: str
    weight: Weight
    dtype: str | None
    where: Where
    keras_path: str = ""


class LayerError(BadParameter):
    """What is wrong with a layer of a model, and where in the model's description it stands."""

    def __init__(self, where: Where, layer: str, error: InitgenError) -> None:
        said = error.message if isinstance(error, LayerError) or not layer else f"{layer}: {error.message}"
        super().__init__(said, error.hint)
        self.where: Where = (*where, *(error.where if isinstance(error, LayerError) else ()))
