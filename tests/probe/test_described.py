"""What is no network is one line that names the layer. ``INITGEN_FUZZ=20000`` tries so many lists in place of a few."""

import json
import math
import os
import time
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initgen.core.errors import InitgenError
from initgen.probe.batch import random_batch
from initgen.probe.described import network_of, quick_network
from initgen.probe.signal import probe
from initgen.probe.weights import Drawn
from initgen.specs.document import document_of


def run(tree, batch=2, **options):
    network = network_of(document_of(json.dumps(tree), "m.json", "", "json"), seed=0, **options)
    return probe(network, Drawn(network.specs), random_batch(network, batch, 0))


@dataclass
class Bad:
    layers: list
    said: tuple  # parts of the message
    hint: str = ""
    shape: tuple | None = None


def dense(name, units=4, **more):
    return {"kind": "Dense", "name": name, "units": units, **more}


def first(**more):
    return dense("a", input_shape=[4], **more)


def linear(features, units, **more):
    return {"kind": "Linear", "in_features": features, "out_features": units, **more}


CONV = {"kind": "Conv2d", "in_channels": 3, "out_channels": 4, "kernel_size": 3}
RELU, FLATTEN = {"kind": "ReLU"}, {"kind": "Flatten"}
LISTS = {
    # Shapes that do not chain.
    "list": Bad([first(), dense("b", input_shape=[5])], ("b (Dense)", "(None, 5)", "(None, 4)")),
    "stack": Bad([linear(4, 64), RELU, linear(32, 4)], ("2 (Linear)", "gets 64 features, and its kernel takes 32")),
    "flattened": Bad([CONV, FLATTEN, linear(99, 4)], ("2 (Linear)", "gets 144 features", "takes 99"), shape=(3, 8, 8)),
    "channels": Bad([CONV], ("0 (Conv2d)", "gets 4 channels, and its kernel takes 3"), shape=(4, 8, 8)),
    "axes": Bad([CONV], ("0 (Conv2d)", "gets shape 3x8", "takes 3 axes"), shape=(3, 8)),
    "places": Bad([CONV], ("0 (Conv2d)", "gets 2x2 places, too few for its window of 3x3"), shape=(3, 2, 2)),
    "one value": Bad([linear(4, 4)], ("0 (Linear)", "its kernel takes 4"), shape=()),
    "sum": Bad([first(), dense("b", 5), {"kind": "Add", "name": "s", "inputs": ["a", "b"]}], ("s (Add)",)),
    "norm": Bad([{"kind": "LayerNorm", "normalized_shape": [2, 4, 4]}], ("0 (LayerNorm)", "axes"), shape=(4,)),
    "softmax": Bad([linear(4, 4), {"kind": "Softmax", "dim": 7}], ("1 (Softmax)", "axis = 7", "4")),
    "reshape": Bad([first(), {"kind": "Reshape", "name": "r", "target_shape": [3, 2]}], ("r (Reshape)", "[3, 2]")),
    # Sizes.
    "no size": Bad([CONV], ("0 (Conv2d)", "the size of its input is not known"), "--input-shape 3x32x32"),
    "open": Bad(
        [{"kind": "LSTM", "units": 3, "input_shape": [None, 4]}],
        ("the input ?x4 has an axis without a size",),
        "--input-shape says it",
    ),
    "other size": Bad([first()], ("--input-shape 5 is not one of 4",), shape=(5,)),
    "no values": Bad([linear(4, 4)], ("an input of 0x4 has no values",), shape=(0, 4)),
    "no input": Bad([first() | {"input_shape": [0], "kernel_initializer": "zeros"}], ("an input of 0 has no values",)),
    "no output": Bad([linear(4, 0)], ("0 (Linear)", "gives no values")),
    "untold": Bad([dense("a")], ("a (Dense)", "the shape of its input is not known"), "input_shape"),
    # Activations.
    "unknown": Bad([first(activation="mish")], ("a (Dense)", "'mish' is not known")),
    "near": Bad([first(activation="gelo")], ("a (Dense)", "'gelo' is not known"), "did you mean gelu"),
    "number": Bad([first(activation=5)], ("a (Dense)", "5 is not the name of one"), "relu"),
    "no such parameter": Bad([first(activation="relu:alpha=1")], ("a (Dense)", "'relu' has no parameter 'alpha'")),
    "no number": Bad([first(activation="elu:alpha=x")], ("a (Dense)", "'x' is not a number")),
    "capped": Bad([first(), {"kind": "ReLU", "name": "r", "max_value": 5.0}], ("r (ReLU)", "max_value")),
    # Layers.
    "typing error": Bad([dense("a", kind="Dens")], ("'Dens'",), "did you mean Dense"),
    "not run": Bad(
        [{"kind": "MultiHeadAttention", "name": "m", "num_heads": 2, "key_dim": 4, "input_shape": [5, 8]}],
        ("m (MultiHeadAttention)", "is of a kind that probe does not run"),
        "docs/probe.md",
    ),
    "code": Bad([first(), {"kind": "Lambda", "name": "l"}], ("l (Lambda)", "does not run"), "docs"),
    "transposed": Bad([CONV | {"kind": "ConvTranspose2d"}], ("0 (ConvTranspose2d)", "does not run"), "docs"),
    "reflected": Bad([CONV | {"padding_mode": "reflect"}], ("0 (Conv2d)", "padding_mode = 'reflect' is not followed")),
    "rounded up": Bad(
        [CONV, {"kind": "MaxPool2d", "kernel_size": 2, "ceil_mode": True}], ("1 (MaxPool2d)", "ceil_mode")
    ),
    "not a number": Bad(
        [{"kind": "Embedding", "name": "e", "input_dim": 5, "output_dim": 4, "input_shape": [3]},
         {"kind": "Embedding", "name": "f", "input_dim": 5, "output_dim": 4}],
        ("f (Embedding)", "gets numbers that are no rows from 0 to 4"),
    ),
    "nothing to sum": Bad([first(), {"kind": "Add", "name": "s"}], ("s (Add)", "has 1 input")),
    "no such source": Bad([first(), dense("b", inputs=["x"])], ("Dense", "'x'")),
    "loose end": Bad([first(), dense("b"), dense("c", inputs=["a"])], ("2 outputs", "b (Dense)", "c (Dense)")),
}  # fmt: skip


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name) for name, bad in LISTS.items()])
def test_layers_that_are_no_network_are_named_in_one_line(bad):
    with pytest.raises(InitgenError) as caught:
        run({"layers": bad.layers}, input_shape=bad.shape)
    message, hint = caught.value.message, caught.value.hint or ""
    assert message.startswith("m.json")
    assert "\n" not in message + hint
    for part in bad.said:
        assert part in message
    assert bad.hint in hint


@pytest.mark.parametrize(
    "tree",
    [
        {"tensors": {"w": {"shape": [3, 4], "scheme": "he_uniform"}}},
        {"layers": []},
        {"layers": [{"kind": "Dropout", "rate": 0.5, "input_shape": [4]}]},
        {"layers": [RELU]},
    ],
)
def test_a_description_without_layers_of_a_network_says_that_there_are_none(tree):
    with pytest.raises(InitgenError, match=r"^m\.json: .*no (layers|tensors)"):
        run(tree)


# Functional models, as Keras 3 writes them.


def tensor(name, size=4):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, size], "dtype": "float32", "keras_history": [name, 0, 0]},
    }


def node(kind, name, *sources, size=4, calls=1, module="keras.layers", **config):
    given = [tensor(source, size) for source in sources]
    args = [given] if kind == "Add" and module == "keras.layers" else given
    return {
        "class_name": kind,
        "module": module,
        "name": name,
        "config": {"name": name, **config},
        "build_config": {"input_shape": [None, size]},
        "inbound_nodes": [{"args": args, "kwargs": {}}] * calls if sources else [],
    }


def model(*layers, outputs, inputs=("in",)):
    many = {"layers": list(layers), "input_layers": [[each, 0, 0] for each in inputs]}
    return {"class_name": "Functional", "config": {"name": "m", **many, "output_layers": outputs}}


IN = node("InputLayer", "in", batch_shape=[None, 4])
A, B = node("Dense", "a", "in", units=4), node("Dense", "b", "a", units=4)
LAST = ["b", 0, 0]


def last(**config):
    """One behind ``a``, whose output is the model's."""
    return model(IN, A, node("Dense", "b", "a", units=4, **config), outputs=LAST)


def behind(*layers):
    """These behind ``a``; the last one is called b."""
    return model(IN, A, *layers, outputs=LAST)


TWICE = A | {"inbound_nodes": A["inbound_nodes"] * 2}
MORE = node("InputLayer", "more", batch_shape=[None, 4])
OPERATOR = "keras.src.ops.numpy"
CONFIGS = {
    "two inputs": (
        model(IN, MORE, A, node("Add", "b", "a", "more"), outputs=LAST, inputs=("in", "more")),
        ("there are 2 inputs",),
    ),
    "two outputs": (model(IN, A, B, outputs=[["a", 0, 0], LAST]), ("2 outputs", "a and b")),
    "two by name": (model(IN, A, B, outputs={"x": ["a", 0, 0], "y": LAST}), ("2 outputs", "a and b")),
    "a loose end": (model(IN, A, node("Dense", "c", "a", units=4), B, outputs=LAST), ("2 outputs", "b (Dense)")),
    "called twice": (model(IN, TWICE, B, outputs=LAST), ("a (Dense)", "called 2 times")),
    "shapes": (last(size=5), ("b (Dense)", "gets 4 features", "takes 5")),
    "unknown activation": (last(activation="mine"), ("b (Dense)", "'mine'")),
    "registered": (last(activation={"class_name": "function", "config": "my_act"}), ("b (Dense)", "'my_act'")),
    "a layer as one": (last(activation={"class_name": "PReLU", "config": {}}), ("b (Dense)", "PReLU")),
    "unknown layer": (behind(node("Own", "b", "a")), ("b (Own)", "initgen does not know")),
    "code": (behind(node("Lambda", "b", "a")), ("b (Lambda)", "does not run")),
    "product": (
        behind(node("Multiply", "x", "in", "a", module=OPERATOR), node("Dense", "b", "x", units=4)),
        ("b (Dense)", "'x'"),
    ),
    "plus a number": (behind(node("Add", "b", "a", module=OPERATOR)), ("b (Add)", "1 input")),
    "loop": (model(IN, node("Dense", "a", "b", units=4), B, outputs=LAST), ("a (Dense)", "'b'")),
    "nothing": (model(IN, outputs=["in", 0, 0]), ("no tensors",)),
}


@pytest.mark.parametrize(("config", "said"), [pytest.param(*case, id=name) for name, case in CONFIGS.items()])
def test_configs_of_keras_that_are_no_network_are_named_in_one_line(config, said):
    with pytest.raises(InitgenError) as caught:
        run(config)
    assert caught.value.message.startswith("m.json")
    assert "\n" not in caught.value.message
    for part in said:
        assert part in caught.value.message


def test_the_configs_that_are_spoilt_are_sound():
    assert run(model(IN, A, B, outputs=LAST)).depth == 2
    assert run(model(IN, A, B, outputs=[LAST])).depth == 2


# The quick form.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((0, 8, "relu", "he_uniform"), "depth = 0 must be from 1"),
        ((-1, 8, "relu", "he_uniform"), "depth = -1 must be"),
        ((10**9, 8, "relu", "he_uniform"), "depth = 1000000000 must be"),
        ((5, 0, "relu", "he_uniform"), "width = 0 must be from 1"),
        ((5, 10**9, "relu", "he_uniform"), "width = 1000000000 must be"),
        ((5, 8, "nope", "he_uniform"), "activation = 'nope' is not known"),
        ((5, 8, "", "he_uniform"), "activation = '' is not known"),
        ((5, 8, "relu:alpha=1", "he_uniform"), "has no parameter 'alpha'"),
        ((5, 8, "leaky_relu:negative_slope=x", "he_uniform"), "'x' is not a number"),
        ((5, 8, "leaky_relu:negative_slope=nan", "he_uniform"), "negative_slope = nan must be finite"),
        ((5, 8, "leaky_relu:negative_slope", "he_uniform"), "is not KEY=VALUE"),
        ((5, 8, "gelu:approximate=1", "he_uniform"), "approximate = 1.0 must be true or false"),
        ((5, 8, "relu", "nope"), "unknown scheme 'nope'"),
        ((5, 8, "relu", "${x}"), "'${x}' is not a name"),
        ((5, 8, 'relu"', "he_uniform"), "is not known"),
        ((5, 8, "relu", "delta_orthogonal"), "delta_orthogonal"),
    ],
)
def test_a_quick_form_that_is_none_says_why(options, said):
    with pytest.raises(InitgenError) as caught:
        quick_network(*options)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_the_layer_is_named_where_its_weights_cannot_be_drawn():
    made = quick_network(2, 4, "relu", "random_normal:stddev=1e38")
    with pytest.raises(InitgenError, match=r"^dense_0/kernel: .*overflows float32"):
        probe(made, Drawn(made.specs), random_batch(made, 2, 0))


# Anything else.

FEW = settings(
    max_examples=int(os.environ.get("INITGEN_FUZZ", "600")),
    deadline=None,
    database=None,
    derandomize="INITGEN_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)

NUMBERS = st.sampled_from([1, 2, 1, 2, 3, 1, 2, 0, -1])
ACTIVATIONS = st.sampled_from(["relu", "tanh", "softmax", "gelu", "linear", "elu:alpha=-1", None, "", 3, "nope"])
SHAPES = st.sampled_from([[4], [4], [5, 4], [5, 4], [6, 6, 4], [6, 6, 4], [6, 6, 6, 2], [0], [], [None, 4]])
WINDOW = {
    "kernel_size": NUMBERS,
    "strides": NUMBERS,
    "padding": st.sampled_from(["valid", "same", "causal"]),
    "dilation_rate": NUMBERS,
    "groups": NUMBERS,
    "data_format": st.sampled_from(["channels_first", "channels_last"]),
}
AXES = st.sampled_from([-1, -1, 1, -2, 0, 2, 5, [1, 2], [1, 1], [-1, 0]])
KERAS = {
    "Dense": {"units": st.just(4)},
    "Conv1D": {"filters": st.just(4), **WINDOW},
    "Conv2D": {"filters": st.just(4), **WINDOW},
    "DepthwiseConv2D": {"depth_multiplier": NUMBERS, **WINDOW},
    "SeparableConv1D": {"filters": st.just(4), **WINDOW},
    "LSTM": {"units": st.just(4), "return_sequences": st.booleans(), "go_backwards": st.booleans()},
    "GRU": {"units": st.just(4), "return_sequences": st.booleans(), "reset_after": st.booleans()},
    "Embedding": {"input_dim": NUMBERS, "output_dim": st.just(4)},
    "BatchNormalization": {"axis": AXES, "epsilon": st.sampled_from([0, 1e-3, -1])},
    "LayerNormalization": {"axis": AXES},
    "MaxPooling2D": {"pool_size": NUMBERS, "strides": NUMBERS, "padding": st.sampled_from(["valid", "same"])},
    "GlobalAveragePooling1D": {"keepdims": st.booleans()},
    "Softmax": {"axis": AXES},
    "LeakyReLU": {"negative_slope": st.sampled_from([0, -2, 1e40])},
    "Add": {},
    "Concatenate": {"axis": NUMBERS},
    "Flatten": {},
    "Reshape": {"target_shape": st.lists(NUMBERS, max_size=3)},
    "Permute": {"dims": st.permutations([1, 2])},
    "ZeroPadding2D": {"padding": NUMBERS},
    "Dropout": {"rate": st.just(0.5)},
}
TORCH_WINDOW = {"kernel_size": NUMBERS, "stride": NUMBERS, "padding": NUMBERS}
TORCHS = {
    "Linear": {"in_features": st.just(4), "out_features": st.sampled_from([4, 4, 0])},
    "Conv1d": {"in_channels": st.just(4), "out_channels": st.just(4), "groups": NUMBERS, **TORCH_WINDOW},
    "Conv2d": {"in_channels": st.just(4), "out_channels": st.just(4), "dilation": NUMBERS, **TORCH_WINDOW},
    "Embedding": {"num_embeddings": NUMBERS, "embedding_dim": st.just(4)},
    "BatchNorm1d": {"num_features": st.just(4), "affine": st.booleans()},
    "LayerNorm": {"normalized_shape": st.sampled_from([4, [4], [4, 6, 6], [2, 4]])},
    "AvgPool2d": {**TORCH_WINDOW, "count_include_pad": st.booleans()},
    "AdaptiveMaxPool2d": {"output_size": NUMBERS},
    "Flatten": {"start_dim": NUMBERS},
    "Unflatten": {"dim": st.just(1), "unflattened_size": st.lists(NUMBERS, max_size=3)},
    "Softmax": {"dim": AXES},
    "GELU": {},
    "Tanh": {},
}


# Arguments that a layer cannot do without.
NEEDED = {
    *("units", "filters", "kernel_size", "input_dim", "output_dim", "target_shape", "dims", "rate"),
    *("in_features", "out_features", "in_channels", "out_channels", "num_embeddings", "embedding_dim", "num_features"),
    *("normalized_shape", "output_size", "dim", "unflattened_size"),
}


@st.composite
def specs(draw):
    """Lists of layers, some of which go together; most arguments are left as they are."""
    seldom = st.integers(0, 3).map(lambda number: not number)
    kinds, usual = (TORCHS, "Linear") if draw(seldom) else (KERAS, "Dense")
    listed = []
    for number in range(draw(st.integers(1, 3))):
        kind = usual if draw(seldom) else draw(st.sampled_from(sorted(kinds)))
        layer = {"kind": kind}
        for name, values in kinds[kind].items():
            if name in NEEDED or draw(seldom):
                layer[name] = draw(values)
        if kinds is KERAS:
            layer["name"] = f"l{number}"
            if not number:
                layer["input_shape"] = draw(SHAPES)
            if draw(seldom):
                layer["activation"] = draw(ACTIVATIONS)
            if number and (kind in ("Add", "Concatenate") or draw(seldom)):
                layer["inputs"] = [f"l{draw(st.integers(0, number - 1))}", f"l{number - 1}"]
        listed.append(layer)
    return listed, draw(st.sampled_from([None, None, None, None, (4,), (4, 6, 6), (5, 4), (0, 4), ()]))


def test_any_list_of_layers_is_an_answer_or_an_error_of_ours():
    told = {True: 0, False: 0}

    @FEW
    @given(specs())
    def check(given):
        layers, shape = given
        start, said = time.process_time(), "m.json"
        try:
            found = run({"layers": layers}, input_shape=shape)
            assert found.verdict in ("stable", "vanishing", "exploding")
            assert all(math.isfinite(layer.values.square) for layer in found.layers)
            told[True] += 1
        except InitgenError as error:
            said = error.message
            told[False] += 1
        assert said.startswith("m.json")
        assert "\n" not in said
        assert len(said) < 500
        assert time.process_time() - start < 5

    check()
    assert min(told.values()) > 50
