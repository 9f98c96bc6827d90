"""What a layer is to a spec: its arguments by their names in the framework, and the weights that it makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from initgen.core.errors import BadParameter, quoted
from initgen.core.shapes import Shape
from initgen.specs.schema import Options


@dataclass(frozen=True)
class Initializer:
    """What fills a weight, as a layer is told.

    Attributes:
        scheme: as a spec writes it, text or a table; None where it is one that initgen does not know.
        seed: its own, where it has one.
        options: more of what a tensor's table may say, and what the layer itself says otherwise: fan_in and fan_out.
        shown: what was given, for messages.
    """

    scheme: str | Mapping[str, Any] | None
    seed: int | None = None
    options: Mapping[str, Any] | None = None
    shown: str = ""

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
            return cls(params, given.get("seed"), shown=given["name"])
        hint = '"he_uniform", "truncated_normal:stddev=0.02" or {name = "he_uniform", seed = 7}'
        raise BadParameter(f"{quoted(given)} is not a scheme", f"like {hint}")


@dataclass(frozen=True)
class Weight:
    """A weight that a layer makes, in the order in which the framework makes them.

    Attributes:
        name: below the layer's: ``kernel``, ``self_attn.in_proj_weight``.
        options: its scheme, and what else a tensor's table says.
    """

    name: str
    shape: Shape
    options: Options

    @classmethod
    def of(cls, name: str, shape: Shape, initializer: Initializer, **options: Any) -> "Weight":
        """A weight that an initializer fills.

        Args:
            options: of the tensor's table, where the initializer does not say otherwise: layout, fan_in, fan_out, dtype.
        """
        told = {**options, **(initializer.options or {})}
        scheme = initializer.scheme if isinstance(initializer.scheme, str | None) else dict(initializer.scheme)
        return cls(name, shape, Options(scheme=scheme, seed=initializer.seed, **told))


class Layer(Struct, kw_only=True, forbid_unknown_fields=True):
    """A layer of a spec. Its subclasses have the arguments of the framework's layers, by the framework's names.

    Attributes:
        name: begins the names of its weights.
        dtype: of its weights.
    """

    name: str | None = None
    dtype: str | None = None


def positive(layer: str, **sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        BadParameter: one of them is; the message has its name.
    """
    for name, size in sizes.items():
        if size < 1:
            raise BadParameter(f"{name} = {size} must be a whole number from 1", f"an argument of {layer}")
