"""The JSON of `stats` is what docs/stats.schema.json says, key by key; an independent validator reads both."""

import copy
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import initgen
from initgen.checks.diff import diff
from initgen.checks.finding import Finding
from initgen.checks.stats import stats
from initgen.checks.verify import verify
from initgen.core.dtypes import FLOATS
from initgen.core.errors import FormatError
from initgen.report.json import dumps, of_diff, of_stats, of_verified
from initgen.schemes import SCHEMES

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "stats.schema.json").read_text())
OBJECTS = {"": SCHEMA, **SCHEMA["$defs"]}

# The keys of version 1. Lines may grow and none may lose a word: what reads version 1 reads what comes later.
VERSION_1 = {
    "": "schema passed errors files",
    "error": "path message hint",
    "file": "path passed checked false_alarm findings missing warnings tensors",
    "tensor": "name shape dtype count min max mean std zeros nan inf distinct_share expected law passed drawn problem"
    " looks_like findings tests",
    "test": "name measured expected p_at_most passed",
    "finding": "kind severity tensors message",
}


def closed():
    """The schema with no room for keys that it does not describe."""
    schema = copy.deepcopy(SCHEMA)
    for each in (schema, *schema["$defs"].values()):
        each["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


VALIDATOR = closed()
SHAPES = {
    "chrono": (400,),
    "delta_orthogonal": (3, 3, 8, 16),
    "dirac": (3, 3, 8, 16),
    "icnr": (3, 3, 8, 16),
    "unit_forget_bias": (400,),
}


def made(path, scheme="he_uniform", shape=(60, 50), **options):
    extra = {"fan_in": 50} if SCHEMES[scheme.partition(":")[0]].fans == "given" else {}
    initgen.write(initgen.tensor(scheme, shape, **extra, **options), path, fsync=False)
    return path


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Answers of every kind, by name."""
    place = tmp_path_factory.mktemp("files")
    right = initgen.sample("he_uniform", (100, 64))
    arrays = {
        "nothing to hold against": right,
        "integers": np.arange(6).reshape(2, 3),
        "booleans": np.array([True, False]),
        "complex": np.zeros(3, "c8"),
        "empty": np.zeros((0, 3)),
        "scalar": np.array(1.5),
        "constant": np.ones(20),
        "only NaN": np.full(3, np.nan),
        "infinite": np.array([1, np.inf, -np.inf]),
        "huge": np.array([1e308, -1e308]),
        "big endian": right.astype(">f4"),
    }
    found = {}
    for name, array in arrays.items():
        np.save(place / "w.npy", array)
        found[name] = stats(str(place / "w.npy"))
    np.save(place / "w.npy", arrays["huge"])
    found["wrong and huge"] = initgen.stats(place / "w.npy", "he_uniform", fan_in=3)
    for scheme in SCHEMES:
        path = made(place / f"{scheme.name}.safetensors", scheme.example, SHAPES.get(scheme.name, (60, 50)))
        found[scheme.name] = initgen.stats(path)
    for dtype in FLOATS:
        found[dtype.name] = initgen.stats(made(place / f"{dtype.name}.safetensors", dtype=dtype.name))
    np.save(place / "w.npy", right)
    found["wrong"] = initgen.stats(place / "w.npy", "lecun_uniform")
    np.save(place / "w.npy", np.where(right > 0.2, np.nan, right))
    found["wrong and NaN"] = initgen.stats(place / "w.npy", "he_uniform")
    np.save(place / "w.npy", right)
    with (place / "w.npy").open("ab") as file:
        file.write(b"xyz")
    found["warned of"] = initgen.stats(place / "w.npy")
    tensors = {"a": right[:50], "b": right[50:], "c": right[:50].copy(), "é\n\0": right[:1]}
    safetensors.numpy.save_file(tensors, place / "equal.safetensors")
    found["equal tensors"] = initgen.stats(place / "equal.safetensors")
    recipe = safetensors.safe_open(made(place / "r.safetensors"), "numpy").metadata()
    safetensors.numpy.save_file({"other": right}, place / "missing.safetensors", recipe)
    found["missing"] = initgen.stats(place / "missing.safetensors")
    safetensors.numpy.save_file({"weight": right}, place / "misfit.safetensors", recipe)
    found["not of its shape"] = initgen.stats(place / "misfit.safetensors")
    stream = io.BytesIO()
    np.save(stream, right)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stream.getvalue())))
        found["standard input"] = stats("-")
    past = np.random.Generator(np.random.PCG64(7)).uniform(-1, 1, (100, 2000)) * (6 / 100) ** 0.5
    np.save(place / "w.npy", past.astype(np.float16))
    found["rounded past the bound"] = initgen.stats(place / "w.npy", "he_uniform")
    (tensor,) = found["wrong"].tensors
    remark = Finding("low precision", ("array",), "carries only float16", "remark")
    found["remarks"] = replace(found["wrong"], tensors=(replace(tensor, findings=(remark,)),), findings=(remark,))
    return found


def of(answer, *more, errors=()):
    return json.loads(dumps(of_stats([answer, *more], errors)))


def faults(document):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def test_every_answer_has_the_described_keys_and_no_others(answers):
    assert len(answers) > 60
    assert {name: faults(of(answer)) for name, answer in answers.items()} == {name: [] for name in answers}


def test_the_answers_are_of_every_kind(answers):
    """What the test above rests on: each key that may be null is null in one and not in another, and so with lists."""
    seen = {}

    def walk(name, value):
        for key, item in value.items():
            kind = "null" if item is None else "empty" if item == [] else "held"
            seen.setdefault((name, key), set()).add(kind)
            inner = OBJECTS[name]["properties"][key].get("items", {}).get("$ref", "").removeprefix("#/$defs/")
            for each in item if inner else ():
                walk(inner, each)

    walk("", of(*answers.values()))
    walk("", of(answers["he_uniform"], errors=[("a.npy", FormatError("x", "y")), ("b.npy", FormatError("x"))]))
    keys = {(name, key): what for name, each in OBJECTS.items() for key, what in each["properties"].items()}
    nullable = {where for where, what in keys.items() if "null" in what.get("type", "")}
    lists = {where for where, what in keys.items() if what.get("type") == "array"}
    # No expectation of today is infinite, no file of these is empty, and findings are about tensors.
    nullable -= {("test", "expected")}
    lists -= {("", "files"), ("file", "tensors"), ("finding", "tensors")}
    assert {where for where, kinds in seen.items() if kinds == {"null", "held"}} == nullable
    assert {where for where, kinds in seen.items() if kinds == {"empty", "held"}} == lists


def test_a_file_without_an_answer_stands_beside_the_others(answers):
    document = of(answers["he_uniform"], errors=[("none.npy", FormatError("none.npy: there is no such file", "look"))])
    assert faults(document) == []
    assert document["passed"] is None
    assert document["errors"] == [{"path": "none.npy", "message": "none.npy: there is no such file", "hint": "look"}]
    assert of(answers["wrong"], errors=[("none.npy", FormatError("none"))])["passed"] is False


def spots(document, where=()):
    """Every key of every object, as a path."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        if isinstance(document, dict):
            yield (*where, key)
        if isinstance(value, dict | list):
            yield from spots(value, (*where, key))


def test_the_schema_refuses_what_lacks_a_key_or_has_it_in_another_type(answers):
    document = of(answers["remarks"], answers["missing"], answers["warned of"], errors=[("a", FormatError("b", "c"))])
    assert faults(document) == []
    places = list(spots(document))
    assert {place[-1] for place in places} == {key for keys in VERSION_1.values() for key in keys.split()}
    for place in places:
        for change in (lambda holder, key: holder.pop(key), lambda holder, key: holder.update({key: {"x": 1}})):
            damaged = copy.deepcopy(document)
            holder = damaged
            for key in place[:-1]:
                holder = holder[key]
            change(holder, place[-1])
            assert faults(damaged), place


def test_the_schema_is_sound_and_says_what_each_key_is():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, each in OBJECTS.items():
        assert each["description"].endswith("."), name
        assert each["required"] == list(each["properties"]), name
        assert "additionalProperties" not in each  # keys may be added
        for key, what in each["properties"].items():
            assert what["description"].endswith("."), key


def test_version_1_keeps_its_keys():
    assert SCHEMA["properties"]["schema"]["const"] == "initgen.stats/1"
    for name, keys in VERSION_1.items():
        assert set(keys.split()) <= set(OBJECTS[name]["properties"]), name


def test_verify_and_diff_name_their_shape_too(tmp_path):
    path = str(made(tmp_path / "w.safetensors"))
    assert of_verified([verify(path)], complete=True)["schema"] == "initgen.verify/1"
    assert of_diff(diff(path, path))["schema"] == "initgen.diff/1"
