"""Poolings by hand, at the edges of the input where the frameworks differ."""

import numpy as np
import pytest

from initgen.probe.operations.pooling import GlobalPooling, Pooling

ROW = np.array([1.0, 5.0, -2.0, 4.0, -3.0])
# One sample of one channel; TensorFlow's "same" adds a row and a column at its ends for windows of 2 × 2 by 2.
PICTURE = -np.arange(1.0, 10.0).reshape(1, 3, 3, 1)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (Pooling("max", (2,), (2,), "valid"), [5, 4]),
        (Pooling("average", (2,), (2,), "valid"), [3, 1]),
        (Pooling("max", (2,), (2,), "same"), [5, 4, -3]),
        (Pooling("average", (2,), (2,), "same"), [3, 1, -3]),
        (Pooling("average", (2,), (2,), "same", count_padding=True), [3, 1, -1.5]),
        (Pooling("average", (3,), (2,), ((1, 1),)), [3, 7 / 3, 0.5]),
        (Pooling("average", (3,), (2,), ((1, 1),), count_padding=True), [2, 7 / 3, 1 / 3]),
        (Pooling("max", (3,), (1,), ((2, 0),)), [1, 5, 5, 5, 4]),
    ],
    ids=str,
)
def test_a_row_is_pooled(pooling, expected):
    assert pooling.forward([ROW[None, :, None]], {}).ravel().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("kind", "counted", "expected"),
    [
        ("max", False, [-1, -3, -7, -9]),
        ("average", False, [-3, -4.5, -7.5, -9]),
        ("average", True, [-3, -2.25, -3.75, -2.25]),
    ],
)
def test_a_picture_is_pooled(kind, counted, expected, first):
    pooling = Pooling(kind, (2, 2), (2, 2), "same", first, counted)
    y = pooling.forward([np.moveaxis(PICTURE, -1, 1) if first else PICTURE], {})
    assert y.shape == ((1, 1, 2, 2) if first else (1, 2, 2, 1))
    assert y.ravel().tolist() == expected


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("kind", "expected"), [("max", [4.0, 8.0]), ("average", [2.5, 6.5])])
def test_a_global_pooling_is_over_all_places_of_a_channel(kind, expected, first):
    channels = np.arange(1.0, 9.0).reshape(1, 2, 2, 2)
    x = channels if first else np.moveaxis(channels, 1, -1)
    assert GlobalPooling(kind, False, first).forward([x], {}).tolist() == [expected]
    kept = GlobalPooling(kind, True, first).forward([x], {})
    assert kept.shape == ((1, 2, 1, 1) if first else (1, 1, 1, 2))
    assert kept.ravel().tolist() == expected


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (Pooling("max", (2,), (2,), "valid"), [7, 0, 8, 0, 9, 0]),
        (Pooling("max", (3,), (3,), "valid"), [7, 0, 0, 0, 8, 0]),
        (GlobalPooling("max"), [0, 0, 0, 0, 7, 0]),
    ],
    ids=str,
)
def test_of_equal_values_the_first_gets_the_gradient(pooling, expected):
    x = np.array([2.0, 2.0, 2.0, 1.0, 3.0, 3.0])[None, :, None]
    y = pooling.forward([x], {})
    (gradient,), _ = pooling.backward([x], {}, np.arange(7.0, 7.0 + y.size).reshape(y.shape))
    assert gradient.ravel().tolist() == expected
