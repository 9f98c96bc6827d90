"""Shapes that do not fit are refused in one line that says what came and what is taken."""

import numpy as np
import pytest

from initgen.core.errors import BadParameter
from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.pooling import GlobalPooling, Pooling
from initgen.probe.operations.recurrent import GRU, LSTM, SimpleRNN

CONVOLUTION = Convolution((3, 3), 4, 2, (1, 1), (2, 1), "valid")
FIRST = Convolution((3,), 4, 2, (1,), (1,), "valid", channels_first=True)
DEPTHWISE = Depthwise((3,), 4, 2, (1,), (1,), "same")
POOLING = Pooling("max", (2, 3), (2, 2), "valid")
# None of them gets as far as to use it.
KERNEL = {"kernel": np.ones((3, 4, 2))}
RECURRENT = {"kernel": np.ones((5, 12)), "recurrent_kernel": np.ones((3, 12))}


@pytest.mark.parametrize(
    ("operation", "shape", "weights", "message"),
    [
        (CONVOLUTION, (9, 9, 3), KERNEL, "gets 3 channels, and its kernel takes 2"),
        (CONVOLUTION, (9, 2), KERNEL, "gets shape 9x2, and takes 3 axes, the last its channels"),
        (CONVOLUTION, (4, 9, 2), KERNEL, "gets 4x9 places, too few for its window of 3x3 with dilation 2x1"),
        (FIRST, (9, 2), KERNEL, "gets 9 channels, and its kernel takes 2"),
        (FIRST, (9,), KERNEL, "gets shape 9, and takes 2 axes, the first its channels"),
        (FIRST, (2, 2), KERNEL, "gets 2 places, too few for its window of 3"),
        (DEPTHWISE, (9, 5), KERNEL, "gets 5 channels, and its kernel takes 4"),
        (POOLING, (9, 9), {}, "gets shape 9x9, and takes 3 axes, the last its channels"),
        (POOLING, (2, 2, 7), {}, "gets 2x2 places, too few for its window of 2x3"),
        (GlobalPooling("max"), (9,), {}, "gets shape 9, and takes places and channels"),
        (GlobalPooling("average"), (0, 9), {}, "gets shape 0x9, and takes places and channels"),
        *(
            (layer, shape, RECURRENT, message)
            for layer in (SimpleRNN(12), LSTM(3), GRU(4))
            for shape, message in (
                ((7, 4), "gets 4 features, and its kernel takes 5"),
                ((5,), "gets shape 5, and takes steps and features"),
                ((0, 5), "gets shape 0x5, and takes steps and features"),
            )
        ),
    ],
    ids=str,
)
def test_an_input_that_does_not_fit_is_refused(operation, shape, weights, message):
    with pytest.raises(BadParameter) as refused:
        operation.forward([np.ones((2, *shape))], weights)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Convolution((3,), 4, 3, (1,), (1,), "same", 2), "channels = 3 cannot be divided into 2 groups"),
        (lambda: Convolution((3,), 3, 4, (1,), (1,), "same", 2), "filters = 3 cannot be divided into 2 groups"),
        (lambda: Convolution((3,), 3, 4, (1,), (1,), "same", 0), "channels = 4 cannot be divided into 0 groups"),
        (lambda: Convolution((3, 3), 3, 4, (1,), (1, 1), "same"), "strides = 1 must be 2 sizes from 1"),
        (lambda: Convolution((3, 3), 3, 4, (1, 1), (0, 1), "same"), "dilation = 0x1 must be 2 sizes from 1"),
        (lambda: Depthwise((0,), 3, 4, (1,), (1,), "same"), "window = 0 must be 1 sizes from 1"),
        (lambda: Convolution((3, 3), 3, 4, (1, 1), (1, 1), "causal"), "padding = 'causal' is for one spatial axis"),
        (lambda: Convolution((3, 3), 3, 4, (1, 1), (1, 1), ((1, 1),)), "padding has 1 axes, and the window 2"),
        (lambda: Pooling("max", (2, 3), (1, 1), ((0, 2), (2, 2))), "padding must be smaller than the window of 2x3"),
    ],
)
def test_an_operation_that_cannot_be_is_refused(make, message):
    with pytest.raises(BadParameter) as refused:
        make()
    assert str(refused.value) == message
