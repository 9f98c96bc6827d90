"""The recipe: the canonical JSON in a file that says what made it, enough to make it again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from initgen.core.errors import BadParameter, FormatError, InitgenError, quoted
from initgen.specs.tensor import TensorSpec, tensor_spec
from initgen.streams.dialects import NATIVE, VERSIONS


def recipe_of(specs: Sequence[TensorSpec]) -> str:
    """The recipe of these tensors: sorted keys, no blanks, ASCII, so that equal tensors have equal recipes.

    Empty where there is a slice of a tensor: a recipe describes whole ones.
    """
    if any(spec.piece_of is not None for spec in specs):
        return ""
    streams = {spec.stream for spec in specs}
    stream = streams.pop() if len(streams) == 1 else NATIVE
    tensors = {spec.name: _entry(spec, stream) for spec in specs}
    recipe = {"initgen": 1, "stream": stream, "tensors": tensors}
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _entry(spec: TensorSpec, stream: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "dtype": spec.dtype.name,
        "layout": spec.kernel.layout,
        "params": dict(spec.params),
        "scheme": spec.scheme.name,
        "seed": spec.seed,
        "shape": list(spec.shape),
    }
    if spec.fans is not None:
        entry |= {"fan_in": spec.fans.fan_in, "fan_out": spec.fans.fan_out}
    if spec.kernel.groups > 1:
        entry["groups"] = spec.kernel.groups
    if spec.keyed:
        entry["keyed"] = True
    if spec.tied:
        entry["tied"] = spec.tied
    if spec.place:
        entry["place"] = list(spec.place)
    if spec.stream != stream:
        entry["stream"] = spec.stream
    return entry


def read_recipe(text: str, path: str) -> dict[str, TensorSpec]:
    """The tensors that a recipe describes, by name. The text may come from anywhere: nothing in it is trusted.

    Raises:
        FormatError: it is not a recipe, or one of a stream or version that this initgen does not know.
    """
    import msgspec

    class Entry(msgspec.Struct, forbid_unknown_fields=True):
        dtype: str
        layout: str
        params: dict[str, float | int | str | None]
        scheme: str
        seed: int
        shape: list[int]
        fan_in: int | None = None
        fan_out: int | None = None
        groups: int = 1
        keyed: bool = False
        tied: str = ""
        place: tuple[int, ...] = ()
        stream: str = ""

    class Recipe(msgspec.Struct, forbid_unknown_fields=True):
        initgen: int
        stream: str
        tensors: dict[str, Entry]

    fields = [field for field in Entry.__struct_fields__ if field not in ("shape", "params")]
    try:
        recipe = msgspec.json.decode(text, type=Recipe)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatError(f"{path}: its recipe is not one that initgen writes: {_cut(str(error))}") from None
    streams = {recipe.stream, *(entry.stream for entry in recipe.tensors.values() if entry.stream)}
    unknown = sorted(streams - VERSIONS)
    if recipe.initgen != 1 or unknown:
        raise FormatError(
            f"{path}: its recipe is of version {recipe.initgen}, stream {quoted(unknown[0] if unknown else recipe.stream)}",
            f"a newer initgen wrote it; this one knows version 1, {', '.join(sorted(VERSIONS))}",
        )
    specs: dict[str, TensorSpec] = {}
    alike: dict[object, TensorSpec] = {}
    for name, entry in recipe.tensors.items():
        # The tensors of a model are mostly alike but for their names; each kind is checked once.
        key = (*(getattr(entry, field) for field in fields), *entry.shape, None, *entry.params.items())
        if key not in alike:
            try:
                alike[key] = _spec(name, entry, recipe.stream)
            except InitgenError as error:
                raise FormatError(f"{path}: its recipe: {_cut(error.message)}", _cut(error.hint)) from None
        specs[name] = alike[key].renamed(name)
    return specs


def _cut(said: str) -> str:
    """A message that quotes the recipe, whose words may be of any length."""
    return said if len(said) <= 300 else f"{said[:200]}…{said[-60:]}"


def _spec(name: str, entry: Any, stream: str) -> TensorSpec:
    # tensor_spec checks everything; only what a command line cannot say is added, and what only it can is refused.
    if ":" in entry.scheme:
        raise BadParameter(f"scheme = {quoted(entry.scheme)} must be a name without parameters")
    spec = tensor_spec(
        entry.scheme,
        tuple(entry.shape),
        params=entry.params,
        name=name,
        dtype=entry.dtype,
        seed=entry.seed,
        stream=entry.stream or stream,
        place=entry.place,
        keyed=entry.keyed,
        layout=entry.layout,
        groups=entry.groups,
        fan_in=entry.fan_in,
        fan_out=entry.fan_out,
    )
    return replace(spec, tied=entry.tied) if entry.tied else spec
