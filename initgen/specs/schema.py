"""The words of a spec file: what each table may hold. ``initgen spec --schema`` prints this as a JSON Schema."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from initgen.core.dtypes import DTYPES
from initgen.core.errors import SpecError, UnknownName, quoted
from initgen.core.shapes import LAYOUTS
from initgen.schemes import SCHEMES
from initgen.specs.document import Document
from initgen.specs.places import Where
from initgen.streams.dialects import NATIVE, STREAMS, VERSIONS, version

_NAMES = [scheme.name for scheme in SCHEMES]

# Names are checked by the registries, whose errors know the nearest one; editors complete them from here.
SchemeText = Annotated[
    str,
    Meta(
        description="A scheme, with parameters after a colon: truncated_normal:stddev=0.02. See initgen schemes.",
        extra_json_schema={"anyOf": [{"enum": _NAMES}, {"pattern": "^[A-Za-z_0-9]+(:.+)?$"}]},
    ),
]
SchemeTable = Annotated[
    dict[str, str | int | float],
    Meta(
        description='A scheme and its parameters: {name = "truncated_normal", stddev = 0.02}.',
        extra_json_schema={"properties": {"name": {"enum": _NAMES}}, "required": ["name"]},
    ),
]
DtypeName = Annotated[
    str, Meta(description="The dtype to store.", extra_json_schema={"enum": [dtype.name for dtype in DTYPES]})
]
LayoutName = Annotated[
    str,
    Meta(
        description="Order of the axes: keras (…, in, out) or torch (out, in, …).",
        extra_json_schema={"enum": list(LAYOUTS)},
    ),
]
Seed = Annotated[int, Meta(description="From 0 to 2^64 - 1; of other streams, what the framework takes.")]
StreamName = Annotated[
    str,
    Meta(
        description="The random numbers: native, or a framework's own. See initgen schemes --stream.",
        extra_json_schema={"enum": sorted({*STREAMS, *VERSIONS})},
    ),
]
Size = Annotated[
    int | str,
    Meta(
        description="A whole number, or an expression: ${4 * d_model}; axis_0, axis_1 are the tensor's own sizes in fans."
    ),
]


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a tensor and a rule may both say."""

    scheme: SchemeText | SchemeTable | None = None
    tied: (
        Annotated[str, Meta(description="The tensor that this one equals; with a scheme, it need not be there.")] | None
    ) = None
    dtype: DtypeName | None = None
    layout: LayoutName | None = None
    seed: Annotated[int, Meta(description="A seed of its own: the values then do not depend on the name.")] | None = (
        None
    )
    place: (
        Annotated[
            list[int],
            Meta(description="Where in a framework's stream it begins, as initgen spec writes it; needs a seed."),
        ]
        | None
    ) = None
    fan_in: Size | None = None
    fan_out: Size | None = None
    fan_from: (
        Annotated[str, Meta(description="The last part of the name of the tensor whose fan_in this one takes: weight.")]
        | None
    ) = None
    groups: Size | None = None
    transposed: Annotated[bool, Meta(description="The kernel of a transposed convolution: true fans.")] | None = None
    depthwise: Annotated[bool, Meta(description="A depthwise kernel: true fans.")] | None = None


class TensorTable(Options, kw_only=True):
    """A tensor."""

    shape: Annotated[
        str | list[int | str],
        Meta(description='[100, 64], "100x64", or with variables: ["${d_model}", "${4 * d_model}"].'),
    ]
    keras_path: Annotated[str, Meta(description="Its path in a .weights.h5, where Keras looks for it.")] = ""
    when: (
        Annotated[bool | int | str, Meta(description="The tensor is there only if this is not 0: ${1 - tied}.")] | None
    ) = None


class RuleTable(Options, kw_only=True):
    """The tensors it is for, and the scheme they get."""

    match: Annotated[
        str | list[str], Meta(description="Shell patterns of whole names: *.bias. The first rule that fits is taken.")
    ]
    rank: Annotated[int | list[int], Meta(description="Only for tensors of so many axes.")] | None = None
    when: Annotated[bool | int | str, Meta(description="The rule is there only if this is not 0: ${bias}.")] | None = (
        None
    )


class Taken(Struct, forbid_unknown_fields=True):
    """A variable that is taken from the tensors: how many have such a name, or a size out of their shape."""

    count: Annotated[str, Meta(description="A pattern: how many tensors have such a name.")] | None = None
    size: (
        Annotated[str, Meta(description="A pattern: the size of the tensors with such a name, along axis.")] | None
    ) = None
    axis: int = 0


class SpecTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """A spec file."""

    schema: Annotated[str, Meta(description="For editors.")] | None = msgspec.field(name="$schema", default=None)
    include: Annotated[str | list[str], Meta(description="Spec files to take in, by paths relative to this one.")] = []
    seed: Seed | None = None
    dtype: DtypeName | None = None
    layout: LayoutName | None = None
    stream: StreamName | None = None
    preset: Annotated[str, Meta(description="Rules that come with initgen, after those of this file.")] | None = None
    variables: Annotated[
        dict[str, int | float | str | Taken],
        Meta(description="Names for numbers, used as ${name}; 512 or ${4 * d_model}."),
    ] = {}
    tensors: Annotated[
        dict[str, TensorTable], Meta(description="By name; layers.{0..31}.{q,k,v} is a tensor for each.")
    ] = {}
    layers: Annotated[
        list[dict[str, Any]],
        Meta(description="Layers of Keras or PyTorch, one after another, with the framework's own arguments."),
    ] = []
    kinds: Annotated[
        dict[str, dict[str, TensorTable]],
        Meta(
            description="Layer classes of your own: their weights in order; sizes may be ${channels}, ${input_0}, ${units}."
        ),
    ] = {}
    empty_groups: Annotated[
        list[str],
        Meta(description="Groups of an HDF5 file that hold nothing; Keras wants them of layers without weights."),
    ] = []
    rules: Annotated[list[RuleTable], Meta(description="For tensors without a scheme of their own, in order.")] = []


def read_table(document: Document) -> SpecTable:
    """A document as a spec file.

    Raises:
        SpecError: it is not one; the message names the field.
    """
    try:
        table = msgspec.convert(document.tree, SpecTable)
    except msgspec.ValidationError as error:
        whole = error
    else:
        _check_values(document, table)
        return table
    # msgspec's path leaves out the keys of tables, so what holds them is gone through one by one.
    tree = document.tree
    parts: list[tuple[Where, Any, Any]] = []
    for field, kind in (("tensors", TensorTable), ("variables", int | float | str | Taken)):
        if isinstance(tree.get(field), dict):
            parts += [((field, key), value, kind) for key, value in tree[field].items()]
    for key, weights in tree["kinds"].items() if isinstance(tree.get("kinds"), dict) else ():
        if isinstance(weights, dict):
            parts += [(("kinds", key, name), value, TensorTable) for name, value in weights.items()]
    for where, value, kind in parts:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise located(document, where, str(error), kind) from None
    raise located(document, (), str(whole), SpecTable)


def _check_values(document: Document, table: SpecTable) -> None:
    """What a type cannot say of the values that hold for the whole file."""
    native = table.stream in (None, "native", NATIVE)
    if native and table.seed is not None and not 0 <= table.seed < 2**64:
        raise document.error(("seed",), f"is {quoted(table.seed)}, and must be a whole number from 0 to 2^64 - 1")
    try:
        _ = table.stream is None or version(table.stream)
    except UnknownName as error:
        raise document.blame(("stream",), error) from None
    if table.layout is not None and table.layout not in LAYOUTS:
        raise document.error(("layout",), f"is {quoted(table.layout)}, and must be {' or '.join(LAYOUTS)}")
    if table.dtype is not None:
        try:
            _ = DTYPES[table.dtype]
        except UnknownName as error:
            raise document.blame(("dtype",), error) from None
    for index, rule in enumerate(table.rules):
        if rule.scheme is None and rule.tied is None:
            raise document.error(("rules", index), "has neither scheme nor tied")


def located(document: Document, where: Where, message: str, kind: Any) -> SpecError:
    """msgspec's error as one of ours: the path that stands at its end put in front."""
    if kind is SpecTable and " - at `$.rules[" in message:
        kind = RuleTable
    message, _, path = message.partition(" - at `")
    steps: list[str | int] = [
        int(index) if index else key for key, index in re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", path)
    ]
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL)
    if unknown:
        from initgen.core.registry import nearest

        kind = kind if isinstance(kind, type) else Taken
        fields = [field.encode_name for field in msgspec.structs.fields(kind)]
        owner = "a spec" if kind.__module__ == __name__ else kind.__name__
        return document.error((*where, *steps, unknown[1]), f"is not a key of {owner}", nearest(unknown[1], fields))
    return document.error((*where, *steps), plain(message))


def plain(message: str) -> str:
    """What msgspec says of a value, in the words of specs."""
    message = re.sub(r"^Object missing required field `(.*)`$", r"has no \1", message)
    said = re.sub(r"^Expected `(.*)`, got `(.*)`$", lambda m: f"must be {_words(m[1])}, not {_words(m[2])}", message)
    return said[:1].lower() + said[1:]


def _words(types: str) -> str:
    words = {
        "int": "a whole number",
        "str": "text",
        "float": "a number",
        "bool": "true or false",
        "array": "a list",
        "object": "a table",
        "null": "nothing",
    }
    named = [words.get(kind, kind) for kind in types.split(" | ")]
    return " or ".join(name for name in named if name != "nothing" or len(named) == 1)
