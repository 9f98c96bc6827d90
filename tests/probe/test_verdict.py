"""Verdicts on a flow, and where the ranges of dtypes end, on series made by hand."""

import math

import pytest

from initgen.probe.result import Flow, LayerSignal, Predicted, Values
from initgen.probe.verdict import flow, limits

TOPS = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


@pytest.mark.parametrize(
    ("start", "end", "depth", "factor", "verdict"),
    [
        (1, 1, 10, 1, "stable"),
        (4, 200, 10, 50**0.1, "stable"),
        (4, 500, 10, 125**0.1, "exploding"),
        (1, 1 / 90, 2, 90**-0.5, "stable"),
        (1, 1 / 110, 2, 110**-0.5, "vanishing"),
        (1, 0, 5, 0, "vanishing"),
        (0, 0, 5, 0, "vanishing"),
        (0, 1, 5, math.inf, "exploding"),
        (1, math.inf, 5, math.inf, "exploding"),
        (1, 2.0**-40, 40, 0.5, "vanishing"),
    ],
)
def test_a_flow_is_stable_within_a_factor_of_a_hundred(start, end, depth, factor, verdict):
    found = flow(start, end, depth, math.sqrt(end / start) if start else math.inf)
    assert found.factor == pytest.approx(factor)
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("total", "deeper", "verdict"),
    [
        (1 / 110, 0.5, "stable"),  # as one over the depth
        (1 / 110, 1 / 11, "vanishing"),
        (110, 9, "stable"),
        (110, 11, "exploding"),
        (9e-5, 0.5, "vanishing"),
        (2e4, 2, "exploding"),
    ],
)
def test_what_comes_slowly_may_go_further(total, deeper, verdict):
    assert flow(1, total, 50, deeper).verdict == verdict


def values(square, largest=None):
    root = math.sqrt(square)
    return Values(0.0, square, square, root, 4 * root if largest is None else largest)


def layers(forward, backward, before=None):
    """One for each mean square."""
    return [
        LayerSignal(
            *(f"l{at}", "Dense", "relu", (1,), values(square)),
            before=None if before is None else values(before[at]),
            dead=None,
            flat=None,
            cosine=None,
            gradient=values(back),
            weights={},
            condition=None,
            predicted=Predicted(),
        )
        for at, (square, back) in enumerate(zip(forward, backward, strict=True))
    ]


STABLE = Flow(1.0, 1.0, "stable")


def told(found):
    return [(limit.dtype, limit.what, limit.problem, limit.layer, limit.depth) for limit in found]


def test_limits_are_the_first_layers_beyond_a_dtype_gradients_counted_from_the_output():
    """Squares of 1e9 have a largest value of 126,491, more than float16's 65,504; 1e-10 has a root below its 6.1e-5."""
    forward, backward = [1, 1e9, 1e9], [1e-10, 1e-10, 1]
    exploding, vanishing = Flow(3e4, 1e9, "exploding"), Flow(1e-5, 1e-10, "vanishing")
    found = limits(layers(forward, backward), exploding, vanishing, 3)
    assert [each for each in told(found) if each[3]] == [
        ("float16", "activations", "overflow", "l1", 2),
        ("float16", "gradients", "underflow", "l1", 2),
    ]


def test_limits_are_foretold_at_the_factor_that_was_measured():
    flow = Flow(4.0, 256.0, "exploding")
    found = limits(layers([4, 16, 64, 256], [1, 1, 1, 1]), flow, STABLE, 4)
    largest, expected = 4 * 16.0, {}
    for depth in range(4, 200):
        for dtype, top in TOPS.items():
            if largest > top:
                expected.setdefault(dtype, depth)
        largest *= 2
    assert told(found) == [(dtype, "activations", "overflow", "", expected[dtype]) for dtype in TOPS]

    flow = Flow(0.25, 1 / 256, "vanishing")
    found = limits(layers([1, 1, 1, 1], [1 / 256, 1 / 64, 1 / 16, 1 / 4]), STABLE, flow, 4)
    root, expected = 1 / 16, {}
    for depth in range(4, 200):
        for dtype, least in {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126}.items():
            if root < least * (1 + 1e-9):
                expected.setdefault(dtype, depth)
        root /= 2
    assert told(found) == [(dtype, "gradients", "underflow", "", expected[dtype]) for dtype in TOPS]


def test_of_what_comes_ever_more_slowly_nothing_is_foretold():
    fading = [depth**-2.0 for depth in range(1, 101)]
    assert limits(layers(fading, [1] * 100), Flow(1e-4**0.01, 1e-4, "vanishing"), STABLE, 100) == ()


def test_of_what_is_stable_nothing_is_foretold():
    assert limits(layers([1, 1], [1, 1]), STABLE, STABLE, 2) == ()
    assert limits(layers([1, 1], [1, 1]), STABLE, None, 2) == ()
    assert limits([], STABLE, None, 0) == ()


def test_what_stands_before_an_activation_overflows_too():
    found = limits(layers([1, 1], [1, 1], before=[1, 1e9]), STABLE, STABLE, 2)
    assert told(found) == [("float16", "activations", "overflow", "l1", 2)]


def test_where_float32_overflows_so_does_each_dtype_at_the_latest():
    exploding = Flow(math.inf, math.inf, "exploding")
    found = limits(layers([1, 1e9], [1, 1]), exploding, None, 2, overflow="l2")
    assert told(found) == [
        ("float16", "activations", "overflow", "l1", 2),
        ("bfloat16", "activations", "overflow", "l2", 3),
        ("float32", "activations", "overflow", "l2", 3),
    ]
