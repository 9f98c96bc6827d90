"""The pictures of ``probe --plot``: what is on them, where lines lie, and that equal results give equal files."""

import math
import re
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from initgen.report.figure import STYLE
from initgen.report.probe import plot

NAMES = ["he", "lecun", "exploding", "infinite", "first", "softmax", "lstm", "dead", "tanh", "one"]


def figure_of(networks):
    with matplotlib.rc_context():
        matplotlib.rcParams.update(STYLE)
        return plot._figure(networks)


def said(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def titled(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def lines(axes, color):
    """The measured line of a network and that of theory, by the network's colour."""
    found = [line for line in axes.lines if line.get_color() == color]
    measured = [line for line in found if line.get_marker() not in ("", "None", None)]
    return measured[0].get_ydata(), next(line.get_ydata() for line in found if line not in measured)


def test_one_network_has_its_name_verdict_factors_and_two_panels(networks):
    figure = figure_of([networks["lecun"]])
    texts = said(figure)
    for text in (
        "lecun_uniform, relu",
        "✗ vanishing",
        "50 layers, 3,289,600 parameters, batch 256, seed 0",
        "per layer × 0.500 forward, × 0.500 backward",
        "Lines: measured. Broad dashes: mean-field theory. Dotted: where a dtype’s range ends.",
    ):
        assert text in texts
    assert list(titled(figure)) == ["mean square of activations", "squared norm of gradients"]


def test_lines_are_the_numbers_of_the_layers_and_dashes_those_of_theory(networks):
    network = networks["lecun"]
    panels = titled(figure_of([network]))
    measured, theory = lines(panels["mean square of activations"], "#0072b2")
    expected = [network.input.square, *(layer.values.square for layer in network.layers)]
    np.testing.assert_allclose(10 ** np.asarray(measured), expected, rtol=1e-9)
    assert math.isnan(theory[0])
    np.testing.assert_allclose(10 ** np.asarray(theory[1:]), 0.5 ** np.arange(1, 51), rtol=1e-9)
    measured, theory = lines(panels["squared norm of gradients"], "#0072b2")
    assert network.input_gradient is not None
    expected = [network.input_gradient.norm**2, *(layer.gradient.norm**2 for layer in network.layers)]
    np.testing.assert_allclose(10 ** np.asarray(measured), expected, rtol=1e-9)
    # Theory speaks of the mean square over 256 units.
    np.testing.assert_allclose(10 ** np.asarray(theory[1:]), 256 * 0.5 ** np.arange(49.0, -1, -1), rtol=1e-9)


def test_the_end_of_a_range_is_shown_where_the_signal_comes_near(networks):
    panels = titled(figure_of([networks["lecun"]]))
    for title, size in (("mean square of activations", 1), ("squared norm of gradients", 256)):
        axes = panels[title]
        (dotted,) = [line for line in axes.lines if line.get_color() == plot.NO]
        np.testing.assert_allclose(dotted.get_ydata(), math.log10(float(np.finfo(np.float16).tiny) ** 2 * size))
        assert [text.get_text() for text in axes.texts] == ["float16 underflows"]
    for axes in figure_of([networks["he"]]).axes:
        assert not axes.texts
    exploding = [text.get_text() for text in figure_of([networks["exploding"]]).axes[0].texts]
    assert exploding == ["float16 overflows", "float16 underflows", "bfloat16 overflows"]
    # Widths that differ have ends that differ, which is no line for all.
    mixed = titled(figure_of([networks["lecun"], networks["lstm"]]))
    assert mixed["mean square of activations"].texts
    assert not mixed["squared norm of gradients"].texts


def test_a_stable_signal_looks_level(networks):
    for axes in figure_of([networks["he"]]).axes:
        low, high = axes.get_ylim()
        assert high - low >= 2
        measured, _ = lines(axes, "#0072b2")
        assert np.ptp(measured) < 0.1 * (high - low)


def test_networks_are_told_apart_by_colour_and_by_marker(networks):
    figure = figure_of(list(networks.values())[:8])
    assert "Does the signal survive depth?" in said(figure)
    # Above the panels each has a line and, on it, a marker.
    looks = {(line.get_color(), line.get_marker()) for line in figure.artists if line.get_marker() != "None"}
    assert len(looks) == len({color for color, _ in looks}) == len({marker for _, marker in looks}) == 8
    # By Rec. 709 luminance no colour drowns in white.
    for color, _ in looks:
        red, green, blue = matplotlib.colors.to_rgb(color)
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.7


def test_of_more_networks_than_can_be_told_apart_the_first_are_shown_and_it_says_so(networks):
    many = [replace(networks["he"], title=f"n{index}") for index in range(11)]
    texts = said(figure_of(many))
    assert [text for text in texts if re.fullmatch(r"n\d+", text)] == [f"n{index}" for index in range(8)]
    assert texts[-1].endswith("8 of 11 networks are shown.") or any(
        text.endswith("8 of 11 networks are shown.") for text in texts
    )
    assert not any("are shown" in text for text in said(figure_of(many[:8])))


@pytest.mark.parametrize("name", NAMES)
def test_what_has_gaps_or_nothing_to_show_has_a_picture(name, networks, tmp_path):
    plot.save(str(tmp_path / "w.png"), [networks[name]])
    # Not a blank page.
    assert (imread(tmp_path / "w.png")[..., :3] < 0.5).sum() > 1000
    panels = titled(figure_of([networks[name]]))
    assert len(panels) == {"exploding": 1, "infinite": 1, "first": 0}.get(name, 2)


def test_nothing_but_zeros_says_so(networks):
    nothing = replace(networks["dead"].layers[0].values)
    network = replace(
        networks["dead"], input=nothing, input_gradient=None, backward=None, layers=networks["dead"].layers[:1]
    )
    assert "nothing that can be drawn" in said(figure_of([network]))


WEIRD = [
    r"$\frac{a$",
    "$x_1^2$ $",
    "new\nline",
    "\x1b[31m",
    "名前",
    "W" * 500,
    "<b>&amp;",
    "{}%s",
    "\u202e",
    "",
    "\ud800",
]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_names_of_any_kind_are_drawn_as_plain_text_inside_the_page(suffix, networks, tmp_path):
    # A missing glyph or a formula that cannot be read would be a warning or an error.
    for names in (WEIRD[:8], WEIRD[8:], WEIRD[:1], WEIRD[5:6]):
        plot.save(str(tmp_path / f"w{suffix}"), [replace(networks["he"], title=name) for name in names])


def test_no_text_leaves_the_page_or_meets_another(networks):
    for some in (
        [replace(networks["he"], title="W" * 500)],
        [replace(networks["tanh"], title=t) for t in ("i" * 900, "W" * 90)],
    ):
        with matplotlib.rc_context():
            matplotlib.rcParams.update(STYLE)
            figure = plot._figure(some)
            figure.set_dpi(160)  # as a PNG has it
            figure.draw_without_rendering()
            boxes = [text.get_window_extent() for text in figure.texts]
        for box in boxes:
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:index])


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_results_give_equal_files_whatever_the_settings_of_the_caller(suffix, networks, tmp_path):
    some = [networks["he"], networks["lecun"]]
    plot.save(str(tmp_path / f"a{suffix}"), some)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "x", "savefig.dpi": 10}):
        plot.save(str(tmp_path / f"b{suffix}"), some)
    data = (tmp_path / f"a{suffix}").read_bytes()
    assert (tmp_path / f"b{suffix}").read_bytes() == data
    assert not re.search(rb"20[0-9]{2}-[0-9]{2}|D:20[0-9]{2}|[Mm]atplotlib (v|pdf)", data)


def test_the_path_is_looked_at_before_the_work(tmp_path):
    from initgen.core.errors import BadParameter, OutputError

    plot.check(str(tmp_path / "w.png"))
    with pytest.raises(BadParameter, match=r"must end in \.png"):
        plot.check(str(tmp_path / "w.gif"))
    (tmp_path / "w.png").write_text("mine")
    with pytest.raises(OutputError, match="exists and is no PNG file"):
        plot.check(str(tmp_path / "w.png"))


def test_pyplot_is_not_needed(tmp_path):
    code = (
        "import sys; from initgen.probe.result import Flow, NetworkSignal, Values; from initgen.report.probe import plot;"
        "v = Values(0.0, 1.0, 1.0, 1.0, 1.0); f = Flow(1.0, 1.0, 'stable');"
        "plot.save('w.png', [NetworkSignal('n', 1, 0, 0, 0, '', v, None, None, (), f, None, ())]);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 0
