"""A layer class of somebody's own, whose weights a spec gives by hand. Nobody knows its seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from initgen.core.errors import BadParameter
from initgen.specs.layers.keras.layer import KerasLayer, Saved, Sizes, snake_case
from initgen.specs.layers.layer import Weight
from initgen.specs.rules import filled
from initgen.specs.schema import Options, TensorTable
from initgen.specs.scope import Given, Scope

Kinds = Mapping[str, Mapping[str, TensorTable]]


class Custom(KerasLayer, kw_only=True):
    """A layer that gives the shape that it gets, with the weights of a ``[kinds]`` table.

    Attributes:
        given: the layer's own arguments; those that are numbers are variables of its weights' sizes.
    """

    class_name: str
    given: dict[str, Any]
    table: dict[str, TensorTable]

    def snake(self) -> str:
        return snake_case(self.class_name)

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        # What has a slash in its name is of a layer inside, an attribute of the class.
        inside: dict[str, list[Weight]] = {"": []}
        for weight in self.weights(inputs):
            attribute, _, name = weight.name.rpartition("/")
            inside.setdefault(attribute, []).append(replace(weight, name=name))
        return [Saved(attribute, attribute, tuple(weights)) for attribute, weights in inside.items()]

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        sizes = {f"input_{axis}": extent for axis, extent in enumerate(inputs[0]) if extent is not None}
        if inputs[0] and inputs[0][-1] is not None:
            sizes["channels"] = inputs[0][-1]
        own = {key: int(value) if isinstance(value, bool) else value for key, value in self.given.items()}
        numbers: dict[str, Given] = {key: value for key, value in own.items() if isinstance(value, int | float)}
        scope = Scope({**sizes, **numbers})
        for name, table in self.table.items():
            if scope.holds(table.when):
                yield _weight(name, table, scope)


def _weight(name: str, table: TensorTable, scope: Scope) -> Weight:
    def blame(index: int, error: BadParameter) -> BadParameter:
        return BadParameter(f"{name}.shape[{index}]: {error.message}", error.hint)

    shape = scope.sizes(table.shape, blame)
    fields = {field: getattr(table, field) for field in Options.__struct_fields__}
    if table.scheme is not None:
        fields["scheme"] = filled(table.scheme, scope)
    for fan in ("fan_in", "fan_out", "groups"):
        if isinstance(fields[fan], str):
            value = scope.number(fields[fan], shape)
            if not isinstance(value, int):
                raise BadParameter(f"{name}.{fan} = {fields[fan]} is {value}, and must be a whole number")
            fields[fan] = value
    return Weight(name, shape, msgspec.convert(fields, Options))
