"""The shape of a spec: what the reader takes is what the JSON Schema takes, as far as types and keys go."""

import json
import re
from typing import Any

import pytest

from initgen.core.dtypes import DTYPES
from initgen.core.errors import SpecError
from initgen.schemes import SCHEMES
from initgen.specs.derive import dumps
from initgen.specs.document import document_of
from initgen.specs.json_schema import json_schema
from initgen.specs.schema import read_table

SCHEMA = json.loads(json_schema())


def _tensor(**entry):
    return {"tensors": {"w": {"shape": [2], **entry}}}


def _rule(**rule):
    return {"rules": [{"match": "*", "scheme": "zeros", **rule}]}


SOUND = [
    {},
    {"$schema": "https://example.org/spec.json"},
    {"seed": 0},
    {"seed": 2**64 - 1},
    {"dtype": "float32", "layout": "torch", "stream": "native-1", "preset": "gpt2"},
    {"include": "a.toml"},
    {"include": ["a.toml", "b.json"]},
    {"include": []},
    {"variables": {"a": 1, "b": 0.5, "c": "${a}", "d": {"count": "*"}, "e": {"size": "*", "axis": -1}}},
    {"tensors": {}},
    {"rules": []},
    _tensor(),
    _tensor(shape="2x3"),
    _tensor(shape=["${a}", 3]),
    _tensor(shape=[]),
    _tensor(scheme="zeros"),
    _tensor(scheme="random_normal:stddev=${s}"),
    _tensor(scheme={"name": "truncated_normal", "stddev": 0.02, "mean": "${m}"}),
    _tensor(scheme="zeros", tied="v"),
    _tensor(dtype="bfloat16", layout="keras", seed=7, groups=2, transposed=True, depthwise=False),
    _tensor(fan_in=3, fan_out="${a}"),
    _tensor(fan_from="weight"),
    _rule(),
    _rule(match=["*.a", "*.b"]),
    _rule(rank=2),
    _rule(rank=[2, 3]),
    _rule(tied="v"),
]
UNSOUND = [
    [],
    {"sede": 0},
    {"schema": "x"},
    {"seed": "7"},
    {"seed": True},
    {"seed": 1.5},
    {"seed": -1},
    {"dtype": 3},
    {"dtype": "float31"},
    {"layout": "tf"},
    {"stream": "pytorch"},
    {"include": 3},
    {"include": [3]},
    {"include": None},
    {"variables": {"a": True}},
    {"variables": {"a": [1]}},
    {"variables": {"a": None}},
    {"variables": {"a": {"cuont": "*"}}},
    {"variables": {"a": {"count": 3}}},
    {"variables": {"a": {"size": "*", "axis": 1.5}}},
    {"variables": []},
    {"tensors": []},
    {"tensors": None},
    {"tensors": {"w": "zeros"}},
    {"tensors": {"w": {}}},
    {"tensors": {"w": {"scheme": "zeros"}}},
    _tensor(shape=2),
    _tensor(shape=[2.0]),
    _tensor(shape=[True]),
    _tensor(shape=[None]),
    _tensor(shape=[[2]]),
    _tensor(scheme=3),
    _tensor(scheme={"name": "zeros", "x": True}),
    _tensor(scheme={"name": "zeros", "x": [1]}),
    _tensor(tied=3),
    _tensor(transposed="yes"),
    _tensor(depthwise=1),
    _tensor(groups=1.5),
    _tensor(groups=True),
    _tensor(fan_in=[1]),
    _tensor(match="*"),
    _tensor(color="red"),
    {"rules": {}},
    {"rules": ["*=zeros"]},
    {"rules": [{"scheme": "zeros"}]},
    _rule(match=3),
    _rule(match=[3]),
    _rule(rank="2"),
    _rule(rank=True),
    _rule(rank=[1.5]),
    _rule(shape=[2]),
]


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is valid by a schema, for the words of JSON Schema that `json_schema` uses and no others."""
    for word in schema:
        assert word in WORDS, f"the check knows no {word}"
    if "$ref" in schema and not _fits(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]):
        return False
    if "anyOf" in schema and not any(_fits(value, option) for option in schema["anyOf"]):
        return False
    if "type" in schema and not _is(value, schema["type"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return False
    if "minimum" in schema and isinstance(value, int | float) and value < schema["minimum"]:
        return False
    if isinstance(value, list) and "items" in schema:
        return all(_fits(item, schema["items"]) for item in value)
    if isinstance(value, dict):
        if not all(key in value for key in schema.get("required", ())):
            return False
        named, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, item in value.items():
            inner = named.get(key, others)
            if inner is False or (isinstance(inner, dict) and not _fits(item, inner)):
                return False
            # Those that are named are held against no others.
    return True


WORDS = {
    *("$ref", "$defs", "$schema", "anyOf", "type", "enum", "pattern", "minimum", "items", "required", "properties"),
    *("additionalProperties", "title", "description", "default", "examples"),
}


def _is(value: Any, kind: str) -> bool:
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    if kind in kinds:
        return isinstance(value, kinds[kind])
    # 2.0 is an integer to JSON Schema; what the reader says to it is its own affair.
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole or (kind == "number" and isinstance(value, float))


def _read(tree):
    read_table(document_of(json.dumps(tree), "s.json", kind="json"))


@pytest.mark.parametrize("tree", SOUND, ids=json.dumps)
def test_reader_and_schema_take_a_sound_spec(tree):
    _read(tree)
    assert _fits(tree, SCHEMA)


@pytest.mark.parametrize("tree", UNSOUND, ids=json.dumps)
def test_reader_and_schema_refuse_an_unsound_spec(tree):
    with pytest.raises(SpecError, match=r"^s\.json"):
        _read(tree)
    assert not _fits(tree, SCHEMA)


def test_the_schema_is_a_schema():
    """By the rules of draft 2020-12 for the words in it."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    kinds = {"object", "array", "string", "boolean", "null", "integer", "number"}

    def check(schema):
        assert set(schema) <= WORDS
        assert schema.get("type", "null") in kinds
        assert isinstance(schema.get("description", ""), str)
        for name in ("required", "enum"):
            assert len({json.dumps(item) for item in schema.get(name, [])}) == len(schema.get(name, []))
        if "pattern" in schema:
            re.compile(schema["pattern"])
        if "$ref" in schema:
            assert schema["$ref"].removeprefix("#/$defs/") in SCHEMA["$defs"]
        inner = [*schema.get("anyOf", []), *schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
        inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
        for each in inner:
            check(each)

    check(SCHEMA)


def test_the_schema_is_valid_by_its_metaschema():
    pytest.importorskip("jsonschema").Draft202012Validator.check_schema(SCHEMA)


def test_an_independent_validator_agrees():
    validator = pytest.importorskip("jsonschema").Draft202012Validator(SCHEMA)
    whole = [tree for tree in UNSOUND if tree not in (_tensor(shape=[2.0]),)]  # 2.0 is an integer there
    assert [tree for tree in SOUND if not validator.is_valid(tree)] == []
    assert [tree for tree in whole if validator.is_valid(tree)] == []


def test_editors_complete_the_names():
    text = json.dumps(SCHEMA)
    for entry in (*SCHEMES, *DTYPES):
        assert f'"{entry.name}"' in text


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_each_key_of_the_schema_is_a_key_of_the_reader(kind):
    """With a value of the wrong type each is known, and refused for its type alone."""
    for table, where in (("SpecTable", ()), ("TensorTable", ("tensors", "w")), ("RuleTable", ("rules", 0))):
        for key in SCHEMA["$defs"][table]["properties"]:
            entry = {key: [[0]]}
            tree = {"tensors": {"w": entry}} if where[:1] == ("tensors",) else {"rules": [entry]} if where else entry
            with pytest.raises(SpecError) as caught:
                read_table(document_of(dumps(tree, kind), "s", kind=kind))
            assert "is not a key" not in caught.value.message


LAYERS = [
    ({"kind": "Dense", "units": 3, "kernel_initializer": "he_uniform"}, True),
    ({"kind": "keras.LSTM", "units": "${n}", "bias_initializer": {"name": "zeros"}}, True),
    ({"kind": "Bidirectional", "layer": {"kind": "keras.GRU", "units": 3}}, True),
    ({"kind": "Linear", "in_features": 3, "out_features": 4, "bias": False}, True),
    ({"kind": "LSTM", "whatever": 1}, True),  # of which framework, the schema does not know
    ({"kind": "Dense"}, False),
    ({"kind": "Dense", "unit": 3, "units": 3}, False),
    ({"kind": "Dens", "units": 3}, False),
    ({"kind": "Linear", "in_features": 3, "out_features": [4]}, False),
    ({"units": 3}, False),
]


@pytest.mark.parametrize(("layer", "sound"), LAYERS, ids=lambda value: json.dumps(value))
def test_editors_know_the_arguments_of_layers(layer, sound):
    assert _fits({"layers": [layer]}, SCHEMA) == sound
