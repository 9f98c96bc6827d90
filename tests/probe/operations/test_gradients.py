"""What each operation gives backwards is what finite differences give, in float64."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest

import initgen.probe.operations
from initgen.probe.activations import NAMES, RELU, SIGMOID, activation
from initgen.probe.operations import convolution
from initgen.probe.operations.activation import Applied, Softmax
from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.dense import Dense, Embedding
from initgen.probe.operations.norm import Norm
from initgen.probe.operations.operation import Operation
from initgen.probe.operations.pooling import GlobalPooling, Pooling
from initgen.probe.operations.recurrent import GRU, LSTM, SimpleRNN
from initgen.probe.operations.shape import Add, Concatenate, Pad, Permute, Reshape

# Of central differences: the rounding of a sum of hundreds of values near 1, over the step, is under 1e-8.
STEP, ERROR = 1e-5, 1e-7


class Case(NamedTuple):
    """An operation, the shapes of its inputs without the batch and of its weights, and the rows that inputs choose."""

    operation: Operation
    inputs: tuple[tuple[int, ...], ...]
    weights: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    rows: int = 0

    def __str__(self):
        given = vars(self.operation).items()
        told = (
            f"{key}={getattr(value, 'name', value)}" for key, value in given if key not in ("windows", "convolution")
        )
        return f"{type(self.operation).__name__}({','.join(told)})".replace(" ", "")

    def drawn(self, dtype=np.float64):
        """A batch, weights and a cotangent; all values are different, so that no maximum is shared."""
        rng = np.random.default_rng(6)
        inputs = [rng.standard_normal((3, *shape)).astype(dtype) for shape in self.inputs]
        if self.rows:
            inputs = [rng.integers(self.rows, size=x.shape).astype(dtype) for x in inputs]
        weights = {name: rng.standard_normal(shape).astype(dtype) for name, shape in self.weights.items()}
        y = self.operation.forward(inputs, weights)
        return inputs, weights, rng.standard_normal(y.shape).astype(dtype)


def conv(window, filters, channels, places, *, groups=1, bias=True, first=False, **given):
    """A convolution with the shapes that belong to it; strides and dilation 1 and padding "valid" unless given."""
    axes = len(window)
    options = {"strides": (1,) * axes, "dilation": (1,) * axes, "padding": "valid"} | given
    weights = {"kernel": (*window, channels // groups, filters)} | ({"bias": (filters,)} if bias else {})
    shape = (channels, *places) if first else (*places, channels)
    return Case(
        Convolution(window, filters, channels, groups=groups, channels_first=first, **options), (shape,), weights
    )


def depthwise(window, channels, multiplier, places, *, first=False, **given):
    axes = len(window)
    options = {"strides": (1,) * axes, "dilation": (1,) * axes, "padding": "valid"} | given
    weights = {"kernel": (*window, channels, multiplier), "bias": (channels * multiplier,)}
    shape = (channels, *places) if first else (*places, channels)
    return Case(Depthwise(window, channels, multiplier, channels_first=first, **options), (shape,), weights)


def recurrent(operation, features=3, steps=4, bias=True):
    width = operation.GATES * operation.units
    weights = {"kernel": (features, width), "recurrent_kernel": (operation.units, width)}
    if bias:
        weights["bias"] = (2, width) if getattr(operation, "reset_after", False) else (width,)
    return Case(operation, ((steps, features),), weights)


SCALED = {"gamma": (5,), "beta": (5,)}
ELU, LEAKY = activation("elu"), activation("leaky_relu")
CASES = (
    Case(Dense(4, 5), ((4,),), {"kernel": (4, 5), "bias": (5,)}),
    Case(Dense(4, 5), ((2, 3, 4),), {"kernel": (4, 5)}),
    Case(Embedding(6), ((5,),), {"embeddings": (6, 3)}, rows=6),
    conv((3,), 4, 2, (7,)),
    conv((3,), 4, 2, (7,), bias=False, padding="same", strides=(2,)),
    conv((3,), 4, 2, (9,), padding="causal", dilation=(2,)),
    conv((3,), 4, 2, (7,), first=True, padding=((2, 1),), strides=(3,)),
    conv((3, 2), 2, 3, (5, 4)),
    conv((3, 2), 4, 6, (5, 6), groups=2, strides=(2, 3), padding=((1, 0), (0, 2))),
    conv((2, 3), 4, 4, (5, 6), groups=4, dilation=(2, 1), padding="same", first=True),
    conv((1, 1), 2, 3, (4, 5), strides=(2, 2), padding="same"),
    conv((2, 2), 2, 1, (3, 3), strides=(4, 4)),
    conv((2, 1, 2), 2, 2, (3, 2, 4), padding="same", strides=(1, 2, 2)),
    conv((2, 2, 2), 4, 4, (3, 3, 3), groups=2, first=True, padding=((1, 1), (0, 0), (2, 1))),
    depthwise((3,), 3, 2, (6,), padding="same", strides=(2,)),
    depthwise((3, 2), 2, 3, (5, 4), dilation=(2, 2), padding="same", first=True),
    depthwise((2, 2), 3, 1, (4, 4), strides=(2, 2)),
    *(
        Case(pool, (shape,))
        for kind in ("max", "average")
        for pool, shape in (
            (Pooling(kind, (2,), (2,), "valid"), (5, 3)),
            (Pooling(kind, (3, 2), (2, 1), "same"), (6, 5, 2)),
            (Pooling(kind, (3, 3), (2, 2), ((1, 1), (0, 2)), True, True), (2, 5, 4)),
            (Pooling(kind, (3, 2), (1, 3), ((1, 2), (1, 1)), True), (2, 5, 4)),
            (Pooling(kind, (2, 1, 3), (1, 2, 2), "same"), (3, 2, 4, 2)),
            (GlobalPooling(kind), (4, 3)),
            (GlobalPooling(kind, keepdims=True), (2, 3, 4)),
            (GlobalPooling(kind, channels_first=True), (3, 2, 3)),
            (GlobalPooling(kind, True, True), (3, 2, 2, 2)),
        )
    ),
    *(Case(Applied(activation(name)), ((4, 3),)) for name in (*NAMES, "elu:alpha=0.4", "gelu:approximate=true")),
    Case(Softmax(), ((2, 4),)),
    Case(Softmax(1), ((4, 3),)),
    Case(Norm(None, (-1,), 1e-3), ((5,),), SCALED),
    Case(Norm(None, (1,), 1e-3), ((5, 2, 2),), SCALED),
    Case(Norm(None, (3,), 1e-3), ((2, 2, 5),)),
    Case(Norm((-1,), (-1,), 1e-5), ((3, 5),), SCALED),
    Case(Norm((1, 2), (1, 2), 1e-5), ((3, 5),), {"gamma": (3, 5), "beta": (3, 5)}),
    Case(Norm((-1,), (-1,), 1e-5, centred=False), ((3, 5),), {"gamma": (5,)}),
    Case(Reshape((-1,)), ((2, 3),)),
    Case(Reshape((3, -1, 2)), ((6, 2),)),
    Case(Permute((0, 3, 1, 2)), ((2, 3, 4),)),
    Case(Pad(((1, 0), (0, 2))), ((2, 3),)),
    Case(Add(), ((2, 3), (2, 3), (2, 3))),
    Case(Concatenate(-1), ((2, 3), (2, 1), (2, 2))),
    Case(Concatenate(1), ((2, 3), (1, 3))),
    recurrent(SimpleRNN(5)),
    recurrent(SimpleRNN(2, RELU, return_sequences=True, go_backwards=True), bias=False),
    recurrent(LSTM(5)),
    recurrent(LSTM(2, ELU, True, True, recurrent_activation=LEAKY)),
    recurrent(LSTM(2, go_backwards=True), steps=1, bias=False),
    *(
        recurrent(gru, bias=bias)
        for after in (True, False)
        for gru, bias in (
            (GRU(5, reset_after=after), True),
            (GRU(2, SIGMOID, True, True, recurrent_activation=ELU, reset_after=after), True),
            (GRU(2, return_sequences=True, reset_after=after), False),
        )
    ),
)


def differences(case, inputs, weights, cotangent, x):
    """The gradient with respect to ``x``, one of the arrays, value by value."""
    gradient = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        kept = x[at]
        x[at] = kept + STEP
        above = (cotangent * case.operation.forward(inputs, weights)).sum()
        x[at] = kept - STEP
        gradient[at] = (above - (cotangent * case.operation.forward(inputs, weights)).sum()) / (2 * STEP)
        x[at] = kept
    return gradient


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_are_finite_differences(case):
    inputs, weights, cotangent = case.drawn()
    to_inputs, to_weights = case.operation.backward(inputs, weights, cotangent)
    assert to_weights.keys() == weights.keys()
    assert len(to_inputs) == len(inputs)
    for x, gradient in zip(inputs, to_inputs, strict=True):
        if case.rows:
            assert gradient is None
            continue
        np.testing.assert_allclose(gradient, differences(case, inputs, weights, cotangent, x), ERROR, ERROR)
    for name, weight in weights.items():
        np.testing.assert_allclose(
            to_weights[name], differences(case, inputs, weights, cotangent, weight), ERROR, ERROR, err_msg=name
        )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_is_float32_where_the_input_is_and_nothing_given_is_changed(case):
    inputs, weights, cotangent = case.drawn(np.float32)
    given = [*inputs, *weights.values(), cotangent]
    for array in given:
        array.flags.writeable = False
    y = case.operation.forward(inputs, weights)
    to_inputs, to_weights = case.operation.backward(inputs, weights, cotangent)
    for array in (y, *to_inputs, *to_weights.values()):
        assert array is None or array.dtype == np.float32


@pytest.mark.parametrize("piece", [1, 700])
@pytest.mark.parametrize("case", [case for case in CASES if isinstance(case.operation, Convolution)], ids=str)
def test_a_convolution_in_pieces_is_the_same(case, piece, monkeypatch):
    inputs, weights, cotangent = case.drawn()
    whole = case.operation.forward(inputs, weights), case.operation.backward(inputs, weights, cotangent)
    monkeypatch.setattr(convolution, "PIECE", piece)
    y, (to_inputs, to_weights) = (
        case.operation.forward(inputs, weights),
        case.operation.backward(inputs, weights, cotangent),
    )
    np.testing.assert_allclose(y, whole[0], 1e-12, 1e-12)
    np.testing.assert_allclose(to_inputs[0], whole[1][0][0], 1e-12, 1e-12)
    for name, gradient in to_weights.items():
        np.testing.assert_allclose(gradient, whole[1][1][name], 1e-12, 1e-12)


def test_every_operation_is_here():
    found = set()
    for module in pkgutil.iter_modules(initgen.probe.operations.__path__):
        for value in vars(importlib.import_module(f"initgen.probe.operations.{module.name}")).values():
            if inspect.isclass(value) and issubclass(value, Operation) and not inspect.isabstract(value):
                found.add(value)
    assert found == {type(case.operation) for case in CASES}
