"""Convolutions against scipy's, and what theory says of them against what drawn kernels do."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.signal import correlate

from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.operation import Moments


class Placed(NamedTuple):
    """A convolution by its geometry, over so many places."""

    places: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: object
    groups: int = 1
    channels_first: bool = False

    def __str__(self):
        return "-".join(str(value) for value in self).replace(" ", "")

    def convolution(self, channels, filters):
        return Convolution(
            self.window,
            filters,
            channels,
            self.strides,
            self.dilation,
            self.padding,
            self.groups,
            self.channels_first,
            self.places,
        )

    def ordered(self, x):
        """Data with its channels last in this one's own order, and the other way round for its output."""
        return np.moveaxis(x, -1, 1) if self.channels_first else x


PLACED = (
    Placed((9,), (4,), (1,), (1,), "valid"),
    Placed((9,), (3,), (2,), (1,), "same", 2),
    Placed((8,), (4,), (3,), (1,), "same", channels_first=True),
    Placed((9,), (3,), (2,), (2,), "causal"),
    Placed((2,), (5,), (1,), (1,), "same"),
    Placed((7, 6), (3, 2), (2, 3), (1, 2), ((2, 0), (1, 3))),
    Placed((6, 6), (3, 3), (1, 1), (1, 1), "same", 3, True),
    Placed((4, 7), (1, 1), (2, 2), (1, 1), "same"),
    Placed((4, 3), (2, 2), (1, 2), (2, 1), ((5, 0), (0, 0)), 2),
    Placed((5, 4, 3), (2, 3, 1), (1, 2, 1), (1, 1, 1), "same"),
    Placed((3, 4, 5), (2, 2, 2), (1, 1, 2), (1, 2, 1), ((1, 0), (0, 1), (1, 1)), 2, True),
)
# TensorFlow's "same" by hand, which Keras follows: so many zeros before and after that there are ⌈places / stride⌉ windows.
SAME = {PLACED[1]: ((1, 1),), PLACED[2]: ((1, 1),), PLACED[4]: ((2, 2),), PLACED[6]: ((1, 1), (1, 1))}
SAME |= {PLACED[7]: ((0, 0), (0, 0)), PLACED[9]: ((0, 1), (0, 1), (0, 0))}


def by_scipy(placed, x, kernel):
    """The convolution of (batch, *places, channels), one channel and filter at a time."""
    pads = {"causal": ((4, 0),), "valid": ((0, 0),)}.get(placed.padding, placed.padding)
    x = np.pad(x, ((0, 0), *(SAME[placed] if pads == "same" else pads), (0, 0)))
    spread = np.zeros(
        (*(1 + (n - 1) * d for n, d in zip(placed.window, placed.dilation, strict=True)), *kernel.shape[-2:])
    )
    spread[tuple(slice(None, None, apart) for apart in placed.dilation)] = kernel
    kept = tuple(slice(None, None, stride) for stride in placed.strides)
    inputs, outputs = kernel.shape[-2], kernel.shape[-1] // placed.groups
    return np.stack(
        [
            [
                sum(
                    correlate(sample[..., filter // outputs * inputs + channel], spread[..., channel, filter], "valid")
                    for channel in range(inputs)
                )[kept]
                for filter in range(kernel.shape[-1])
            ]
            for sample in x
        ]
    )


@pytest.mark.parametrize("placed", PLACED, ids=str)
def test_a_convolution_is_scipys(placed):
    rng = np.random.default_rng(6)
    channels, filters = 2 * placed.groups, 3 * placed.groups
    x = rng.standard_normal((2, *placed.places, channels))
    kernel, bias = rng.standard_normal((*placed.window, 2, filters)), rng.standard_normal(filters)
    y = placed.convolution(channels, filters).forward([placed.ordered(x)], {"kernel": kernel, "bias": bias})
    expected = np.moveaxis(by_scipy(placed, x, kernel), 1, -1) + bias
    np.testing.assert_allclose(y, placed.ordered(expected), 1e-12, 1e-12)


def test_a_depthwise_convolution_has_the_filters_of_the_first_channel_first():
    x, kernel = np.array([[[1.0, 10.0], [2.0, 20.0]]]), np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    depthwise = Depthwise((1,), 2, 3, (1,), (1,), "valid")
    assert depthwise.forward([x], {"kernel": kernel}).tolist() == [
        [[1, 2, 3, 40, 50, 60], [2, 4, 6, 80, 100, 120]],
    ]


# Each filter, and each channel on the way back, is a draw of its own of the kernel; with inputs of ±1, the mean square
# over a filter is exactly the prediction on average over kernels. Their mean is held to SIGMAS standard errors: with
# thousands of draws, about normal, a false alarm has a chance of 1e-8 for all of the tests here. They see an error of 4 %
# in the number of terms; to take the padding for values would be 13 % or more.
DRAWS, SIGMAS, SEEN = 16_000, 6.5, 0.04
KERNEL, BIAS = 0.3, 0.2


def assert_mean(draws, expected):
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean() - expected) < SIGMAS * error < SEEN * expected


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], size=shape)


@pytest.mark.parametrize("placed", PLACED, ids=str)
def test_outputs_have_the_mean_square_that_theory_says(placed):
    rng = np.random.default_rng(6)
    channels, filters = 6 * placed.groups, DRAWS // placed.groups * placed.groups
    operation = placed.convolution(channels, filters)
    kernel, bias = rng.standard_normal((*placed.window, 6, filters)), rng.standard_normal(filters)
    x = placed.ordered(signs(rng, (2, *placed.places, channels)))
    y = operation.forward([x], {"kernel": KERNEL * kernel, "bias": BIAS * bias})
    laws = {"kernel": Moments(0.0, KERNEL**2), "bias": Moments(0.0, BIAS**2)}
    predicted = operation.moments([Moments(0.0, 1.0)], laws)
    assert predicted.gaussian
    assert predicted.mean == 0
    by_filter = np.moveaxis(y, 1 if placed.channels_first else -1, 0).reshape(filters, -1)
    assert_mean((by_filter**2).mean(axis=1), predicted.square)


@pytest.mark.parametrize("placed", PLACED, ids=str)
def test_gradients_come_back_with_the_mean_square_that_theory_says(placed):
    rng = np.random.default_rng(6)
    channels, filters = DRAWS // placed.groups * placed.groups, 6 * placed.groups
    operation = placed.convolution(channels, filters)
    kernel = KERNEL * rng.standard_normal((*placed.window, channels // placed.groups, filters))
    slid = operation.windows.slid(placed.places)
    x = placed.ordered(np.zeros((2, *placed.places, channels)))
    (gradient,), _ = operation.backward([x], {"kernel": kernel}, placed.ordered(signs(rng, (2, *slid, filters))))
    returned = operation.returned([Moments(0.0, 1.0)], {"kernel": Moments(0.0, KERNEL**2)})
    by_channel = np.moveaxis(gradient, 1 if placed.channels_first else -1, 0).reshape(channels, -1)
    assert_mean((by_channel**2).mean(axis=1), returned)


def test_theory_sees_a_depthwise_convolution_as_one_of_a_group_for_each_channel():
    depthwise = Depthwise((3, 3), 8, 2, (1, 1), (1, 1), "valid", places=(5, 5))
    kernel = {"kernel": Moments(0.0, 0.5)}
    assert depthwise.moments([Moments(0.0, 2.0)], kernel).square == pytest.approx(9 * 0.5 * 2.0)
    # 9 windows of 9 places over 25 places, for each of 2 filters.
    assert depthwise.returned([Moments(0.0, 2.0)], kernel) == pytest.approx(9 * 9 / 25 * 2 * 0.5)


def test_theory_says_nothing_where_the_places_are_unknown():
    convolution = Convolution((3,), 2, 2, (1,), (1,), "same")
    kernel = {"kernel": Moments(0.0, 0.5)}
    assert convolution.moments([Moments(0.0, 1.0)], kernel) is None
    assert convolution.returned([Moments(0.0, 1.0)], kernel) is None
