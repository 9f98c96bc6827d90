"""What Keras' initializers and layers draw passes `stats`, and fails it under another scheme.

On the JAX backend: on torch's, Keras draws four candidates for a truncated normal and takes the first even if none of
them is inside, which leaves 4 values in a million outside the bounds. False alarms: see conftest.
"""

import importlib
import os
from typing import Any, NamedTuple

import numpy as np
import pytest

import initgen
from initgen.core.shapes import Kernel

pytestmark = [
    pytest.mark.interop,
    # Keras' variables do not have numpy 2's signature yet.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "jax"
    module = importlib.import_module("keras")
    assert module.backend.backend() == "jax"
    return module


class Drawn(NamedTuple):
    """A class of keras.initializers with its arguments, the scheme that it is, and one that it is not."""

    name: str
    given: dict[str, Any]
    scheme: str
    other: str

    def __str__(self):
        return f"{self.name} {self.scheme}"


DENSE, CONV, LONG = (260, 300), (5, 5, 32, 96), (31, 40, 64)
MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")

# Their names as the scheme: Keras' class names are names of ours.
NAMED = (
    Drawn("HeUniform", {}, "HeUniform", "lecun_uniform"),
    Drawn("HeNormal", {}, "HeNormal", "kaiming_normal"),
    Drawn("LecunUniform", {}, "LecunUniform", "he_uniform"),
    Drawn("LecunNormal", {}, "LecunNormal", "he_normal"),
    Drawn("GlorotUniform", {}, "GlorotUniform", "lecun_uniform"),
    Drawn("GlorotNormal", {}, "GlorotNormal", "xavier_normal"),
)
SCALED = tuple(
    Drawn(
        "VarianceScaling",
        {"scale": scale, "mode": mode, "distribution": distribution},
        f"VarianceScaling:scale={scale},mode={mode},distribution={distribution}",
        f"VarianceScaling:scale={scale},mode={other},distribution={distribution}",
    )
    for scale in (1.0, 0.3)
    for mode, other in zip(MODES, MODES[1:] + MODES[:1], strict=True)
    for distribution in DISTRIBUTIONS
)
PLAIN = (
    Drawn("VarianceScaling", {}, "VarianceScaling", "lecun_uniform"),
    Drawn("VarianceScaling", {"distribution": "normal"}, "lecun_normal", "VarianceScaling:distribution=normal"),
    Drawn("RandomUniform", {}, "RandomUniform", "dummy"),
    Drawn("RandomUniform", {"minval": 0.0, "maxval": 0.3}, "RandomUniform:minval=0,maxval=0.3", "RandomUniform"),
    Drawn("RandomNormal", {}, "RandomNormal", "RandomNormal:stddev=0.051"),
    Drawn("RandomNormal", {"mean": 1.0, "stddev": 0.1}, "RandomNormal:mean=1,stddev=0.1", "RandomNormal:stddev=0.1"),
    Drawn("TruncatedNormal", {}, "TruncatedNormal", "random_normal:stddev=0.044"),
    Drawn("TruncatedNormal", {"mean": -2.0, "stddev": 3.0}, "TruncatedNormal:mean=-2,stddev=3", "TruncatedNormal"),
    Drawn("Orthogonal", {}, "Orthogonal", "orthogonal:gain=1.0001"),
    Drawn("Orthogonal", {"gain": 1.5}, "OrthogonalInitializer:gain=1.5", "orthogonal"),
    Drawn("Zeros", {}, "Zeros", "ones"),
    Drawn("Ones", {}, "Ones", "zeros"),
    Drawn("Constant", {"value": -0.7}, "Constant:value=-0.7", "Constant:value=0.7"),
)


def drawn(keras, case, shape, dtype="float32"):
    seed = {} if case.name in ("Zeros", "Ones", "Constant") else {"seed": 1492}
    return np.asarray(getattr(keras.initializers, case.name)(**case.given, **seed)(shape, dtype))


@pytest.mark.parametrize("shape", [DENSE, CONV, LONG], ids=str)
@pytest.mark.parametrize("case", NAMED + SCALED + PLAIN, ids=str)
def test_initializers_pass_as_themselves_and_fail_as_others(keras, failures, case, shape):
    w = drawn(keras, case, shape)
    assert failures(w, case.scheme) == []
    assert failures(w, case.other)


def test_a_million_values_pass_and_a_correction_of_087_in_place_of_08796_fails(keras, failures):
    w = np.asarray(keras.initializers.HeNormal(seed=3)((1000, 1200)))
    assert failures(w, "he_normal") == []
    assert failures(w * (0.87 / 0.87962566103423978), "he_normal") == [
        "variance",
        "shape (KS distance)",
        "farthest value",
    ]


@pytest.mark.parametrize("case", NAMED[:4], ids=str)
def test_the_layout_decides_the_fans(keras, failures, case):
    assert failures(drawn(keras, case, DENSE), case.scheme, layout="torch")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", NAMED + SCALED[:9] + PLAIN[:8] + PLAIN[10:], ids=str)
def test_narrow_dtypes_pass(keras, failures, case, dtype):
    # Few: in bfloat16 JAX has only 128 different values to draw, which many would show; see test_jax.
    w = drawn(keras, case, (60, 70), dtype)
    assert w.dtype.name == dtype
    assert failures(w, case.scheme) == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", NAMED + SCALED[:9] + PLAIN[:8], ids=str)
def test_weights_rounded_to_a_narrow_dtype_pass_and_others_fail(keras, failures, case, dtype):
    import ml_dtypes

    w = drawn(keras, case, DENSE).astype(getattr(ml_dtypes, dtype, dtype))
    assert failures(w, case.scheme) == []
    assert failures(w, case.other)


@pytest.mark.parametrize("shape", [(8, 8), (200, 50), (50, 200), (3, 3, 16, 64), (3, 3, 64, 16), (7, 1)], ids=str)
def test_orthogonal_passes_at_any_shape(keras, failures, shape):
    w = np.asarray(keras.initializers.Orthogonal(gain=0.3, seed=1)(shape))
    assert failures(w, "orthogonal:gain=0.3") == []


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 0.1, -3.0])
def test_identity_is_keras_array(keras, shape, gain):
    theirs = np.asarray(keras.initializers.Identity(gain)(shape))
    np.testing.assert_array_equal(initgen.sample("Identity", shape, params={"gain": gain}), theirs, strict=True)


@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e30])
def test_constant_is_keras_array(keras, value):
    theirs = np.asarray(keras.initializers.Constant(value)((3, 2)))
    np.testing.assert_array_equal(initgen.sample("Constant", (3, 2), params={"value": value}), theirs, strict=True)


FAN_SHAPES = ((), (5,), (3, 4), (3, 4, 5), (3, 3, 4, 8), (2, 2, 2, 3, 4), (0, 4), (4, 0), (3, 0, 4), (2, 3, 1, 2, 3, 2))


@pytest.mark.parametrize("shape", FAN_SHAPES, ids=str)
def test_fans_are_keras(keras, shape):
    compute_fans = importlib.import_module("keras.src.initializers.random_initializers").compute_fans
    fans = Kernel("keras").fans(shape)
    assert (fans.fan_in, fans.fan_out) == compute_fans(shape)


# A layer, its arguments, the shape it is called with; its kernels pass with the fans of their shape, as Keras has them.
LAYERS = (
    ("Dense", {"units": 300}, (None, 260)),
    ("Conv1D", {"filters": 200, "kernel_size": 5}, (None, 9, 80)),
    ("Conv2D", {"filters": 200, "kernel_size": 3}, (None, 9, 9, 40)),
    ("Conv2D", {"filters": 200, "kernel_size": 3, "groups": 4}, (None, 9, 9, 160)),
    ("Conv2DTranspose", {"filters": 40, "kernel_size": 3}, (None, 9, 9, 200)),
    ("DepthwiseConv2D", {"kernel_size": 5, "depth_multiplier": 30}, (None, 9, 9, 100)),
)


@pytest.mark.parametrize(("layer", "given", "shape"), LAYERS, ids=str)
@pytest.mark.parametrize("initializer", ["he_uniform", "he_normal", "glorot_uniform", "random_normal", "orthogonal"])
def test_kernels_of_layers_pass(keras, failures, layer, given, shape, initializer):
    keras.utils.set_random_seed(7)
    argument = "depthwise_initializer" if layer.startswith("Depthwise") else "kernel_initializer"
    made = getattr(keras.layers, layer)(**given, **{argument: initializer})
    made.build(shape)
    kernel, bias = made.get_weights()
    assert failures(kernel, initializer) == []
    assert failures(bias, "zeros") == []
    assert failures(kernel, "lecun_uniform")


def test_embeddings_and_recurrent_kernels_pass_with_their_defaults(keras, failures):
    keras.utils.set_random_seed(7)
    embedding = keras.layers.Embedding(1000, 80)
    embedding.build((None, 3))
    assert failures(embedding.get_weights()[0], "random_uniform") == []
    lstm = keras.layers.LSTM(130)
    lstm.build((None, 3, 150))
    kernel, recurrent, _ = lstm.get_weights()
    assert failures(kernel, "glorot_uniform") == []
    assert failures(recurrent, "orthogonal") == []


@pytest.mark.parametrize(
    ("layer", "given", "inputs", "kernel"),
    [
        ("Conv2D", {"filters": 4}, 6, Kernel("keras")),
        ("Conv2D", {"filters": 4, "groups": 2}, 6, Kernel("keras", groups=2)),
        ("Conv2D", {"filters": 6, "groups": 6}, 6, Kernel("keras", groups=6)),
        ("Conv2DTranspose", {"filters": 4}, 6, Kernel("keras", transposed=True)),
        ("DepthwiseConv2D", {"depth_multiplier": 5}, 6, Kernel("keras", depthwise=True)),
    ],
    ids=str,
)
def test_true_fans_are_what_a_layer_of_ones_counts(keras, layer, given, inputs, kernel):
    """With ones everywhere, an inner output is the number of inputs that feed it, an inner gradient that of outputs."""
    import jax

    made = getattr(keras.layers, layer)(kernel_size=3, use_bias=False, **given)
    made.build((None, 9, 9, inputs))
    made.set_weights([np.ones(made.weights[0].shape)])
    x = np.ones((1, 9, 9, inputs), np.float32)
    gradient = jax.grad(lambda x: made(x).sum())(x)
    fans = kernel.fans(tuple(made.weights[0].shape))
    assert (fans.fan_in, fans.fan_out) == (float(made(x).max()), float(gradient.max()))
