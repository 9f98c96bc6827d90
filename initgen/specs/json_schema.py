"""The JSON Schema of specs, for editors: their keys, and every kind of layer with its arguments."""

import json
from typing import Any

import msgspec
from msgspec import inspect

from initgen.specs.layers import keras, torch
from initgen.specs.layers.keras.layer import Held
from initgen.specs.layers.layer import Initializer, Layer
from initgen.specs.schema import SchemeTable, SchemeText, SpecTable
from initgen.streams.dialects import NATIVE, STREAMS, VERSIONS

Schema = dict[str, Any]

_FRAMEWORKS: dict[str, dict[str, type[Layer]]] = {"keras": {**keras.KINDS}, "torch": {**torch.KINDS}}
_MARK = "the kinds"
# Any number may be an expression.
_PLAIN: dict[type, Schema] = {
    inspect.IntType: {"$ref": "#/$defs/Whole"},
    inspect.FloatType: {"$ref": "#/$defs/Number"},
    inspect.BoolType: {"type": "boolean"},
    inspect.StrType: {"type": "string"},
    inspect.NoneType: {"type": "null"},
    inspect.AnyType: {},
}


def json_schema() -> str:
    """The schema as text."""
    schema = msgspec.json.schema(SpecTable)
    defs = schema["$defs"]
    defs["Whole"] = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    defs["Number"] = {"anyOf": [{"type": "number"}, {"type": "string"}]}
    defs["Scheme"] = msgspec.json.schema(SchemeText | SchemeTable)
    both = set.intersection(*map(set, _FRAMEWORKS.values()))
    # What both frameworks have is meant by its neighbours or by the layout, so that its arguments are not known here.
    open_kinds = sorted({*both, "Input", "Sequential"})
    branches: list[Schema] = [{"properties": {"kind": {"enum": open_kinds}}}]
    for framework, kinds in _FRAMEWORKS.items():
        for name, kind in kinds.items():
            names = [f"{framework}.{name}"] if name in both else [name, f"{framework}.{name}"]
            properties = {"kind": {"enum": names}, **_properties(kind)}
            closed = {"additionalProperties": False} if kind.__struct_config__.forbid_unknown_fields else {}
            branches.append({"properties": properties, "required": ["kind", *_required(kind)], **closed})
    defs["Layer"] = {"type": "object", "required": ["kind"], "anyOf": [_MARK]}
    # The native stream takes seeds from 0 on, and it is the one where none is named.
    foreign: Schema = {"properties": {"stream": {"enum": sorted({*STREAMS, *VERSIONS} - {"native", NATIVE})}}}
    defs["SpecTable"]["anyOf"] = [{"properties": {"seed": {"minimum": 0}}}, {**foreign, "required": ["stream"]}]
    layers = defs["SpecTable"]["properties"]["layers"]
    layers["items"] = {"$ref": "#/$defs/Layer"}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A spec of initgen"}
    # A line for each kind, or the file would be mostly brackets.
    lines = (json.dumps(branch, ensure_ascii=False) for branch in branches)
    return json.dumps(head | schema, indent=2, ensure_ascii=False).replace(f'"{_MARK}"', ",\n        ".join(lines))


def _properties(kind: type[Layer]) -> Schema:
    return {field.encode_name: _of(_given(field.type)) for field in _fields(kind)}


def _required(kind: type[Layer]) -> list[str]:
    return [field.encode_name for field in _fields(kind) if field.required]


def _fields(kind: type[Layer]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _given(kind: inspect.Type) -> inspect.Type:
    """The type of an argument that is given; one that may be nothing is left out instead."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    types = tuple(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return types[0] if len(types) == 1 else inspect.UnionType(types)


def _of(kind: inspect.Type) -> Schema:
    if isinstance(kind, inspect.UnionType):
        return {"anyOf": [_of(each) for each in kind.types]}
    if isinstance(kind, inspect.LiteralType):
        return {"enum": list(kind.values)}
    if isinstance(kind, inspect.CollectionType):
        return {"type": "array", "items": _of(kind.item_type)}
    if isinstance(kind, inspect.CustomType):
        if kind.cls is Initializer:
            return {"$ref": "#/$defs/Scheme"}
        assert kind.cls is Held
        return {"$ref": "#/$defs/Layer"}
    if isinstance(kind, inspect.Metadata):
        return _of(kind.type)
    return _PLAIN.get(type(kind), {})
