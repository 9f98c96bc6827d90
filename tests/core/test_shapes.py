"""Shapes as text, and the fans that Keras and torch read out of them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.core.errors import BadParameter
from initgen.core.shapes import Fans, Kernel, check_shape, format_shape, parse_shape

TEXTS = {
    "100x64": (100, 64),
    "64": (64,),
    "scalar": (),
    "()": (),
    "0x10": (0, 10),
    "007x2": (7, 2),
    "x".join(["1"] * 64): (1,) * 64,
    "9223372036854775807": (2**63 - 1,),
    "0x9223372036854775807x1": (0, 2**63 - 1, 1),
}
# What is not a shape, and a part of the message.
BAD = {
    "": "is not a shape",
    "100x": "is not a shape",
    "x3": "is not a shape",
    "-1x3": "is not a shape",
    "1e3x4": "is not a shape",
    "3X4": "is not a shape",
    "3 x 4": "is not a shape",
    "3x4\n": "is not a shape",
    "3.0": "is not a shape",
    "٣x4": "is not a shape",
    "1_000": "is not a shape",
    "x".join(["1"] * 65): "has 65 axes; the most is 64",
    "9223372036854775808": "more than 2^63 elements",
    "4294967296x4294967296": "more than 2^63 elements",
    "0x9223372036854775807x2": "more than 2^63 elements",
    "9" * 20: "is not a shape",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_shape_is_read(text):
    assert parse_shape(text) == TEXTS[text]


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_what_is_not_a_shape_is_refused_in_one_short_line(text):
    with pytest.raises(BadParameter) as caught:
        parse_shape(text)
    assert BAD[text] in caught.value.message
    assert len(caught.value.message) < 220


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=6).map(tuple))
def test_a_shape_is_read_as_it_is_written(shape):
    assert parse_shape(format_shape(shape)) == shape


@pytest.mark.parametrize("shape", [(-1,), (2.0, 3), (True, 2), ("3",)], ids=repr)
def test_a_shape_of_the_api_is_whole_numbers(shape):
    with pytest.raises(BadParameter, match="must be whole numbers from 0"):
        check_shape(shape)


# Measured: keras.src.initializers.random_initializers.compute_fans, 3.15.
KERAS = {
    (): (1, 1),
    (5,): (5, 5),
    (3, 4): (3, 4),
    (3, 4, 5): (12, 15),
    (3, 3, 4, 8): (36, 72),
    (2, 2, 2, 3, 4): (24, 32),
    (0, 4): (0, 4),
    (4, 0): (4, 0),
    (0, 3, 4): (0, 0),
}
# torch.nn.init._calculate_fan_in_and_fan_out.
TORCH = {
    (3, 4): (4, 3),
    (8, 4, 3, 3): (36, 72),
    (5, 4, 3): (12, 15),
    (4, 3, 2, 2, 2): (24, 32),
    (0, 4): (4, 0),
    (4, 0): (0, 4),
}


@pytest.mark.parametrize("shape", KERAS, ids=str)
def test_fans_are_those_of_keras(shape):
    assert Kernel("keras").fans(shape) == Fans(*KERAS[shape])


@pytest.mark.parametrize("shape", TORCH, ids=str)
def test_fans_are_those_of_torch(shape):
    assert Kernel("torch").fans(shape) == Fans(*TORCH[shape])


@pytest.mark.parametrize("shape", [(), (5,)], ids=str)
def test_torch_has_no_fans_below_rank_two(shape):
    with pytest.raises(BadParameter, match="needs two axes") as caught:
        Kernel("torch").fans(shape)
    assert "--fan-in" in caught.value.hint


# A 5x3 window, 6 inputs, 8 outputs, 2 groups: what each true fan is, by counting the weights that meet in one output
# (fan_in) and that leave one input (fan_out). Transposed torch kernels group their second axis.
WINDOW = 15
SPECIAL = [
    (Kernel("keras", transposed=True), (5, 3, 8, 6), (6 * WINDOW, 8 * WINDOW)),
    (Kernel("torch", transposed=True), (6, 8, 5, 3), (6 * WINDOW, 8 * WINDOW)),
    (Kernel("keras", groups=2), (5, 3, 3, 8), (3 * WINDOW, 4 * WINDOW)),
    (Kernel("torch", groups=2), (8, 3, 5, 3), (3 * WINDOW, 4 * WINDOW)),
    (Kernel("torch", groups=2, transposed=True), (6, 4, 5, 3), (3 * WINDOW, 4 * WINDOW)),
    (Kernel("keras", depthwise=True), (5, 3, 6, 2), (WINDOW, 2 * WINDOW)),
    (Kernel("torch", depthwise=True, groups=6), (12, 1, 5, 3), (WINDOW, 2 * WINDOW)),
    (Kernel("torch", depthwise=True), (6, 1, 5, 3), (WINDOW, WINDOW)),
]


@pytest.mark.parametrize(("kernel", "shape", "fans"), SPECIAL, ids=str)
def test_a_kernel_that_says_what_it_is_has_its_true_fans(kernel, shape, fans):
    assert kernel.fans(shape) == Fans(*fans)


# What the framework itself computes for these kernels: reference, section "Special kernels".
PLAIN = [
    (Kernel("keras"), (5, 3, 8, 6), (8 * WINDOW, 6 * WINDOW)),  # transposed: over the outputs
    (Kernel("torch"), (16, 8, 3, 3), (8 * 9, 16 * 9)),  # ConvTranspose2d(16, 8, 3): bound 1/sqrt(8 * 9)
    (Kernel("keras"), (5, 3, 6, 2), (6 * WINDOW, 2 * WINDOW)),  # depthwise
    (Kernel("torch"), (12, 1, 5, 3), (WINDOW, 12 * WINDOW)),  # depthwise
    (Kernel("keras"), (5, 3, 3, 8), (3 * WINDOW, 8 * WINDOW)),  # grouped
    (Kernel("torch"), (8, 3, 5, 3), (3 * WINDOW, 8 * WINDOW)),  # grouped
]


@pytest.mark.parametrize(("kernel", "shape", "fans"), PLAIN, ids=str)
def test_a_kernel_that_says_nothing_has_its_frameworks_fans(kernel, shape, fans):
    assert kernel.fans(shape) == Fans(*fans)


@pytest.mark.parametrize(
    ("kernel", "shape"),
    [
        (Kernel("keras", groups=3), (3, 3, 4, 8)),
        (Kernel("torch", groups=3), (8, 4, 3, 3)),
        (Kernel("torch", groups=4, transposed=True), (6, 4, 3, 3)),
        (Kernel("torch", depthwise=True), (8, 4, 3, 3)),
        (Kernel("torch", depthwise=True, groups=3), (8, 1, 3, 3)),
    ],
    ids=str,
)
def test_channels_that_contradict_the_kernel_are_refused(kernel, shape):
    with pytest.raises(BadParameter, match=r"groups|depthwise"):
        kernel.fans(shape)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5).map(tuple))
def test_the_layouts_are_each_others_transposition(shape):
    *window, inputs, outputs = shape
    keras, torch = Kernel("keras").fans(shape), Kernel("torch").fans((outputs, inputs, *window))
    assert keras == torch == Fans(math.prod(window) * inputs, math.prod(window) * outputs)
