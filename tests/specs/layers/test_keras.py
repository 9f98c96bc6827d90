"""Weights of Keras models and layers have the names, paths, shapes and dtypes that Keras itself wrote down.

The oracle is keras.json, made by make_keras.py. tests/interop/test_keras_models.py holds the laws against Keras.
"""

import json
from pathlib import Path

import pytest

from initgen.core.errors import InitgenError
from initgen.specs.describe import describe
from initgen.specs.description import in_file
from initgen.specs.layers.entries import Reader
from initgen.specs.layers.keras import KINDS
from initgen.specs.layers.keras.config import model_of
from initgen.specs.layers.keras.layer import Held
from initgen.specs.layers.keras.model import KerasModel, Node
from initgen.specs.layers.keras.placed import placed
from initgen.specs.scope import Scope
from initgen.specs.tensor import tensor_spec

GOLDEN = json.loads(Path(__file__).with_name("keras.json").read_text(encoding="utf-8"))
MODELS, LAYERS, REFUSED = GOLDEN["models"], GOLDEN["layers"], GOLDEN["refused"]
LAYER_IDS = [f"{kind} {arguments}" for kind, arguments, *_ in LAYERS]


def from_config(config):
    """A layer as Keras wrote it."""
    (node,) = model_of(config, {}).nodes
    return node.held


def from_entry(kind, arguments):
    """A layer as an entry of ``layers`` gives it, with what is not said at its default."""
    reader = Reader(Scope({}), None, {}, lambda where, said, _: InitgenError(f"{where}: {said}"))
    return Held(reader._layer({"kind": kind, **arguments}, ("layers", 0)))


def weights_of(held, inputs):
    """Names, shapes and dtypes of a layer's weights, and what fills them."""
    return {
        one.name: [list(one.weight.shape), one.weight.options.dtype or one.dtype or "float32", one.weight.options]
        for one in placed(KerasModel(nodes=[Node(held, (), tuple(map(tuple, inputs)))]))[0]
    }


def law_of(shape, dtype, options):
    told = {key: getattr(options, key) for key in ("fan_in", "fan_out") if getattr(options, key) is not None}
    params = dict(options.scheme) if isinstance(options.scheme, dict) else {}
    return tensor_spec(params.pop("name", options.scheme), tuple(shape), params=params, dtype=dtype, **told).made


@pytest.mark.parametrize("name", MODELS)
def test_paths_shapes_and_dtypes_in_a_weights_file_are_keras(name, tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(MODELS[name]["config"]))
    described = describe(str(tmp_path / "m.json"))
    stored = [[spec.name, list(spec.shape), spec.dtype.name] for spec in in_file("m.weights.h5", described)]
    assert sorted(stored) == MODELS[name]["stores"]
    assert list(described.groups) == MODELS[name]["groups"]


@pytest.mark.parametrize("name", MODELS)
def test_names_are_those_of_layers_and_variables_in_keras_order(name):
    # Keras leaves out the name of a Functional inside of another, and begins with that of a Sequential.
    record = MODELS[name]
    theirs = [path for path, *_ in record["names"]]
    if record["config"]["class_name"] == "Sequential":
        theirs = [path.partition("/")[2] for path in theirs]
    ours = [one.name.removeprefix("head/") for one in placed(model_of(record["config"], {}))[0]]
    assert sorted(ours) == sorted(theirs)
    if name not in ("norms", "recurrent"):  # where Keras lists what is not trained at the end
        assert ours == theirs


def test_names_go_from_the_outside_in():
    found = {one.name: one.keras_path for one in placed(model_of(MODELS["nested"]["config"], {}))[0]}
    assert found["enc/dense_1/bias"] == "layers/sequential/layers/dense_1/vars/1"
    assert found["head/dense_2/kernel"] == "layers/functional/layers/dense/vars/0"


@pytest.mark.parametrize(("kind", "arguments", "inputs", "output", "weights", "config"), LAYERS, ids=LAYER_IDS)
def test_a_layers_weights_are_keras(kind, arguments, inputs, output, weights, config):
    found = weights_of(from_config(config), inputs)
    assert [[name, *record[:2]] for name, record in found.items()] == weights


@pytest.mark.parametrize(("kind", "arguments", "inputs", "output", "weights", "config"), LAYERS, ids=LAYER_IDS)
def test_an_entry_has_keras_defaults(kind, arguments, inputs, output, weights, config):
    ours, theirs = weights_of(from_entry(kind, arguments), inputs), weights_of(from_config(config), inputs)
    assert [[name, *record[:2]] for name, record in ours.items()] == weights
    assert [law_of(*record) for record in ours.values()] == [law_of(*record) for record in theirs.values()]


@pytest.mark.parametrize(("kind", "arguments", "inputs", "output", "weights", "config"), LAYERS, ids=LAYER_IDS)
def test_shapes_of_outputs_are_keras(kind, arguments, inputs, output, weights, config):
    found = from_config(config).layer.output([tuple(shape) for shape in inputs])
    known = [ours if theirs is None else theirs for ours, theirs in zip(found, output, strict=True)]
    assert list(found) == known
    if kind != "EinsumDense":  # Keras does not follow an axis that output_shape leaves open
        assert list(found) == output


@pytest.mark.parametrize(("kind", "arguments", "inputs", "said"), REFUSED, ids=str)
def test_what_keras_refuses_is_refused(kind, arguments, inputs, said):
    def build():
        nodes = [Node(from_entry(kind, arguments), (), tuple(map(tuple, inputs))), Node(from_entry("Flatten", {}), ())]
        placed(KerasModel(nodes=nodes))

    with pytest.raises(InitgenError):
        build()


def test_every_kind_with_weights_is_held_against_keras():
    text = json.dumps([MODELS, LAYERS])
    weightless = {kind for kind, layer in KINDS.items() if layer.__module__.endswith(".plain")}
    assert [kind for kind in KINDS.keys() - weightless if f'"class_name": "{kind}"' not in text] == []
