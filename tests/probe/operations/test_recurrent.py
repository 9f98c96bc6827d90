"""Recurrent layers give what keras.layers gives, version 3.15.0 on numpy."""

import numpy as np
import pytest

from initgen.probe.activations import TANH, activation
from initgen.probe.operations.recurrent import GRU, LSTM, SimpleRNN


def filled(shape, start):
    """Values that anyone can make again: sin(start), sin(start + 1) …"""
    return np.sin(start + np.arange(np.prod(shape))).reshape(shape)


# Of two samples of three steps of two features, filled from 1 on; kernel, recurrent kernel and bias from 10, 20, 30 on.
GOLDEN = (
    (SimpleRNN(2), [[-0.814513325691, 0.332495957613], [-0.76634991169, 0.310898989439]]),
    (LSTM(2), [[-0.015163722448, -0.245679229498], [-0.037464354187, -0.234556883574]]),
    (GRU(2), [[-0.147163882053, -0.279345147999], [-0.289010398578, -0.297724821868]]),
    (GRU(2, reset_after=False), [[-0.262403379266, 0.102256165136], [-0.255249509427, 0.045170963774]]),
    (
        LSTM(2, return_sequences=True, go_backwards=True),
        [
            [[-0.066009990871, -0.229823634028], [0.03840424493, -0.080811835825], [0.018604038283, -0.065938405693]],
            [[-0.091966070235, -0.198883652687], [0.030068332329, -0.05712133646], [0.017916200683, -0.078461833298]],
        ],
    ),
    (
        GRU(2, activation("softplus"), recurrent_activation=TANH),
        [[4.201115324618, 2.228918815205], [4.047936292919, 2.156704435706]],
    ),
)


@pytest.mark.parametrize(("layer", "expected"), GOLDEN, ids=lambda value: type(value).__name__)
def test_a_recurrent_layer_is_keras(layer, expected):
    width = layer.GATES * layer.units
    weights = {
        "kernel": filled((2, width), 10),
        "recurrent_kernel": filled((2, width), 20),
        "bias": filled((2, width) if getattr(layer, "reset_after", False) else (width,), 30),
    }
    np.testing.assert_allclose(layer.forward([filled((2, 3, 2), 1)], weights), expected, rtol=0, atol=1e-6)
