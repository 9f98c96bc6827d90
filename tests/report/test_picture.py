"""What is drawn of a tensor is what is in it: against scipy's densities, and by areas that must come out."""

from functools import partial

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import initgen
from initgen.checks.stats import expect_scheme, stats
from initgen.report import picture
from initgen.specs.tensor import tensor_spec

SHAPE = (300, 200)
RIGHT = ["he_uniform", "he_normal", "kaiming_normal", "random_uniform:minval=2,maxval=5", "trunc_normal:a=-1,b=3,std=2"]


def held(tmp_path, values, scheme=None, **options):
    """The stats of one array."""
    np.save(tmp_path / "w.npy", values)
    expect = expect_scheme(partial(tensor_spec, scheme, **options)) if scheme else None
    return stats(str(tmp_path / "w.npy"), expect=expect, quantiles=True).tensors[0]


def frozen(law):
    """The same law, by scipy."""
    low, high = law.support
    if type(law).__name__ == "Uniform":
        return scipy.stats.uniform(low, high - low)
    if type(law).__name__ == "Normal":
        return scipy.stats.norm(law.center, law.scale)
    cut = (np.array([low, high]) - law.center) / law.scale
    return scipy.stats.truncnorm(*cut, law.center, law.scale)


def scale_of(drawn, edges):
    """Where the frame begins in values, and how wide it is: from the outermost edges, which are low and high."""
    width = (edges[1] - edges[0]) / (drawn.edges[-1] - drawn.edges[0])
    return edges[0] - drawn.edges[0] * width, width


@pytest.mark.parametrize("scheme", RIGHT)
def test_bars_and_density_are_those_of_the_values_and_of_scipy(scheme, tmp_path):
    values = initgen.sample(scheme, SHAPE)
    tensor = held(tmp_path, values, scheme)
    drawn = picture.picture_of(tensor)
    left, width = scale_of(drawn, (values.min(), values.max()))
    found, _ = np.histogram(values, left + drawn.edges * width)
    bars = drawn.heights * np.diff(drawn.edges)
    np.testing.assert_allclose(bars / bars.sum(), found / values.size, atol=0.002)
    inner = drawn.curve[1:-1]
    density = frozen(tensor.spec.made).pdf(left + inner[2:-2, 0] * width) * width
    np.testing.assert_allclose(inner[2:-2, 1] / bars.sum(), density, rtol=0.01, atol=0.003 * density.max())
    assert np.trapezoid(inner[:, 1], inner[:, 0]) == pytest.approx(bars.sum(), rel=0.002)
    assert not drawn.outside.any()
    assert 0.3 < drawn.heights.max() <= 1
    for at, text in drawn.limits:
        assert left + at * width == pytest.approx(float(text.replace("−", "-")), rel=1e-5)
    for at, text in drawn.ticks:
        assert left + at * width == pytest.approx(float(text.replace("−", "-")), abs=1e-6 * width)
    assert len(drawn.limits) == sum(map(np.isfinite, tensor.spec.made.support))
    assert 3 <= len(drawn.ticks) <= 6


def test_the_marked_bars_hold_the_values_beyond_the_limits(tmp_path):
    values = initgen.sample("he_uniform", SHAPE)
    drawn = picture.picture_of(held(tmp_path, values, "lecun_uniform"))
    bars = drawn.heights * np.diff(drawn.edges)
    # he's bound is sqrt(2) of lecun's; the binomial's deviation of the share is 0.002.
    assert bars[drawn.outside].sum() / bars.sum() == pytest.approx(1 - 1 / np.sqrt(2), abs=0.01)


def test_the_marked_bars_end_at_the_limits_wherever_these_cut_them(tmp_path):
    for width in np.linspace(1.1, 3, 60):
        values = np.linspace(-width, width, 400).reshape(20, 20)
        drawn = picture.picture_of(held(tmp_path, values, "random_uniform:minval=-1,maxval=1"))
        low, high = (at for at, _ in drawn.limits)
        steps = np.diff(drawn.edges)
        assert steps.max() < 1.15 * np.median(steps)
        left, right = (drawn.outside & side for side in (drawn.edges[1:] < 0.5, drawn.edges[:-1] > 0.5))
        assert drawn.edges[1:][left].max() == pytest.approx(low, abs=1e-9)
        assert drawn.edges[:-1][right].min() == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize("scheme", RIGHT)
def test_right_quantiles_lie_on_the_diagonal(scheme, tmp_path):
    points = picture.qq_of(held(tmp_path, initgen.sample(scheme, SHAPE), scheme)).points
    middle = points[(points > 0.1).all(axis=1) & (points < 0.9).all(axis=1)]
    assert len(middle) > 30
    np.testing.assert_allclose(*middle.T, atol=0.02)


def test_wrong_quantiles_lie_on_a_line_as_steep_as_their_std(tmp_path):
    qq = picture.qq_of(held(tmp_path, initgen.sample("he_normal", SHAPE), "lecun_normal"))
    slope, _ = np.polyfit(*qq.points.T, 1)
    assert slope == pytest.approx(np.sqrt(2), rel=0.01)


def test_what_is_no_number_takes_no_part_in_the_areas(tmp_path):
    values = initgen.sample("he_uniform", SHAPE)
    values[::2] = np.nan
    drawn = picture.picture_of(held(tmp_path, values, "he_uniform"))
    area = np.trapezoid(drawn.curve[:, 1], drawn.curve[:, 0])
    assert (drawn.heights * np.diff(drawn.edges)).sum() == pytest.approx(area, rel=0.01)


def test_a_structures_law_is_drawn_for_its_other_elements(tmp_path):
    scheme = "padded_normal:row=0"
    tensor = held(tmp_path, initgen.sample(scheme, (4, 5000)), scheme)
    drawn = picture.picture_of(tensor)
    bars = drawn.heights * np.diff(drawn.edges)
    assert np.trapezoid(drawn.curve[:, 1], drawn.curve[:, 0]) == pytest.approx(0.75 * bars.sum(), rel=0.01)


ODD = {
    "empty": np.zeros((0, 3), np.float32),
    "complex": np.zeros(3, np.complex64),
    "all NaN": np.full(9, np.nan, np.float32),
    "infinite": np.full(9, np.inf, np.float32),
    "wider than float64": np.array([-1e308, 0, 1e308]),
}


@pytest.mark.parametrize("name", ODD)
def test_there_is_no_picture_where_there_is_no_number(name, tmp_path):
    tensor = held(tmp_path, ODD[name])
    assert picture.picture_of(tensor) is None
    assert picture.qq_of(tensor) is None


DRAWN = {
    "one value": np.array([2.5], np.float32),
    "zeros": np.zeros((9, 9), np.float32),
    "two values": np.array([0, 1], np.float32),
    "with NaN": np.array([[0, np.nan], [1, -np.inf]], np.float32),
    "an outlier": np.append(np.linspace(-1, 1, 9999), 1e30).reshape(100, 100),
    "narrow": np.linspace(-1e-9, 1e-9, 10000).reshape(100, 100),
    "wide": np.linspace(-1e9, 1e9, 10000).reshape(100, 100),
    "far away": np.linspace(1e9, 1e9 + 1, 10000).reshape(100, 100),
    "tiny": np.linspace(0, 1e-300, 10000).reshape(100, 100),
    "whole": np.arange(100),
    "true and false": np.array([True, False]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scheme", [None, "he_uniform", "random_normal", "zeros", "random_normal:mean=1e9"])
@pytest.mark.parametrize("name", DRAWN)
def test_whatever_has_a_number_is_drawn_inside_the_frame(name, scheme, tmp_path):
    values = DRAWN[name]
    if scheme and (values.dtype.kind != "f" or values.ndim < 2):
        scheme = None
    tensor = held(tmp_path, values, scheme)
    drawn = picture.picture_of(tensor)
    assert len(drawn.edges) - 1 == len(drawn.heights) == len(drawn.outside)
    assert (np.diff(drawn.edges) > 0).all()
    assert 0 <= drawn.edges[0] < drawn.edges[-1] <= 1
    assert drawn.edges[-1] - drawn.edges[0] > 0.01
    assert (drawn.heights >= 0).all()
    assert 0.2 < drawn.heights.max() <= 1
    assert np.isfinite(drawn.curve).all()
    for at, text in (*drawn.ticks, *drawn.limits, *drawn.captions):
        assert 0 <= at <= 1
        assert text


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12), st.integers(3, 6))
def test_ticks_are_few_round_and_where_they_say(left, room, most):
    right = left + room
    if right - left < 1e-9 * abs(left):
        return
    marks = picture.ticks(left, right, most)
    assert 1 <= len(marks) <= most + 1
    values = [float(text.replace("−", "-")) for _, text in marks]
    assert len(set(values)) == len(values)
    if len(values) > 1:
        assert f"{values[1] - values[0]:.2e}".split("e")[0] in ("1.00", "2.00", "2.50", "5.00")
    for (at, _), value in zip(marks, values, strict=True):
        assert -1e-9 <= at <= 1 + 1e-9
        assert left + at * (right - left) == pytest.approx(value, abs=1e-3 * (right - left))


def test_limits_that_would_cover_each_other_are_one_caption(tmp_path):
    near = picture.picture_of(held(tmp_path, initgen.sample("he_normal", (50, 50)) * 100, "he_uniform"))
    assert [text for _, text in near.captions] == [" to ".join(text for _, text in near.limits)]
    apart = picture.picture_of(held(tmp_path, initgen.sample("he_uniform", (50, 50)), "he_uniform"))
    assert apart.captions == apart.limits
