"""Any config and any archive is a model or an error of ours, soon. ``INITGEN_FUZZ=20000`` tries so many in place of a few."""

import io
import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initgen.core.errors import InitgenError
from initgen.specs.describe import describe
from initgen.specs.description import Description

GOLDEN = json.loads(Path(__file__).with_name("keras.json").read_text(encoding="utf-8"))
MODELS = {name: json.dumps(record["config"]) for name, record in GOLDEN["models"].items()}
INFINITE = "infinite"  # JSON has no such number, but 1e400 is read as one
VALUES = [
    *(
        None,
        True,
        -1,
        0,
        1,
        2,
        7,
        2**31,
        2**63,
        10**30,
        10**4000,
        0.5,
        INFINITE,
        "",
        " ",
        "a/b",
        "\0",
        "x" * 300,
        "é",
        "${d}",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [3, 3],
        [0, -1],
        [None, 5],
        [[None, 4, 5], [None, 4, 5]],
        {"a": {}},
        {"class_name": "Dense"},
    ),
    *({"class_name": "GlorotUniform", "config": {"seed": -1}}, ["dense", 0, 0], [["dense", 0, 0, {}]], "Sequential"),
    *("Functional", "Dense", "LSTM", "Lambda", "Bidirectional", "MultiHeadAttention", "Flatten", "Reshape", "layers"),
    *("config", "channels_first", "same", "causal", "bfloat16", "int8", "float8", "int8_from_float32", "abc,cd->abd"),
    *("...x,xy->...y", "ab...,bc->ac...", "uniform", "he_uniform", "nothing", ["a"] * 20, [1] * 40, [10**9] * 4),
]
EXAMPLES = int(os.environ.get("INITGEN_FUZZ", "200"))
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="INITGEN_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def places(value):
    """Each place in a tree, as what holds it and the key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def entries():
    """The layers that Keras wrote down, as a spec has them, in lists of three."""
    listed = [{"kind": kind, "input_shape": inputs[0], **told} for kind, told, inputs, *_ in GOLDEN["layers"]]
    torch = [{"kind": "Linear", "name": "h.{0..2}", "in_features": 4, "out_features": "${d}"}, {"kind": "nn.ReLU"}]
    lists = [listed[at : at + 3] for at in range(0, len(listed), 3)]
    more = {"variables": {"d": 4}, "kinds": {"Own": {"w": {"shape": ["${channels}"], "scheme": "ones"}}}}
    own = {"kind": "Sequential", "layers": [{"kind": "Own", "input_shape": [4]}, {"kind": "Dense", "units": "${d}"}]}
    last = {"kind": "Dense", "units": 2}
    return [json.dumps({"layers": layers, **more}) for layers in (*([*each, last] for each in lists), torch, [own])]


SPECS = entries()


def copied(value):
    return json.loads(json.dumps(value))


def without_shapes(tree):
    """A config whose layers do not say what they were built with."""
    if isinstance(tree, dict):
        return {key: without_shapes(value) for key, value in tree.items() if key != "build_config"}
    return [without_shapes(each) for each in tree] if isinstance(tree, list) else tree


@st.composite
def mutated(draw, texts):
    """One of these, with something left out, put in, doubled, or taken from another place, a few times."""
    tree = json.loads(draw(st.sampled_from(texts)))
    if draw(st.booleans()):
        tree = without_shapes(tree)
    for _ in range(draw(st.integers(1, 4))):
        found = list(places(tree))
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        way = draw(st.sampled_from(["value", "value", "drop", "other", "double", "number"]))
        if way == "value":
            holder[key] = copied(draw(st.sampled_from(VALUES)))
        elif way == "drop":
            del holder[key]
        elif way == "number":
            holder[key] = draw(st.integers(-3, 50))
        elif way == "other":
            other, at = found[draw(st.integers(0, len(found) - 1))]
            holder[key] = copied(other.get(at) if isinstance(other, dict) else other[at])
        elif isinstance(holder, list):
            holder.insert(key, copied(holder[key]))
        else:
            holder[f"{key}_{draw(st.integers(0, 2))}"] = copied(holder[key])
    return json.dumps(tree).replace(f'"{INFINITE}"', "1e400").encode()


def archive(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in members:
            made.writestr(name, data)
    return file.getvalue()


MEMBERS = [("metadata.json", "{}"), ("config.json", MODELS["seed_he_uniform"]), ("model.weights.h5", b"x" * 50)]
ARCHIVES = [archive(MEMBERS), archive(MEMBERS, zipfile.ZIP_DEFLATED)]


@st.composite
def flipped(draw):
    """The bytes of a sound archive with some of them changed, cut off or doubled."""
    data = bytearray(draw(st.sampled_from(ARCHIVES)))
    for _ in range(draw(st.integers(1, 6))):
        # The directory at the end says what the rest is, so half of the changes go there.
        last = len(data) - 1
        at = draw(st.integers(0, last) | st.integers(max(0, last - 250), last))
        way = draw(st.integers(0, 9))
        if way < 8:
            data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1, data[at] ^ 0x40]))
        elif way == 8:
            data[at:at] = data[at : at + 20]
        else:
            del data[max(at, 100) :]
    return bytes(data)


def holds(data, directory, name):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(data)
    start = time.process_time()
    said = path
    try:
        assert isinstance(describe(path), Description)
    except InitgenError as error:
        said = f"{error.message}{error.hint}"
    assert said.startswith(path)
    assert "\n" not in said
    assert len(said) < len(path) + 1500
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", MODELS)
def test_the_configs_that_are_mutated_are_sound(name, tmp_path):
    (tmp_path / "m.json").write_text(MODELS[name])
    assert len(describe(str(tmp_path / "m.json"))) == len(GOLDEN["models"][name]["stores"])


def test_a_mutated_config_is_a_model_or_an_error_of_ours(tmp_path):
    @FEW
    @given(mutated(sorted(MODELS.values())))
    def check(data):
        holds(data, tmp_path, "m.json")

    check()


def test_mutated_layers_of_a_spec_are_a_model_or_an_error_of_ours(tmp_path):
    @FEW
    @given(mutated(SPECS))
    def check(data):
        holds(data, tmp_path, "s.json")

    check()


def test_a_damaged_archive_is_a_model_or_an_error_of_ours(tmp_path):
    for data in ARCHIVES:
        (tmp_path / "m.keras").write_bytes(data)
        assert len(describe(str(tmp_path / "m.keras"))) == 4

    @FEW
    @given(flipped())
    def check(data):
        holds(data, tmp_path, "m.keras")

    check()
