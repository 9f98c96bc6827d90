"""The JSON of `probe` is what docs/probe.schema.json says, key by key; an independent validator reads both."""

import copy
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from initgen.core.errors import SpecError
from initgen.probe import result
from initgen.report.json import dumps
from initgen.report.probe.json import of_probe

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "probe.schema.json").read_text())
OBJECTS = {"": SCHEMA, **SCHEMA["$defs"]}

# The keys of version 1. Lines may grow and none may lose a word: what reads version 1 reads what comes later.
VERSION_1 = {
    "": "schema stable errors networks",
    "error": "path message hint",
    "network": "title batch seed depth parameters weights input input_cosine input_gradient layers forward backward limits"
    " overflow fixed critical candidates verdict",
    "values": "mean variance square norm largest",
    "layer": "name kind activation shape values before dead flat cosine gradient weights condition predicted",
    "predicted": "mean square variance cosine gradient chi",
    "flow": "factor total verdict",
    "limit": "dtype what problem layer depth",
    "fixed": "variance chi",
    "critical": "activation gain bias variance",
    "candidate": "scheme forward backward verdict",
}
CLASSES = {
    "network": result.NetworkSignal,
    "values": result.Values,
    "layer": result.LayerSignal,
    "predicted": result.Predicted,
    "flow": result.Flow,
    "limit": result.Limit,
    "fixed": result.FixedPoint,
    "critical": result.Critical,
    "candidate": result.Candidate,
}
ERRORS = [("a.toml", SpecError("a.toml: no layers", "add one")), ("b.toml", SpecError("b.toml: no"))]


def closed():
    """The schema with no room for keys that it does not describe."""
    schema = copy.deepcopy(SCHEMA)
    for each in (schema, *schema["$defs"].values()):
        each["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


VALIDATOR = closed()


def of(networks, errors=()):
    return json.loads(dumps(of_probe(networks, errors)))


def faults(document):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def test_every_answer_has_the_described_keys_and_no_others(networks):
    assert {name: faults(of([network])) for name, network in networks.items()} == {name: [] for name in networks}
    assert faults(of(networks.values(), ERRORS)) == []
    assert faults(of([], ERRORS)) == []


def test_every_field_is_there_under_its_own_name(networks):
    for name, kind in CLASSES.items():
        assert {field.name for field in fields(kind)} <= set(OBJECTS[name]["properties"]), name
    network = networks["lecun"]
    (found,) = of([network])["networks"]
    layer, third = found["layers"][2], network.layers[2]
    assert layer["values"] == {name: getattr(third.values, name) for name in VERSION_1["values"].split()}
    assert layer["predicted"] == {name: getattr(third.predicted, name) for name in VERSION_1["predicted"].split()}
    assert layer["weights"] == third.weights
    assert layer["shape"] == [256]
    assert found["forward"] == {"factor": 0.5, "total": 0.5**50, "verdict": "vanishing"}
    assert [limit["layer"] for limit in found["limits"]] == ["dense_27", None, None, "dense_21"]
    assert [each["verdict"] for each in found["candidates"]] == ["stable", "stable", "vanishing", "vanishing"]


def test_stable_is_of_all_networks_and_unknown_where_one_has_no_answer(networks):
    he, lecun = networks["he"], networks["lecun"]
    assert [of(some)["stable"] for some in ([he], [he, lecun], [he, he])] == [True, False, True]
    assert [of(some, ERRORS)["stable"] for some in ([he], [he, lecun], [])] == [None, False, None]
    assert of([he], ERRORS)["errors"] == [
        {"path": "a.toml", "message": "a.toml: no layers", "hint": "add one"},
        {"path": "b.toml", "message": "b.toml: no", "hint": None},
    ]


def test_what_is_infinite_is_null(networks):
    (found,) = of([networks["infinite"]])["networks"]
    assert found["layers"][-1]["values"] == dict.fromkeys(VERSION_1["values"].split())
    assert found["forward"]["total"] is None
    assert found["forward"]["factor"] is None
    assert found["backward"] is None
    assert of([networks["exploding"]])["networks"][0]["overflow"] == "dense_36"


def test_the_answers_are_of_every_kind(networks):
    """What the tests above rest on: each key that may be null is null in one and not in another, and so with lists."""
    seen = {}

    def inner(name, key):
        what = OBJECTS[name]["properties"][key]
        for each in (what, what.get("items", {}), *what.get("anyOf", ())):
            if "$ref" in each:
                return each["$ref"].removeprefix("#/$defs/")
        return None

    def walk(name, value):
        for key, item in value.items():
            seen.setdefault((name, key), set()).add("null" if item is None else "empty" if item == [] else "held")
            below = inner(name, key)
            for each in item if below and isinstance(item, list) else [item] if below and item else ():
                walk(below, each)

    walk("", of(networks.values(), ERRORS))
    walk("", of([networks["he"]], ERRORS))
    walk("", of([networks["he"]]))
    keys = {(name, key): what for name, each in OBJECTS.items() for key, what in each["properties"].items()}
    nullable = {where for where, what in keys.items() if "null" in str(what.get("type", what.get("anyOf")))}
    lists = {where for where, what in keys.items() if what.get("type") == "array"}
    # The shape of a layer is not empty in these.
    lists -= {("", "networks"), ("layer", "shape")}
    assert {where for where, kinds in seen.items() if kinds == {"null", "held"}} == nullable
    assert {where for where, kinds in seen.items() if kinds == {"empty", "held"}} == lists


def spots(document, where=()):
    """Every key of every object, as a path."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        if isinstance(document, dict):
            yield (*where, key)
        if isinstance(value, dict | list):
            yield from spots(value, (*where, key))


def test_the_schema_refuses_what_lacks_a_key_or_has_it_in_another_type(networks):
    network = networks["tanh"]
    whole = replace(
        network,
        layers=(replace(network.layers[0], condition=2.0),),
        limits=networks["lecun"].limits[:1],
        candidates=networks["lecun"].candidates[:1],
    )
    document = of([whole], ERRORS[:1])
    assert faults(document) == []
    places = list(spots(document))
    keys = {key for keys in VERSION_1.values() for key in keys.split()}
    assert {place[-1] for place in places} == keys | {"kernel", "bias"}
    for place in places:
        for change in (lambda holder, key: holder.pop(key), lambda holder, key: holder.update({key: ["x"]})):
            damaged = copy.deepcopy(document)
            holder = damaged
            for key in place[:-1]:
                holder = holder[key]
            change(holder, place[-1])
            # Which weights there are is the layer's business.
            assert faults(damaged) or ("weights" in place[:-1] and place[-1] not in holder), place


def test_the_schema_is_sound_and_says_what_each_key_is():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, each in OBJECTS.items():
        assert each["description"].endswith("."), name
        assert each["required"] == list(each["properties"]), name
        assert "additionalProperties" not in each  # keys may be added
        for key, what in each["properties"].items():
            assert what["description"].endswith("."), key


def test_version_1_keeps_its_keys():
    assert SCHEMA["properties"]["schema"]["const"] == "initgen.probe/1"
    for name, keys in VERSION_1.items():
        assert set(keys.split()) <= set(OBJECTS[name]["properties"]), name
