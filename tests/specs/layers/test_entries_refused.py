"""``layers`` that cannot be read are refused in one line that names the file, the place and what stands there."""

import json

import pytest

DENSE = {"kind": "Dense", "units": 4, "input_shape": [6]}
LINEAR = {"kind": "Linear", "in_features": 6, "out_features": 4}
LSTM = {"kind": "LSTM", "units": 4}
OWN = {"kind": "Own", "input_shape": [6]}
NEAR_LINEAR = "the layers before it are PyTorch's"
# The list, and what is said from layers on.
REFUSED = {
    "no table": ([5], "[0]: must be a table, not a whole number"),
    "no list": (5, ": must be a list, not a whole number"),
    "no kind": ([{"units": 4}], "[0]: has no kind"),
    "a numbered kind": ([{"kind": 4}], "[0]: has no kind"),
    "an unknown kind": ([DENSE, {"kind": "Dens"}], "[1].kind: 'Dens': is not a kind of layer"),
    "an unknown kind inside": (
        [{"kind": "Sequential", "layers": [DENSE, {"kind": "Dens"}]}],
        "[0].layers[1].kind: 'Dens': is not a kind of layer",
    ),
    "two frameworks": ([LINEAR, DENSE], f"[1]: Dense: is Keras', and {NEAR_LINEAR}"),
    "two prefixes": (
        [{**LSTM, "kind": "keras.LSTM"}, {"kind": "torch.nn.LSTM"}],
        "[1]: torch.nn.LSTM: is PyTorch's, and the layers before it are Keras'",
    ),
    "two frameworks inside": (
        [{"kind": "Sequential", "layers": [LINEAR]}, DENSE],
        f"[1]: Dense: is Keras', and {NEAR_LINEAR}",
    ),
    "a kind of the other": (
        [{"kind": "torch.nn.Dense", "units": 3}],
        "[0].kind: 'torch.nn.Dense': is not a kind of layer",
    ),
    "a strange argument": ([{**DENSE, "unit": 4}], "[0].unit: is not a key of Dense"),
    "another's argument": (
        [{**LINEAR, "kernel_initializer": "zeros"}],
        "[0].kernel_initializer: is not a key of Linear",
    ),
    "a missing argument": ([{"kind": "Dense"}], "[0]: has no units"),
    "text": ([{**DENSE, "units": "4"}], "[0].units: must be a whole number, not text"),
    "a shape of text": ([{**DENSE, "input_shape": ["6"]}], "[0].input_shape[0]: must be a whole number, not text"),
    "a numbered name": ([{**DENSE, "name": 4}], "[0].name: must be text, not a whole number"),
    "a numbered name of a list": (
        [{"kind": "Sequential", "name": 4, "layers": []}],
        "[0].name: Sequential: 4 is not text",
    ),
    "a numbered name of one's own": ([{**OWN, "name": 4}], "[0].name: must be text, not a whole number"),
    "a shape of one's own": ([{**OWN, "input_shape": ["a"]}], "[0].input_shape[0]: must be a whole number, not text"),
    "no variable": ([{**DENSE, "units": "${no}"}], "[0].units: Dense: there is no variable 'no'"),
    "no variable in a name": ([{**DENSE, "name": "a${no}"}], "[0].name: Dense: there is no variable 'no'"),
    "no whole number": ([{**DENSE, "units": "${1 / 2}"}], "[0].units: must be a whole number, not a number"),
    "an initializer": ([{**DENSE, "bias_initializer": 5}], "[0]: Dense: 5 is not a scheme"),
    "an initializer of torch": (
        [{**LINEAR, "bias_initializer": {"name": 5}}],
        "[0]: Linear: {'name': 5} is not a scheme",
    ),
    "a seed": (
        [{**DENSE, "bias_initializer": {"name": "ones", "seed": "a"}}],
        "[0]: Dense: {'name': 'ones', 'seed': 'a'} is not a scheme",
    ),
    "a scheme": ([{**DENSE, "kernel_initializer": "he_unifrm"}], "[0]: dense/kernel: unknown scheme 'he_unifrm'"),
    "a parameter": (
        [{**DENSE, "kernel_initializer": "he_uniform:x=1"}],
        "[0]: dense/kernel: he_uniform has no parameter 'x'",
    ),
    "a brace": ([{**DENSE, "name": "a{"}], "[0].name: 'a{' has a { without its partner"),
    "names": (
        [{**DENSE, "name": "a{0..99999999}"}],
        "[0].name: 'a{0..99999999}' stands for more than 1000000 names",
    ),
    "a size": ([{**DENSE, "units": 10**30}], f"[0]: dense (Dense): units = {10**30} is larger than 2^63 - 1"),
    "no shape": ([{"kind": "Dense", "units": 4}], "[0]: dense (Dense): the shape of its input is not known"),
    "another shape": (
        [DENSE, {**DENSE, "input_shape": [9]}],
        "[1]: dense_1 (Dense): input_shape = (None, 9), and the layer before it gives (None, 4)",
    ),
    "two of a name": (
        [DENSE, {"kind": "Dense", "units": 4, "name": "dense"}],
        "[1]: dense/kernel: the name 'dense/kernel' is taken already",
    ),
    "a list without layers": ([{"kind": "Sequential"}], "[0].layers: Sequential: has no list of layers"),
    "a list with more": ([{"kind": "Sequential", "layers": [], "x": 1}], "[0].x: Sequential: is not an argument of it"),
    "an activation": (
        [{**DENSE, "activation": {"kind": "PReL"}}],
        "[0].activation.kind: 'PReL': is not a layer of keras",
    ),
    "a layer inside": (
        [{"kind": "TimeDistributed", "layer": "Dense", "input_shape": [5, 3]}],
        "[0]: is not a table",
    ),
    "a size of torch": (
        [{**LINEAR, "out_features": -1}],
        "[0]: 0 (Linear): out_features = -1 must be a whole number from 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said_where_it_stands(name, put, refused):
    layers, said = REFUSED[name]
    kinds = {"Own": {"w": {"shape": ["${channels}"], "scheme": "ones"}}}
    put("s.json", json.dumps({"layers": layers, "kinds": kinds}))
    assert refused("s.json")[0] == f"s.json, line 1: layers{said}"


def test_a_line_is_named_in_toml_too(put, refused):
    put("s.toml", '[[layers]]\nkind = "Dense"\nunits = 4\ninput_shape = [6]\n\n[[layers]]\nkind = "Dense"\nunit = 4\n')
    assert refused("s.toml") == ("s.toml, line 8: layers[1].unit: is not a key of Dense", "did you mean units?")


def test_more_layers_than_any_model_has_are_refused_soon(put, refused):
    put("s.json", json.dumps({"layers": [{**DENSE, "name": "d_{0..99999}"}]}))
    assert refused("s.json")[0] == "s.json, line 1: layers[0]: there are more than 20000 layers"


def test_a_kind_that_both_frameworks_have_is_said_to_be_read_as_one(put, refused):
    put("s.json", json.dumps({"layers": [{"kind": "LSTM", "input_size": 3, "hidden_size": 4}]}))
    assert list(refused("s.json")) == [
        "s.json, line 1: layers[0].input_size: is not a key of LSTM",
        "read as keras.LSTM; there is torch.LSTM too",
    ]
