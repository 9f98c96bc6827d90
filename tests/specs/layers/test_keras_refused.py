"""A model that cannot be made is refused in one line that names the file, the place and the layer, before any file is."""

import json

import pytest

from initgen import verify, write
from initgen.specs.describe import describe


def layer(kind, **config):
    return {"class_name": kind, "config": config}


def sequential(*layers, shape=(8,)):
    return layer("Sequential", name="s", layers=[layer("InputLayer", batch_shape=[None, *shape]), *layers])


def dense(**config):
    return layer("Dense", **{"name": "d", "units": 4, **config})


def nested(times):
    model = dense()
    for _ in range(times):
        model = sequential(model)
    return model


def graph(*layers):
    return layer("Functional", layers=[{**each, "name": each["config"]["name"]} for each in layers])


def called(each, *sources):
    return {**each, "inbound_nodes": [[[name, 0, 0, {}] for name in sources]]}


STEPS, FLAT = (9, 8), (8,)
UNITS = {"units": 4}
CONV = {"filters": 4, "kernel_size": 3}
HEADS = {"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 3}
INT8 = layer("QuantizedDTypePolicy", name="int8_from_float32")
UNKNOWN = "is of a class that initgen does not know"
NO_SHAPE = "the shape of its input is not known"
# A layer, the shape of its input, and what is said of it.
LAYERS = [
    ("Dens", {}, FLAT, UNKNOWN),
    ("Bidirectional", {"layer": layer("Foo")}, STEPS, UNKNOWN),
    ("Dense", {}, FLAT, "has no units"),
    ("Dense", {"units": "4"}, FLAT, "units: must be a whole number, not text"),
    ("Dense", {"units": 4.0}, FLAT, "units: must be a whole number, not a number"),
    ("Dense", {"units": True}, FLAT, "units: must be a whole number, not true or false"),
    ("Dense", {"units": -4}, FLAT, "units = -4 must be a whole number from 1"),
    ("Dense", {"units": 0}, FLAT, "units = 0 must be a whole number from 1"),
    ("Dense", {"units": 10**30}, FLAT, f"units = {10**30} is larger than 2^63 - 1"),
    ("Dense", {"units": 10**4000}, FLAT, f"units = 1{'0' * 39}…{'0' * 10} is larger than 2^63 - 1"),
    ("Conv1D", CONV, (2, 3), "kernel_size = 3 is larger than its input"),
    ("Conv1D", {**CONV, "kernel_size": [3, 3]}, STEPS, "kernel_size = [3, 3] must be 1 whole number from 1"),
    ("Conv1D", {**CONV, "kernel_size": [10**30]}, STEPS, f"kernel_size = [{10**30}] is larger than 2^63 - 1"),
    ("Conv2D", CONV, STEPS, "its input has 2 axes beside the batch, and it takes 3"),
    ("Conv1D", {**CONV, "groups": 3}, STEPS, "groups = 3 does not divide the 8 input channels"),
    ("GroupNormalization", {"groups": 3}, FLAT, "groups = 3 does not divide the 8 channels of its input"),
    ("GroupQueryAttention", HEADS, STEPS, "num_key_value_heads = 3 does not divide the 4 of the query"),
    ("Dense", {**UNITS, "lora_rank": 4}, FLAT, "lora_rank = 4 is not supported"),
    ("Dense", {**UNITS, "quantization_config": {"a": 1}}, FLAT, "quantization_config = {'a': 1} is not supported"),
    ("Dense", {**UNITS, "dtype": INT8}, FLAT, "dtype = 'int8_from_float32' is not supported"),
    ("BatchNormalization", {"renorm": True}, FLAT, "renorm = True is not supported"),
    ("BatchNormalization", {"axis": 0}, FLAT, "axis = 0 is the batch"),
    ("BatchNormalization", {"axis": 9}, FLAT, "its input (None, 8) has no axis 9"),
    ("Dense", UNITS, (None,), "axis -1 of its input (None, None) has no size"),
    ("Conv1D", {**CONV, "data_format": "channels_first"}, (None, 8), "axis 1 of its input (None, None, 8) has no size"),
    ("Dense", UNITS, (), "its input (None) has no axis -1"),
    ("Dense", UNITS, (-3,), "its input (None, -3) has an axis that is not from 0 to 2^63 - 1"),
    ("Dense", UNITS, (2**63,), f"its input (None, {2**63}) has an axis that is not from 0 to 2^63 - 1"),
    ("LSTM", UNITS, FLAT, "its input (None, 8) is not of steps and features"),
    ("LSTM", {**UNITS, "bias_initializer": "ones"}, STEPS, "bias_initializer = Ones would hold for all gates but one"),
    ("RNN", {"cell": 5}, STEPS, "5 is not a layer as Keras writes it"),
    ("EinsumDense", {"equation": "ab", "output_shape": 3}, FLAT, "equation = 'ab' is not one that EinsumDense takes"),
]
# A model, and what is said of it at config.layers.
MODELS = {
    "a registered class": (sequential({**dense(), "registered_name": "mine>Dense"}), f"[1]: d (Dense): {UNKNOWN}"),
    "a dtype": (sequential(dense(dtype="float99")), "[1]: d/kernel: unknown dtype 'float99'"),
    "elements": (sequential(dense(units=2**62)), f"[1]: d/kernel: shape = 8x{2**62} has more than 2^63 elements"),
    "no config": (sequential({"class_name": "Dense"}), "[1]: Dense: has no config"),
    "a number": (sequential(5), "[1]: layer: is not a layer as Keras writes it"),
    "nothing": (sequential(None), "[1]: layer: is not a layer as Keras writes it"),
    "a numbered class": (sequential({"class_name": 5, "config": {}}), "[1]: layer: is not a layer as Keras writes it"),
    "a numbered name": (sequential(dense(name=5)), "[1]: Dense: name: must be text, not a whole number"),
    "long": (sequential(layer("x" * 10**5, name="d")), f"[1]: d ({'x' * 40}…{'x' * 10}): {UNKNOWN}"),
    "lines": (
        sequential(dense(name="a\nerror: b\x1b[2J", units=0)),
        "[1]: a error: b\\x1b[2J (Dense): units = 0 must be a whole number from 1",
    ),
    "too deep": (nested(30), "[1]: nests too deep, or contains itself"),
    "two of a name": (sequential(dense(), dense()), "[2]: d (Dense): another layer has its name"),
    "after a lambda": (sequential(layer("Lambda", name="l", function="x"), dense()), f"[2]: d (Dense): {NO_SHAPE}"),
    "no input": (layer("Sequential", layers=[dense()]), f"[0]: d (Dense): {NO_SHAPE}"),
    "itself": (graph(called(dense(), "d")), f"[0]: d (Dense): {NO_SHAPE}"),
    "a circle": (graph(called(dense(), "e"), called(dense(name="e"), "d")), f"[0]: d (Dense): {NO_SHAPE}"),
    "a stranger": (graph(called(dense(), "zz")), f"[0]: d (Dense): {NO_SHAPE}"),
    "no sources": (graph(called(layer("Add", name="a")), called(dense(), "a")), f"[1]: d (Dense): {NO_SHAPE}"),
    "no list": (layer("Sequential", layers={}), ": Sequential: has no list of layers"),
    "no table": (layer("Sequential"), ": Sequential: has no list of layers"),
    "inside": (
        sequential(dense(), sequential(dense(name="e", units=0))),
        "[2].config.layers[1]: e (Dense): units = 0 must be a whole number from 1",
    ),
}
# What is said of the whole.
WHOLE = [
    (dense(), f"d (Dense): {NO_SHAPE}"),
    (
        layer("MyModel", x=1),
        "MyModel: is neither Sequential nor Functional: the config of a subclassed model does not say its layers",
    ),
    (layer("Sequential", layers=[]), "there are no tensors"),
    (sequential(), "there are no tensors"),
]


@pytest.mark.parametrize(("kind", "config", "shape", "said"), LAYERS, ids=[said[:60] for *_, said in LAYERS])
def test_what_is_wrong_is_said_of_the_layer(kind, config, shape, said, put, refused):
    put("m.json", json.dumps(sequential(layer(kind, name="it", **config), shape=shape)))
    assert refused("m.json", output="m.weights.h5")[0] == f"m.json, line 1: config.layers[1]: it ({kind}): {said}"


@pytest.mark.parametrize("name", MODELS)
def test_what_is_wrong_is_said_where_it_stands(name, put, refused):
    model, said = MODELS[name]
    put("m.json", json.dumps(model))
    assert refused("m.json", output="m.weights.h5")[0] == f"m.json, line 1: config.layers{said}"


@pytest.mark.parametrize(("model", "said"), WHOLE, ids=[said[:60] for _, said in WHOLE])
def test_what_is_wrong_with_the_whole_is_said_of_the_file(model, said, put, refused):
    put("m.json", json.dumps(model))
    assert refused("m.json", output="m.weights.h5")[0] == f"m.json: {said}"


def test_a_file_that_no_disk_holds_is_refused_by_its_size(put, refused):
    message, _ = refused(put("m.json", json.dumps(sequential(dense(units=10**15)))), output="m.weights.h5")
    assert message.startswith("m.weights.h5: ")
    assert "36" in message  # (8 + 1)·10^15 values of 4 bytes are 36 PB


def test_an_unknown_class_says_how_to_give_it_by_hand(put, refused):
    put("m.json", json.dumps(sequential(layer("Foo", name="d"))))
    assert refused("m.json")[1] == "a spec with include and [kinds.Foo] says what weights it has"
    put("m.json", json.dumps(sequential(layer("Dens", name="d"))))
    assert refused("m.json")[1].startswith("did you mean Dense? ")


@pytest.mark.parametrize("name", ["a/b", "/", "..", "a\0b", "", "a b", "x" * 10**4, "é\u202e", "{0..3}"], ids=repr)
@pytest.mark.parametrize("suffix", ["weights.h5", "safetensors"])
def test_a_name_is_only_a_name(name, suffix, put, tmp_path):
    """Names of layers decide no path: neither that of a file, nor that in a .weights.h5."""
    found = describe(put("in/m.json", json.dumps(sequential(dense(name=name)))))
    assert [spec.name for spec in found] == [f"{name or 'dense'}/kernel", f"{name or 'dense'}/bias"]
    assert [spec.keras_path for spec in found] == ["layers/dense/vars/0", "layers/dense/vars/1"]
    write(found, f"m.{suffix}")
    assert verify(f"m.{suffix}").passed
    assert {path.name for path in tmp_path.iterdir()} == {"in", f"m.{suffix}"}
