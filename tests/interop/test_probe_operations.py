"""Operations of a probe give what Keras' layers and torch's functions give, forwards and backwards, in float32.

On the JAX backend: torch's, under Keras, fills "same" padding of poolings with values of the edge.
"""

import importlib
import os
from typing import Any, NamedTuple

import numpy as np
import pytest

from initgen.probe.activations import activation
from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.operation import Operation
from initgen.probe.operations.pooling import GlobalPooling, Pooling
from initgen.probe.operations.recurrent import GRU, LSTM, SimpleRNN

pytestmark = [
    pytest.mark.interop,
    # Keras' variables do not have numpy 2's signature yet.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    # torch says that uneven padding takes memory.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning"),
]

# Of a value, as a share of the largest of its tensor or of 1: float32 sums of up to thousands of products near 1.
ERROR = 2e-5
BATCH = 3


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "jax"
    module = importlib.import_module("keras")
    assert module.backend.backend() == "jax"
    return module


class Case(NamedTuple):
    """An operation, the same in the framework, and the shape of a batch."""

    operation: Operation
    kind: str
    given: dict[str, Any]
    shape: tuple[int, ...]

    def __str__(self):
        told = (f"{key}={value}" for key, value in self.given.items())
        return f"{self.kind}({','.join(told)})x{self.shape}".replace(" ", "")


def sizes(rng, low, high, rank):
    return tuple(int(size) for size in rng.integers(low, high + 1, rank))


def batch(rng, window, dilation, channels, first):
    """The shape of a batch that the window fits into."""
    least = [1 + (size - 1) * apart for size, apart in zip(window, dilation, strict=True)]
    places = tuple(size + int(more) for size, more in zip(least, rng.integers(0, 6, len(window)), strict=True))
    return (BATCH, channels, *places) if first else (BATCH, *places, channels)


def keras_convolution(seed):
    rng = np.random.default_rng(seed)
    rank, first = 1 + seed % 3, bool(seed // 3 % 2)
    padding = ("valid", "same", "causal" if rank == 1 and not first else "same")[seed // 6]
    window, strides, dilation = geometry(rng, rank)
    groups, many, more = (int(x) for x in rng.choice([1, 1, 2, 3], 3))
    channels, filters = groups * many, groups * more
    operation = Convolution(window, filters, channels, strides, dilation, padding, groups, first)
    given = {
        "filters": filters,
        "groups": groups,
        "kernel_size": window,
        "strides": strides,
        "dilation_rate": dilation,
        "use_bias": seed % 4 > 0,
    }
    return Case(
        operation, f"Conv{rank}D", given | ordered(padding, first), batch(rng, window, dilation, channels, first)
    )


def keras_depthwise(seed):
    rng = np.random.default_rng(seed)
    rank, first, padding = 1 + seed % 2, bool(seed // 2 % 2), ("valid", "same")[seed // 4]
    window, strides, dilation = geometry(rng, rank)
    # It takes one stride for all axes.
    strides = strides[:1] * rank
    channels, multiplier = int(rng.integers(1, 4)), 1 + seed % 3
    operation = Depthwise(window, channels, multiplier, strides, dilation, padding, first)
    given = {"kernel_size": window, "depth_multiplier": multiplier, "strides": strides, "dilation_rate": dilation}
    shape = batch(rng, window, dilation, channels, first)
    return Case(operation, f"DepthwiseConv{rank}D", given | ordered(padding, first), shape)


def geometry(rng, rank):
    """A window, its strides and its dilation, of which Keras takes one at a time."""
    window, strides, dilation = sizes(rng, 1, 4, rank), sizes(rng, 1, 3, rank), (1,) * rank
    return (window, strides, dilation) if rng.random() < 0.6 else (window, dilation, sizes(rng, 2, 3, rank))


def ordered(padding, first):
    return {"padding": padding, "data_format": "channels_first" if first else "channels_last"}


def keras_pooling(seed):
    rng = np.random.default_rng(seed)
    rank, first, kind = 1 + seed % 3, bool(seed // 3 % 2), ("max", "average")[seed // 6 % 2]
    window, strides, padding = sizes(rng, 1, 4, rank), sizes(rng, 1, 3, rank), ("valid", "same")[seed // 12]
    given = {"pool_size": window, "strides": strides} | ordered(padding, first)
    shape = batch(rng, window, (1,) * rank, 2, first)
    return Case(Pooling(kind, window, strides, padding, first), f"{kind.capitalize()}Pooling{rank}D", given, shape)


def keras_global(kind, rank, keepdims, first):
    shape = (BATCH, 5, *range(2, 2 + rank))
    given = {"keepdims": keepdims, "data_format": "channels_first" if first else "channels_last"}
    return Case(GlobalPooling(kind, keepdims, first), f"Global{kind.capitalize()}Pooling{rank}D", given, shape)


def keras_recurrent(kind, *, bias=True, features=5, steps=4, **given):
    named = {key: activation(value) if key.endswith("activation") else value for key, value in given.items()}
    return Case(kind(**named), kind.__name__, {"use_bias": bias} | given, (BATCH, steps, features))


RECURRENT = (
    keras_recurrent(SimpleRNN, units=7, go_backwards=True),
    keras_recurrent(SimpleRNN, units=4, bias=False, return_sequences=True, activation="relu"),
    keras_recurrent(LSTM, units=7),
    keras_recurrent(LSTM, units=3, bias=False, go_backwards=True, return_sequences=True, activation="relu"),
    keras_recurrent(LSTM, units=4, activation="softplus", recurrent_activation="tanh"),
    keras_recurrent(GRU, units=7),
    keras_recurrent(GRU, units=4, bias=False, go_backwards=True, return_sequences=True),
    keras_recurrent(GRU, units=4, activation="elu", recurrent_activation="tanh"),
    keras_recurrent(GRU, units=5, reset_after=False),
    keras_recurrent(GRU, units=2, bias=False, reset_after=False, return_sequences=True, activation="selu"),
)
KERAS = (
    *(keras_convolution(seed) for seed in range(18)),
    *(keras_depthwise(seed) for seed in range(8)),
    *(keras_pooling(seed) for seed in range(24)),
    *(keras_global(kind, rank, rank > 1, rank != 2) for kind in ("max", "average") for rank in (1, 2, 3)),
    *RECURRENT,
)


def agree(found, expected, what):
    expected = np.asarray(expected)
    assert found.shape == expected.shape, what
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=ERROR * max(np.abs(expected).max(), 1.0), err_msg=what)


@pytest.mark.parametrize("case", KERAS, ids=str)
def test_an_operation_is_keras_layer(case, keras):
    import jax

    rng = np.random.default_rng(6)
    layer = getattr(keras.layers, case.kind)(**case.given)
    layer.build(case.shape)
    weights = {variable.name: rng.standard_normal(variable.shape, np.float32) for variable in layer.trainable_variables}
    x = rng.standard_normal(case.shape, np.float32)
    kept = [variable.value for variable in layer.non_trainable_variables]
    cotangent = rng.standard_normal(layer.compute_output_shape(case.shape), np.float32)

    def both_ways(values, x):
        y, back = jax.vjp(lambda values, x: layer.stateless_call(values, kept, x)[0], values, x)
        return y, *back(cotangent)

    # Not optimized, which takes far longer than it saves.
    fast = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    y, to_weights, to_input = jax.jit(both_ways, compiler_options=fast)(list(weights.values()), x)

    agree(case.operation.forward([x], weights), y, "output")
    (found,), gradients = case.operation.backward([x], weights, cotangent)
    agree(found, to_input, "input")
    assert gradients.keys() == weights.keys()
    for name, expected in zip(weights, to_weights, strict=True):
        agree(gradients[name], expected, name)


def torch_convolution(seed):
    """One that Keras has not: both strides and dilation, padding at will."""
    rng = np.random.default_rng(seed)
    rank = 1 + seed % 3
    window, strides, dilation = sizes(rng, 1, 4, rank), sizes(rng, 1, 3, rank), sizes(rng, 1, 3, rank)
    around = sizes(rng, 0, 4, rank)
    groups, many, more = (int(x) for x in rng.choice([1, 1, 2, 4], 3))
    padding = tuple((each, each) for each in around)
    operation = Convolution(window, groups * more, groups * many, strides, dilation, padding, groups, True)
    given = {"stride": strides, "padding": around, "dilation": dilation, "groups": groups}
    return Case(operation, f"conv{rank}d", given, batch(rng, window, dilation, groups * many, True))


def torch_same(rank):
    """Its padding by name, which is uneven where a window is."""
    window, dilation, ones = (4, 3, 2)[:rank], (1, 2, 3)[:rank], (1,) * rank
    operation = Convolution(window, 2, 3, ones, dilation, "same", 1, True)
    return Case(operation, f"conv{rank}d", {"padding": "same", "dilation": dilation}, (BATCH, 3, *(7, 6, 5)[:rank]))


def torch_pooling(seed):
    rng = np.random.default_rng(seed)
    rank, counted = 1 + seed % 3, seed % 2 == 0
    kind = ("max", "average")[seed // 6 % 2]
    window, strides = sizes(rng, 1, 4, rank), sizes(rng, 1, 3, rank)
    around = tuple(int(rng.integers(0, size // 2 + 1)) for size in window)
    operation = Pooling(kind, window, strides, tuple((each, each) for each in around), True, counted)
    given = {"kernel_size": window, "stride": strides, "padding": around}
    if kind == "average":
        given["count_include_pad"] = counted
    return Case(
        operation, f"{'max' if kind == 'max' else 'avg'}_pool{rank}d", given, batch(rng, window, window, 2, True)
    )


# As large as a layer of a common network, so that it is made in many pieces: 3 × 3 windows over 64 channels.
LARGE = Case(
    Convolution((3, 3), 64, 64, (1, 1), (1, 1), ((1, 1), (1, 1)), 1, True),
    "conv2d",
    {"padding": (1, 1)},
    (16, 64, 32, 32),
)
# One sample of it is more than a piece.
WIDE = Case(
    Convolution((7, 7), 8, 3, (2, 2), (1, 1), ((3, 3), (3, 3)), 1, True),
    "conv2d",
    {"stride": (2, 2), "padding": (3, 3)},
    (2, 3, 224, 224),
)
TORCH = (
    *(torch_convolution(seed) for seed in range(60)),
    *(torch_pooling(seed) for seed in range(48)),
    *(torch_same(rank) for rank in (1, 2, 3)),
    LARGE,
    WIDE,
)


@pytest.mark.parametrize("case", TORCH, ids=str)
def test_an_operation_is_torchs_function(case):
    import torch

    rng = np.random.default_rng(6)
    operation = case.operation
    weights = {}
    if isinstance(operation, Convolution):
        kernel = (*operation.window, operation.channels // operation.groups, operation.filters)
        weights = {
            "kernel": rng.standard_normal(kernel, np.float32),
            "bias": rng.standard_normal(operation.filters, np.float32),
        }
    x = rng.standard_normal(case.shape, np.float32)
    given = [torch.tensor(x), *map(torch.tensor, weights.values())]
    for tensor in given:
        tensor.requires_grad_()
    function = getattr(torch.nn.functional, case.kind)
    # torch's kernels are (filters, channels / groups, *window).
    theirs = [given[1].movedim((-1, -2), (0, 1)), given[2]] if weights else []
    y = function(given[0], *theirs, **case.given)
    cotangent = rng.standard_normal(y.shape, np.float32)
    expected = torch.autograd.grad(y, given, torch.tensor(cotangent))

    agree(operation.forward([x], weights), y.detach(), "output")
    (found,), gradients = operation.backward([x], weights, cotangent)
    agree(found, expected[0], "input")
    assert gradients.keys() == weights.keys()
    for name, gradient in zip(weights, expected[1:], strict=True):
        agree(gradients[name], gradient, name)
