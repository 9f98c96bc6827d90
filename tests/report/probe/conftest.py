"""Networks as a probe would find them, made by hand: numbers that follow from the factor of each layer."""

import math
from dataclasses import replace

import pytest

from initgen.probe.result import (
    Candidate,
    Critical,
    FixedPoint,
    Flow,
    LayerSignal,
    Limit,
    NetworkSignal,
    Predicted,
    Values,
)

WIDTH = 256


def values(square, mean=0.0, size=WIDTH):
    """Of so many units, with this mean square."""
    return Values(mean, square - mean * mean, square, math.sqrt(square * size), 4.5 * math.sqrt(square))


def wobble(index):
    """Chance, of a few per cent, the same in every run."""
    return 1 + 0.04 * math.sin(2.3 * index)


def flow(factor, layers):
    total = factor**layers
    return Flow(factor, total, "stable" if 1e-3 < total < 1e3 else "vanishing" if total < 1 else "exploding")


def dense(index, count, forward, backward, *, activation="relu", predicted=True, size=WIDTH):
    """One of ``count`` layers, each of which multiplies the signal by these factors."""
    square = forward**index * wobble(index)
    mean = math.sqrt(square / math.pi) if activation == "relu" else 0.0
    gradient = backward ** (count - index) * wobble(index + 9)
    cosine = 1 - 0.9 / (1 + 0.3 * index)
    return LayerSignal(
        name=f"dense_{index - 1}" if index > 1 else "dense",
        kind="Dense",
        activation=activation,
        shape=(size,),
        values=values(square, mean, size),
        before=values(2 * square, 0.0, size),
        dead=0.0 if index < 9 else 0.011 * index,
        flat=0.5,
        cosine=cosine,
        gradient=values(gradient, 0.0, size),
        weights={"kernel": math.sqrt(WIDTH * gradient * square), "bias": math.sqrt(gradient)},
        condition=None,
        predicted=Predicted(
            0.564 * math.sqrt(forward**index), forward**index, 2.0, cosine + 0.004, backward ** (count - index), forward
        )
        if predicted
        else Predicted(),
    )


def network(title, layers, forward, backward, **given):
    first = layers[0].gradient
    return NetworkSignal(
        title=title,
        batch=256,
        seed=0,
        depth=len(layers),
        parameters=WIDTH * (WIDTH + 1) * len(layers),
        weights="",
        input=values(1.0),
        input_cosine=0.0021,
        input_gradient=first,
        layers=tuple(layers),
        forward=flow(forward, len(layers)),
        backward=flow(backward, len(layers)),
        limits=given.pop("limits", ()),
        **given,
    )


def stack(title, count, forward, backward, **given):
    return network(title, [dense(i, count, forward, backward) for i in range(1, count + 1)], forward, backward, **given)


SUGGESTED = {
    "critical": (Critical("relu", math.sqrt(2), 0.0, None),),
    "candidates": (
        Candidate("he_uniform", flow(1.0, 50), flow(1.0, 50)),
        Candidate("he_normal", flow(1.0, 50), flow(1.0, 50)),
        Candidate("lecun_uniform", flow(0.5, 50), flow(0.5, 50)),
        Candidate("small_init", flow(0.4, 50), flow(0.41, 50)),
    ),
}


def he():
    limits = (
        Limit("bfloat16", "activations", "overflow", "", 5400),
        Limit("float32", "activations", "overflow", "", 5400),
    )
    fixed = FixedPoint(None, 1.0)
    return stack("he_uniform, relu", 50, 0.996, 1.003, limits=limits, fixed=fixed, **SUGGESTED)


def lecun():
    limits = (
        Limit("float16", "activations", "underflow", "dense_27", 28),
        Limit("bfloat16", "activations", "underflow", "", 252),
        Limit("float32", "activations", "underflow", "", 252),
        Limit("float16", "gradients", "underflow", "dense_21", 29),
    )
    fixed = FixedPoint(0.0, 0.5)
    return stack("lecun_uniform, relu", 50, 0.5, 0.5, limits=limits, fixed=fixed, **SUGGESTED)


def exploding():
    """float32 overflows in the 37th of 50 layers, which is not there any more; nor are gradients."""
    layers = [
        replace(
            dense(i, 50, 128.0, 1.0),
            gradient=None,
            weights={},
            predicted=Predicted(square=128.0**i, gradient=1e50 * i, chi=128.0),
        )
        for i in range(1, 37)
    ]
    limits = (
        Limit("float16", "activations", "overflow", "dense_3", 4),
        Limit("bfloat16", "activations", "overflow", "dense_36", 37),
        Limit("float32", "activations", "overflow", "dense_36", 37),
    )
    whole = network("random_normal:stddev=1, relu", layers, 128.0, 1.0, limits=limits, overflow="dense_36")
    return replace(whole, depth=50, backward=None, input_gradient=None)


def infinite():
    """A layer of which nothing is finite."""
    whole = exploding()
    last = replace(whole.layers[-1], values=Values(*[math.inf] * 5), cosine=None, predicted=Predicted())
    return replace(whole, layers=(*whole.layers[:-1], last), forward=Flow(math.inf, math.inf, "exploding"), overflow="")


def first():
    """The first layer overflows, so that there is none."""
    limits = tuple(Limit(name, "activations", "overflow", "dense", 1) for name in ("float16", "bfloat16", "float32"))
    forward = Flow(math.inf, math.inf, "exploding")
    whole = replace(exploding(), title="random_normal:stddev=1e30, relu", layers=(), limits=limits)
    return replace(whole, forward=forward, overflow="dense", critical=(), candidates=())


def softmax():
    """Two layers, the second a softmax of ten, without a prediction."""
    head = dense(2, 2, 0.02, 1.0, activation="softmax", predicted=False, size=10)
    head = replace(head, values=values(0.0124, 0.1, 10), dead=None, flat=None, condition=12.25)
    return replace(network("examples/seed.json", [dense(1, 2, 1.0, 0.2), head], 0.11, 0.9), input_cosine=None)


def lstm():
    """Recurrent layers that nothing is predicted of, a flat one without weights between, names that are long."""
    layers = [
        replace(
            dense(i, 4, 0.3, 0.6, activation="tanh" if i != 3 else "", predicted=False),
            name=f"encoder/bidirectional_{i}/forward_lstm_{i}",
            kind="LSTM" if i != 3 else "Flatten",
            shape=(20, 64),
            weights={"kernel": 0.3, "recurrent_kernel": 0.2, "bias": 0.01} if i != 3 else {},
            dead=None,
            before=None,
        )
        for i in range(1, 5)
    ]
    return replace(network("glorot_uniform, LSTM", layers, 0.3, 0.6), input=None, weights="trained.h5")


def dead():
    """All zero after the first layer: no gradient, no cosine, no logarithm."""
    layers = [
        replace(
            dense(i, 3, 1.0, 1.0),
            values=Values(0.0, 0.0, 0.0, 0.0, 0.0),
            before=values(82.0, -9.0) if i == 1 else None,
            dead=1.0,
            flat=1.0,
            cosine=None,
            gradient=Values(0.0, 0.0, 0.0, 0.0, 0.0) if i < 3 else values(1.0),
            weights={"kernel": 0.0, "bias": 0.0},
            predicted=Predicted(),
        )
        for i in range(1, 4)
    ]
    whole = network("zeros, relu", layers, 1.0, 1.0)
    none = Flow(0.0, 0.0, "vanishing")
    return replace(whole, forward=none, backward=none)


def tanh():
    """On the edge of chaos, with biases, and a range that ends in several directions."""
    layers = [dense(i, 30, 0.97, 1.02, activation="tanh") for i in range(1, 31)]
    return network(
        "orthogonal, tanh", layers, 0.97, 1.02, critical=(Critical("tanh", 1.2996, 0.2237, 0.5714),), candidates=()
    )


def one():
    """A layer alone, which explodes."""
    return stack("random_normal:stddev=100, linear", 1, 2.5e6, 1.0)


ALL = {each.__name__: each() for each in (he, lecun, exploding, infinite, first, softmax, lstm, dead, tanh, one)}


@pytest.fixture(scope="session")
def networks():
    """Every network, by name."""
    return ALL
