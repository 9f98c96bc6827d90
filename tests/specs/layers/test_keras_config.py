"""Configs as Keras 1, 2 and 3 write them, with and without the shapes that a model was built with, are one model."""

import json
from pathlib import Path

import pytest

from initgen.core.errors import BadParameter
from initgen.specs.layers import is_keras_model
from initgen.specs.layers.keras.config import model_of
from initgen.specs.layers.keras.placed import placed

GOLDEN = json.loads(Path(__file__).with_name("keras.json").read_text(encoding="utf-8"))["models"]


def layer(kind, **config):
    return {"class_name": kind, "config": config}


def sequential(*layers):
    return layer("Sequential", name="s", layers=list(layers))


def weights(config, kinds=()):
    """Names, shapes and paths of the weights, and the groups."""
    found, groups = placed(model_of(config, dict(kinds)))
    return [(one.name, one.weight.shape, one.keras_path) for one in found], groups


def copied(tree, leave_out=(), change=lambda value: value):
    """A config without some keys, at any depth, and with each table changed."""
    if isinstance(tree, dict):
        return change({key: copied(value, leave_out, change) for key, value in tree.items() if key not in leave_out})
    return [copied(each, leave_out, change) for each in tree] if isinstance(tree, list) else tree


def without_tensor_shapes(table):
    return table if table.get("class_name") != "__keras_tensor__" else copied(table, ("shape",))


@pytest.mark.parametrize("name", GOLDEN)
def test_shapes_that_the_config_does_not_say_are_inferred(name):
    config = GOLDEN[name]["config"]
    bare = copied(config, ("build_config", "build_input_shape"), without_tensor_shapes)
    assert "build_config" not in json.dumps(bare)
    if name == "nested":
        with pytest.raises(BadParameter, match=r"^dense_3 \(Dense\): the shape of its input is not known$"):
            weights(bare)
        bare = copied(config, ("build_config",))
    assert weights(bare) == weights(config)


@pytest.mark.parametrize("name", GOLDEN)
def test_what_get_config_gives_is_the_model_too(name):
    config = GOLDEN[name]["config"]
    assert is_keras_model(config["config"])
    assert weights(config["config"]) == weights(config)


def test_a_layer_alone_is_a_model_once_its_input_is_known():
    dense = layer("Dense", name="d", units=3)
    found = [("d/kernel", (5, 3), "layers/dense/vars/0"), ("d/bias", (3,), "layers/dense/vars/1")]
    assert weights({**dense, "build_config": {"input_shape": [None, 5]}})[0] == found
    with pytest.raises(BadParameter, match=r"^d \(Dense\): the shape of its input is not known$"):
        weights(dense)


OLD_DENSE = {
    "units": 4,
    "activation": "relu",
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
}
SEQUENTIAL_FOUND = [
    ("a/kernel", (6, 4), "layers/dense/vars/0"),
    ("a/bias", (4,), "layers/dense/vars/1"),
    ("b/kernel", (4, 4), "layers/dense_1/vars/0"),
    ("b/bias", (4,), "layers/dense_1/vars/1"),
]


@pytest.mark.parametrize(
    "first",
    [
        {"batch_input_shape": [None, 6], "dtype": "float32"},
        {"input_shape": [6]},
        {"batch_shape": [32, 6]},
    ],
    ids=lambda first: next(iter(first)),
)
def test_a_first_layer_may_say_its_input(first):
    layers = [layer("Dense", name="a", **OLD_DENSE, **first), layer("Dense", name="b", **OLD_DENSE)]
    assert weights(sequential(*layers))[0] == SEQUENTIAL_FOUND
    assert weights({"class_name": "Sequential", "config": layers})[0] == SEQUENTIAL_FOUND  # Keras 1


@pytest.mark.parametrize("said", [{"batch_shape": [None, 6]}, {"batch_input_shape": [None, 6]}, {"shape": [6]}])
def test_an_input_layer_says_the_shape_in_the_way_of_each_keras(said):
    model = sequential(
        layer("InputLayer", name="i", **said), *(layer("Dense", name=name, **OLD_DENSE) for name in "ab")
    )
    assert weights(model)[0] == SEQUENTIAL_FOUND


def functional(kind, nodes, **more):
    layers = [
        {**layer(each, **config), "name": config["name"], "inbound_nodes": inbound} for each, config, inbound in nodes
    ]
    return layer(kind, name="m", layers=layers, **more)


BRANCHES = [
    ("InputLayer", {"name": "i", "batch_input_shape": [None, 6]}, []),
    ("Dense", {"name": "wide", "units": 5}, [[["i", 0, 0, {}]]]),
    ("Dense", {"name": "narrow", "units": 2}, [[["i", 0, 0, {}]]]),
    ("Concatenate", {"name": "both"}, [[["wide", 0, 0, {}], ["narrow", 0, 0, {}]]]),
    ("Dense", {"name": "out", "units": 3, "use_bias": False}, [[["both", 0, 0, {}]]]),
]


@pytest.mark.parametrize("kind", ["Functional", "Model"])
def test_a_graph_of_keras_2_is_followed(kind):
    found, groups = weights(functional(kind, BRANCHES))
    assert [(name, shape) for name, shape, _ in found if name.endswith("kernel")] == [
        ("wide/kernel", (6, 5)),
        ("narrow/kernel", (6, 2)),
        ("out/kernel", (7, 3)),
    ]
    assert groups == [
        "vars",
        *(f"layers/{at}/vars" for at in ("input_layer", "dense", "dense_1", "concatenate", "dense_2")),
    ]


def test_a_single_node_of_keras_2_may_stand_without_a_list_around_it():
    nodes = [*BRANCHES[:1], ("Dense", {"name": "d", "units": 5}, [["i", 0, 0, {}]])]
    assert weights(functional("Functional", nodes))[0][0][:2] == ("d/kernel", (6, 5))


@pytest.mark.parametrize("sources", [["d"], ["missing"], ["later"], []], ids=str)
def test_a_layer_whose_sources_are_not_there_is_named(sources):
    inbound = [[[name, 0, 0, {}] for name in sources]]
    nodes = [*BRANCHES[:1], ("Dense", {"name": "d", "units": 5}, inbound), ("Dense", {"name": "later", "units": 5}, [])]
    with pytest.raises(BadParameter, match=r"^d \(Dense\): the shape of its input is not known$"):
        weights(functional("Functional", nodes))


def test_a_lambda_is_never_run_and_has_no_weights():
    code = {"class_name": "__lambda__", "config": {"code": "gASVGgAAAAAAAACMAm9zlIwGc3lzdGVtlJOUjAJpZJSFlFKULg=="}}
    dense = {**layer("Dense", name="d", units=3), "build_config": {"input_shape": [None, 7]}}
    model = sequential(layer("InputLayer", batch_shape=[None, 6]), layer("Lambda", name="l", function=code), dense)
    found, groups = weights(model)
    assert [each[:2] for each in found] == [("d/kernel", (7, 3)), ("d/bias", (3,))]
    assert "layers/lambda/vars" in groups


def test_a_layer_in_place_of_an_activation_is_saved_and_a_function_is_not():
    def with_activation(activation):
        dense = layer("Dense", name="d", units=3, activation=activation)
        return weights(sequential(layer("InputLayer", batch_shape=[None, 6]), dense))

    assert with_activation(layer("PReLU", name="slope"))[0][2] == (
        "d/slope/alpha",
        (3,),
        "layers/dense/activation/vars/0",
    )
    assert with_activation({"module": "builtins", "class_name": "function", "config": "my_relu"}) == with_activation(
        "relu"
    )
    with pytest.raises(BadParameter, match=r"^d \(Dense\): is of a class that initgen does not know$"):
        with_activation(layer("MyActivation"))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("float32", "float32"),
        ("bfloat16", "bfloat16"),
        ("mixed_float16", "float32"),
        (layer("DTypePolicy", name="mixed_bfloat16"), "float32"),
        (layer("DTypePolicy", name="float64"), "float64"),
        (layer("Policy", name="float16"), "float16"),
        (None, None),
    ],
)
def test_the_policy_of_a_layer_gives_the_dtype_of_its_variables(given, stored):
    model = sequential(layer("InputLayer", batch_shape=[None, 6]), layer("Dense", name="d", units=3, dtype=given))
    assert [one.dtype for one in placed(model_of(model, {}))[0]] == [stored, stored]


def test_what_is_no_model_is_left_to_the_reader_of_specs():
    assert not is_keras_model({"layers": [{"kind": "Dense"}]})
    assert not is_keras_model({"class_name": "Dense"})
    assert not is_keras_model({"model_type": "llama", "layers": 3})
