"""Charts: bars as high as what they count, the density where the law has it, bounds where they are, labels in full."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from initgen.checks.histogram import Histogram
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.report.chart import ASCII, BEYOND, BLOCKS, axis, between, density, frame, picture, sparkline

HEIGHT = 8
LAWS = {
    "uniform": Uniform(-0.25, 0.25),
    "shifted uniform": Uniform(3.0, 7.0),
    "normal": Normal(1.0, 0.1),
    "truncated": TruncatedNormal(0.0, 0.2, -0.4, 0.4),
    "cut on one side": TruncatedNormal(0.0, 0.2, -0.1, math.inf),
    "cut far out": TruncatedNormal(0.0, 0.02, -2.0, 2.0),
}


def histogram_of(values):
    """The same as `initgen.checks.histogram` makes of exact values."""
    values = np.asarray(values, float)
    counts, _ = np.histogram(values, 240, (values.min(), values.max()))
    return Histogram(values.min(), values.max(), counts.astype(float))


def plain(lines):
    return [line.plain for line in lines]


def columns(lines):
    """The picture without its axis, as columns from the bottom up."""
    lines = plain(lines)[:HEIGHT]
    width = max(map(len, lines))
    return ["".join(line.ljust(width)[at] for line in reversed(lines)) for at in range(width)]


def eighths(column):
    return sum(" ▁▂▃▄▅▆▇█".index(char) for char in column)


def halves(column):
    """Twice the height of the density's mark; None where there is none."""
    marks = [2 * row + 1 + "─▔".index(char) for row, char in enumerate(column) if char in "─▔"]
    assert len(marks) <= 1
    return marks[0] if marks else None


@pytest.mark.parametrize("bars", [20, 40])
def test_bars_are_as_high_as_what_numpy_counts(bars):
    values = np.random.default_rng(1).normal(size=5000)
    wanted, edges = np.histogram(values, bars)
    law = Uniform(edges[0], edges[-1])
    shown = columns(picture(histogram_of(values), law, 0, 2 * bars + 1))[1::2]
    for column, count in zip(shown, wanted, strict=True):
        # One value may lie on the other side of an edge that differs in its last bit.
        assert abs(eighths(column) - count / wanted.max() * 8 * HEIGHT) <= 1.1
        assert (eighths(column) > 0) == (count > 0)


@pytest.mark.parametrize("n", [300, 10_000])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_density_is_where_scipy_has_it(law, n):
    low, high = law.support
    wide = min(high, law.mean + 4 * law.std) - max(low, law.mean - 4 * law.std)
    values = max(low, law.mean - 4 * law.std) + wide * np.linspace(0, 1, 1000)
    histogram = histogram_of(values)
    outline = frame(histogram.low, histogram.high, law, 40)
    if isinstance(law, Uniform):
        theirs = stats.uniform(law.low, law.high - law.low)
    elif isinstance(law, Normal):
        theirs = stats.norm(law.center, law.scale)
    else:
        theirs = stats.truncnorm(
            (law.low - law.center) / law.scale, (law.high - law.center) / law.scale, law.center, law.scale
        )
    wanted = n * outline.step * theirs.pdf(outline.edges)
    top = max(wanted.max(), *between(histogram, outline, law))
    found = [halves(column) or 0 for column in columns(picture(histogram, law, n, 81))[::2]]
    for index, (mark, share) in enumerate(zip(found, wanted / top, strict=False)):
        if index not in outline.bounds:
            assert abs(mark - share * 2 * HEIGHT) <= 0.5 + 0.03 * 2 * HEIGHT
    assert n == 300 or max(found) >= 2 * HEIGHT - 1


@pytest.mark.parametrize("glyphs", [BLOCKS, ASCII], ids=["blocks", "ascii"])
def test_bars_and_density_have_columns_of_their_own(glyphs):
    values = np.random.default_rng(2).normal(0, 0.1, 3000)
    shown = columns(picture(histogram_of(values), TruncatedNormal(0, 0.1, -0.2, 0.2), 3000, 61, glyphs))
    bars, marks = set("".join(shown[1::2])), set("".join(shown[::2]))
    assert bars <= set(glyphs.eighths)
    assert marks == {" ", glyphs.limit, *glyphs.halves}
    assert bars & marks == {" "}


spans = st.tuples(st.floats(-10, 10), st.floats(1e-3, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(span=spans, law=st.sampled_from([None, *LAWS.values()]), most=st.integers(1, 60))
def test_a_frame_holds_all_values_and_its_bounds_are_the_laws(span, law, most):
    outline = frame(*span, law, most)
    bars = len(outline.edges) - 1
    assert 1 <= bars <= most
    assert np.allclose(np.diff(outline.edges), outline.step, rtol=1e-6)
    slack = 0.002 * outline.step
    assert outline.edges[0] <= span[0] + slack
    assert outline.edges[-1] >= span[1] - slack
    if law:
        finite = [bound for bound in law.support if abs(bound - law.mean) <= 6 * law.std]
        assert all(min(abs(outline.edges[i] - bound) for i in outline.bounds) < outline.step for bound in finite)
        union = max(span[1], *finite, -math.inf) - min(span[0], *finite, math.inf)
        if len(finite) == 2 and union / (finite[1] - finite[0]) + 2 <= most:
            assert [outline.edges[i] for i in outline.bounds] == pytest.approx(finite)


@given(
    counts=st.lists(st.integers(0, 1000), min_size=240, max_size=240),
    law=st.sampled_from([None, *LAWS.values()]),
    span=spans,
    most=st.integers(1, 60),
)
def test_no_value_is_lost_or_counted_twice(counts, law, span, most):
    histogram = Histogram(*span, np.array(counts, float))
    shown = between(histogram, frame(*span, law, most), law)
    assert sum(shown) == pytest.approx(sum(counts), rel=1e-6, abs=1e-6)
    assert min(shown) >= 0


@pytest.mark.parametrize("outlier", [0.26, 0.3, 0.5, 3.0, 30.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_value_beyond_the_bound_is_seen_there_and_nothing_else_is(outlier, sign):
    values = np.append(np.random.default_rng(3).uniform(-0.25, 0.25, 20_000), sign * outlier)
    lines = picture(histogram_of(values), Uniform(-0.25, 0.25), 20_001, 99)
    beyond = [
        (span.start, line.plain[span.start : span.end].strip())
        for line in lines[:HEIGHT]
        for span in line.spans
        if span.style == BEYOND and line.plain[span.start : span.end].strip()
    ]
    ((at, bar),) = beyond
    assert bar == "▁"
    limits = [index for index, char in enumerate(lines[0].plain) if char == "┊"]
    assert at > limits[-1] if sign > 0 else at < limits[0]


def test_nothing_is_beyond_where_nothing_is():
    values = np.random.default_rng(4).uniform(-0.25, 0.25, 20_000)
    lines = picture(histogram_of(values), Uniform(-0.25, 0.25), 20_000, 81)
    assert not [span for line in lines for span in line.spans if span.style == BEYOND]
    assert all(line.plain[0] == line.plain[80] == "┊" for line in lines[:HEIGHT])


def test_a_rounding_past_the_bound_is_not_beyond_it():
    values = np.append(np.random.default_rng(5).uniform(-0.25, 0.25, 20_000), 0.2519)
    for rounding, beyond in ((0.0, True), (2.0**-7, False)):
        lines = picture(histogram_of(values), Uniform(-0.25, 0.25), 20_001, 81, rounding=rounding)
        assert beyond == any(span.style == BEYOND for line in lines for span in line.spans)
        histogram = histogram_of(values)
        outline = frame(histogram.low, histogram.high, Uniform(-0.25, 0.25), 40, rounding)
        assert sum(between(histogram, outline, Uniform(-0.25, 0.25), rounding)) == pytest.approx(20_001, abs=1e-6)


@pytest.mark.parametrize("law", [None, Constant(0.5)], ids=["none", "constant"])
def test_without_a_density_bars_stand_side_by_side(law):
    lines = picture(histogram_of([0, 1, 1, 1]), law, 4, 60)
    assert [eighths(column) for column in columns(lines)] == [round(64 / 3), *[0] * 58, 64]
    assert lines[-1].plain.split() == ["0", "1"]


@pytest.mark.parametrize("width", [1, 2, 3, 9, 38, 58, 78, 99])
@pytest.mark.parametrize("law", [None, *LAWS.values()], ids=["none", *LAWS])
def test_a_picture_is_as_wide_as_may_be_or_as_its_labels(width, law):
    values = np.random.default_rng(6).uniform(0, 1, 100)
    lines = plain(picture(histogram_of(values), law, 100, width))
    assert max(map(len, lines)) <= max(width, 3 if law else 1, 11)


ticks = st.lists(st.tuples(st.integers(0, 59), st.tuples(st.from_regex(r"-?[0-9]{1,8}", fullmatch=True))), max_size=6)


@given(ticks=ticks)
def test_labels_stand_in_full_near_their_ticks(ticks):
    line, *labels = plain(axis(60, ticks))
    assert [at for at, char in enumerate(line) if char == "┴"] == sorted({at for at, _ in ticks})
    assert sorted(" ".join(labels).split()) == sorted(word for _, (word,) in ticks)
    assert all(len(label) <= 60 for label in labels)
    for at, (word,) in ticks:
        assert any(
            label[start : start + len(word)] == word and start <= at < start + max(len(word), 1)
            for label in labels
            for start in range(60)
        )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_density_alone_is_drawn_to_scale_with_what_matters_on_its_axis(law):
    lines = density(law, 81)
    shown = columns(lines)
    assert len(shown) <= 81
    finite = [bound for bound in law.support if abs(bound - law.mean) <= 6 * law.std]
    limits = [at for at, column in enumerate(shown) if column == "┊" * HEIGHT]
    assert len(limits) == len(finite)
    area = [eighths(column) for column in shown if "┊" not in column]
    assert max(area) == 8 * HEIGHT
    labels = " ".join(plain(lines)[HEIGHT:]).split()
    within = [x for x in (law.mean - law.std, law.mean, law.mean + law.std) if law.support[0] < x < law.support[1]]
    for x in (*finite, *within):
        assert f"{x:.6g}" in labels
    # The share within one std of the mean, by the area between the ticks and by the law.
    tick = {word: at for at, word in _ticks(lines)}
    if len(tick) == 3:
        inside = sum(eighths(column) for column in shown[tick["-1 std"] : tick["+1 std"] + 1] if "┊" not in column)
        wanted = law.cdf(law.mean + law.std) - law.cdf(law.mean - law.std)
        assert inside / sum(area) == pytest.approx(wanted, abs=0.03)


def _ticks(lines):
    """The ticks that are called mean, -1 std and +1 std."""
    names = next(line for line in plain(lines) if "mean" in line)
    line = plain(lines)[HEIGHT]
    places = [at for at, char in enumerate(line) if char == "┴"]
    for word in ("-1 std", "mean", "+1 std"):
        at = names.find(word)
        if at >= 0:
            yield min(places, key=lambda place: abs(place - at - len(word) // 2)), word


@pytest.mark.parametrize("glyphs", [BLOCKS, ASCII], ids=["blocks", "ascii"])
def test_a_sparkline_has_a_column_for_each_count_and_shows_a_single_value(glyphs):
    shown = sparkline([0, 1, 10**6, 5 * 10**5], glyphs)
    assert len(shown) == 4
    assert shown[0] == " "
    ranks = [glyphs.shades.index(char) for char in shown]
    assert 0 < ranks[1] < ranks[3] < ranks[2] == len(glyphs.shades) - 1
    assert sparkline([], glyphs) == ""
    assert sparkline([0, 0], glyphs) == "  "


def test_ascii_is_ascii():
    values = np.random.default_rng(7).normal(0, 0.1, 1000)
    for lines in (picture(histogram_of(values), Normal(0, 0.1), 1000, 61, ASCII), density(Normal(0, 0.1), 61, ASCII)):
        assert all(line.plain.isascii() for line in lines)
