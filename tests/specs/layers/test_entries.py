"""``layers`` in a spec: kinds of Keras and PyTorch with their arguments, as tensors with the framework's names."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from initgen import write
from initgen.core.errors import InitgenError
from initgen.formats.hdf5 import Hdf5
from initgen.specs.describe import describe

DENSE = {"kind": "Dense", "units": 4, "input_shape": [6]}
SEPARABLE = {"kind": "SeparableConv1D", "filters": 4, "kernel_size": 2, "input_shape": [9, 3]}
LINEAR = {"kind": "Linear", "in_features": 6, "out_features": 4}


@pytest.fixture
def made(tmp_path):
    """``made(layers, **more)`` describes a spec that has them."""

    def make(layers, **more):
        (tmp_path / "s.json").write_text(json.dumps({"layers": layers, **more}))
        return describe(str(tmp_path / "s.json"))

    return make


def shapes(description):
    return {spec.name: spec.shape for spec in description}


def schemes(description):
    return {spec.name: spec.title for spec in description}


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        (
            [DENSE, {"kind": "Dropout", "rate": 0.5}, {"kind": "Dense", "units": 3}, {"kind": "Dense", "units": 2}],
            {"dense": (6, 4), "dense_1": (4, 3), "dense_2": (3, 2)},
        ),
        ([DENSE, {"kind": "Dense", "units": 3, "name": "out"}], {"dense": (6, 4), "out": (4, 3)}),
        (
            [{"kind": "Input", "shape": [6]}, {"kind": "Dense", "name": "block_{0..2}", "units": 5}],
            {"block_0": (6, 5), "block_1": (5, 5), "block_2": (5, 5)},
        ),
        (
            [{**DENSE, "name": "{a,b}", "units": 6}, {"kind": "Dense", "units": 3}],
            {"a": (6, 6), "b": (6, 6), "dense": (6, 3)},
        ),
        (
            [
                {"kind": "Sequential", "name": "enc", "layers": [DENSE, {"kind": "Dense", "units": 5}]},
                {"kind": "Sequential", "layers": [{"kind": "Dense", "units": 2}]},
            ],
            {"enc/dense": (6, 4), "enc/dense_1": (4, 5), "sequential/dense": (5, 2)},
        ),
        (
            [
                {"kind": "Conv2D", "filters": 8, "kernel_size": 3, "input_shape": [28, 28, 1]},
                {"kind": "MaxPooling2D"},
                {"kind": "Flatten"},
                {"kind": "Dense", "units": 10},
            ],
            {"conv2d": (3, 3, 1, 8), "dense": (13 * 13 * 8, 10)},
        ),
        (
            [
                {"kind": "Embedding", "input_dim": 9, "output_dim": 5},
                {"kind": "TimeDistributed", "layer": {"kind": "Dense", "units": 3}, "input_shape": [7, 5]},
            ],
            {"time_distributed/dense": (5, 3)},
        ),
    ],
    ids=["auto", "named", "range", "list", "nested", "convolution", "wrapped"],
)
def test_layers_follow_one_another_with_keras_names(made, layers, found):
    kernels = {name.removesuffix("/kernel"): shape for name, shape in shapes(made(layers)).items() if "kernel" in name}
    assert kernels == found


def test_a_spec_has_keras_paths_and_empty_groups(made):
    found = made(
        [DENSE, {"kind": "Dropout", "rate": 0.1}, {"kind": "Sequential", "layers": [{"kind": "Dense", "units": 2}]}]
    )
    assert [spec.keras_path for spec in found] == [
        *("layers/dense/vars/0", "layers/dense/vars/1"),
        *("layers/sequential/layers/dense/vars/0", "layers/sequential/layers/dense/vars/1"),
    ]
    assert found.groups == ("layers/dropout/vars", "layers/sequential/vars", "vars")


def test_bidirectional_reads_the_layer_that_it_holds(made):
    found = made([{"kind": "Bidirectional", "input_shape": [5, 3], "layer": {"kind": "GRU", "units": 4}}])
    assert shapes(found)["bidirectional/backward_gru/gru_cell/bias"] == (2, 12)


OVERRIDES = [
    (DENSE, "kernel", "kernel", "he_uniform", "he_uniform"),
    (DENSE, "bias", "bias", "ones", "ones"),
    (DENSE, "bias", "bias", "uniform", "random_uniform"),  # Keras' meaning of the name
    (DENSE, "bias", "bias", "uniform:maxval=0.5", "random_uniform:maxval=0.5"),
    (DENSE, "kernel", "kernel", {"name": "normal", "stddev": 0.5}, "random_normal:stddev=0.5"),
    (DENSE, "kernel", "kernel", {"class_name": "HeUniform", "config": {}}, "he_uniform"),
    ({"kind": "SimpleRNN", "units": 3, "input_shape": [4, 2]}, "recurrent", "recurrent_kernel", "identity", "identity"),
    ({"kind": "LayerNormalization", "input_shape": [4]}, "gamma", "gamma", "zeros", "zeros"),
    ({"kind": "LayerNormalization", "input_shape": [4]}, "beta", "beta", "ones", "ones"),
    ({"kind": "BatchNormalization", "input_shape": [4]}, "moving_mean", "moving_mean", "ones", "ones"),
    ({"kind": "BatchNormalization", "input_shape": [4]}, "moving_variance", "moving_variance", "zeros", "zeros"),
    ({"kind": "RMSNormalization", "input_shape": [4]}, "scale", "scale", "zeros", "zeros"),
    ({"kind": "PReLU", "input_shape": [4]}, "alpha", "alpha", "ones", "ones"),
    ({"kind": "Embedding", "input_dim": 4, "output_dim": 2}, "embeddings", "embeddings", "zeros", "zeros"),
    (SEPARABLE, "depthwise", "depthwise_kernel", "ones", "ones"),
    (SEPARABLE, "pointwise", "pointwise_kernel", "ones", "ones"),
    (LINEAR, "weight", "0.weight", "xavier_normal", "xavier_normal"),
]


@pytest.mark.parametrize(("layer", "argument", "weight", "given", "scheme"), OVERRIDES, ids=str)
def test_an_initializer_takes_the_place_of_the_default(made, layer, argument, weight, given, scheme):
    overridden, default = schemes(made([{**layer, f"{argument}_initializer": given}])), schemes(made([layer]))
    (name,) = [name for name in default if name.rpartition("/")[2] == weight]
    assert overridden.pop(name) == scheme != default.pop(name)
    assert overridden == default


def test_expressions_stand_for_arguments_names_and_parameters(made):
    layers = [
        {"kind": "Input", "shape": ["${d}"]},
        {
            "kind": "Dense",
            "name": "up_${d}",
            "units": "${4 * d}",
            "kernel_initializer": "random_normal:stddev=${1 / d}",
        },
        {
            "kind": "LayerNormalization",
            "axis": ["${d - 9}"],
            "gamma_initializer": {"name": "constant", "value": "${d / 4}"},
        },
    ]
    found = made(layers, variables={"d": 8})
    assert shapes(found)["up_8/kernel"] == (8, 32)
    assert schemes(found)["up_8/kernel"] == "random_normal:stddev=0.125"
    assert found[2].params == {"value": 2.0}


@pytest.mark.parametrize("prefix", ["", "keras.", "keras.layers."])
def test_keras_kinds_may_have_keras_in_front(made, prefix):
    assert list(shapes(made([{**DENSE, "kind": f"{prefix}Dense"}]))) == ["dense/kernel", "dense/bias"]


@pytest.mark.parametrize("prefix", ["", "nn.", "torch.nn.", "torch."])
def test_torch_kinds_may_have_torch_in_front(made, prefix):
    found = made([{**LINEAR, "kind": f"{prefix}Linear"}, {"kind": "ReLU"}, {**LINEAR, "name": "h.{0..1}"}])
    assert list(shapes(found)) == [f"{name}.{part}" for name in ("0", "h.0", "h.1") for part in ("weight", "bias")]
    assert found[0].shape == (4, 6)


KERAS_LSTM = {"kind": "LSTM", "units": 4, "input_shape": [5, 3]}
TORCH_LSTM = {"kind": "LSTM", "input_size": 3, "hidden_size": 4}


@pytest.mark.parametrize(
    ("layers", "more", "first"),
    [
        ([KERAS_LSTM], {}, "lstm/lstm_cell/kernel"),
        ([KERAS_LSTM], {"layout": "keras"}, "lstm/lstm_cell/kernel"),
        ([TORCH_LSTM], {"layout": "torch"}, "0.weight_ih_l0"),
        ([{**TORCH_LSTM, "kind": "torch.nn.LSTM"}], {}, "0.weight_ih_l0"),
        ([TORCH_LSTM, LINEAR], {}, "0.weight_ih_l0"),
        ([KERAS_LSTM, {"kind": "Dense", "units": 2}], {"layout": "torch"}, "lstm/lstm_cell/kernel"),
        ([{"kind": "Sequential", "layers": [TORCH_LSTM, LINEAR]}], {}, "0.0.weight_ih_l0"),
        ([{"kind": "Sequential", "name": "net", "layers": [LINEAR]}], {}, "net.0.weight"),
        ([{"kind": "Embedding", "num_embeddings": 9, "embedding_dim": 2}, LINEAR], {}, "0.weight"),
    ],
    ids=str,
)
def test_a_kind_of_both_frameworks_is_what_the_others_or_the_layout_say(made, layers, more, first):
    assert made(layers, **more)[0].name == first


def test_a_layers_dtype_is_that_of_its_weights_alone(made):
    found = made([{**DENSE, "dtype": "bfloat16"}, {"kind": "Dense", "units": 2}], dtype="float16")
    assert [spec.dtype.name for spec in found] == ["bfloat16", "bfloat16", "float16", "float16"]


def test_a_seed_makes_values_that_do_not_depend_on_the_name(made):
    seeded = {"name": "he_uniform", "seed": 7}
    found = made(
        [
            {**DENSE, "units": 6, "kernel_initializer": seeded},
            {"kind": "Dense", "units": 6, "kernel_initializer": seeded},
        ]
    )
    assert [(spec.seed, spec.keyed) for spec in found if "kernel" in spec.name] == [(7, False)] * 2


def values(path):
    """By name, from either format."""
    if str(path).endswith(".safetensors"):
        return {name: array.tobytes() for name, array in load_file(path).items()}
    return {one.name: Hdf5().load(str(path), one).tobytes() for one in Hdf5().read(str(path)).tensors}


def test_a_file_for_keras_and_one_with_names_have_the_same_values(made, tmp_path):
    described = made([DENSE, {"kind": "LayerNormalization"}, {"kind": "Dense", "units": 3}])
    for name in ("m.weights.h5", "m.safetensors"):
        write(described, tmp_path / name)
    stored, named = values(tmp_path / "m.weights.h5"), values(tmp_path / "m.safetensors")
    assert {spec.keras_path: named[spec.name] for spec in described} == stored
    assert len(set(named.values())) == 5  # both biases of zeros differ in size; beta is one of them
    assert np.frombuffer(named["dense/kernel"], "f4").std() > 0


def test_another_layer_changes_no_values_of_the_others(made, tmp_path):
    more = {"kind": "Dense", "name": "new", "units": 4}
    write(made([DENSE, {"kind": "Dense", "units": 3}]), tmp_path / "a.safetensors")
    write(made([DENSE, more, {"kind": "Dense", "units": 3}]), tmp_path / "b.safetensors")
    before, after = values(tmp_path / "a.safetensors"), values(tmp_path / "b.safetensors")
    assert after.keys() - before.keys() == {"new/kernel", "new/bias"}
    assert before.items() <= after.items()


def test_layers_and_tensors_may_stand_in_one_spec_but_not_under_one_name(made):
    tensors = {"extra": {"shape": [3], "scheme": "ones"}}
    assert set(shapes(made([DENSE], tensors=tensors))) == {"dense/kernel", "dense/bias", "extra"}
    with pytest.raises(InitgenError, match="the name 'dense/bias' is taken already"):
        made([DENSE], tensors={"dense/bias": tensors["extra"]})


@pytest.mark.parametrize("layout", ["keras", "torch"])
def test_axes_are_the_framework_s_whatever_the_layout_of_the_file(made, layout):
    (kernel, *_) = made([{**DENSE, "kernel_initializer": "he_uniform"}], layout=layout)
    (weight, *_) = made([{**LINEAR, "weight_initializer": "he_uniform"}], layout=layout)
    assert (kernel.shape, kernel.fans.fan_in) == ((6, 4), 6)
    assert (weight.shape, weight.fans.fan_in) == ((4, 6), 6)
