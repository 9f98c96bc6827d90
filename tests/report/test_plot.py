"""The pictures of ``stats --plot``: what is on them, in which order, and that equal results give equal files."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import partial

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

import initgen
from initgen.checks.finding import Finding
from initgen.checks.stats import expect_scheme, stats
from initgen.report import plot
from initgen.report.figure import STYLE
from initgen.specs.tensor import tensor_spec

HE = initgen.sample("he_uniform", (100, 64))


def held(path, values, scheme=None, **options):
    """The stats of a file with these arrays, by name, or of one array."""
    if isinstance(values, dict):
        np.savez(path, **values)
    else:
        np.save(path, values)
    expect = expect_scheme(partial(tensor_spec, scheme, **options)) if scheme else None
    return stats(str(path), expect=expect, quantiles=True)


def said(figure):
    """All text on a page, from top to bottom as it was written."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def page_of(files, pages=1):
    return "\n".join(said(plot._figures(files, pages)[0]))


def test_one_tensor_has_title_scheme_fans_count_and_verdict(tmp_path):
    answer = held(tmp_path / "w.npy", HE, "he_uniform")
    right, right_checks = page_of([answer]), answer.tensors[0].tests
    for part in ("w.npy: array", "he_uniform: uniform on ±0.244949; fan_in 100, fan_out 64 (keras layout)"):
        assert part in right
    assert "100x64 float32, 6,400 values" in right
    assert "✓ yes" in right
    assert f"all {len(right_checks)} checks hold" in right
    assert "−0.244949" in right
    assert "values outside" not in right
    wrong = page_of([held(tmp_path / "w.npy", HE, "lecun_uniform")])
    for part in ("✗ no", "looks like he_uniform", "Least value −0.2449", "variance", "values outside"):
        assert part in wrong


UNSEEN = {
    "empty": (np.zeros((0, 3), np.float32), None, "no values"),
    "NaN": (np.full((3, 3), np.nan, np.float32), "he_normal", "all NaN"),
    "complex": (np.zeros((3, 3), np.complex64), None, "not looked into"),
    "no scheme": (HE, None, "held against no scheme"),
    "zeros": (np.zeros((3, 3), np.float32), "zeros", "the only check holds"),
    "dead": (np.zeros((30, 30), np.float32), "he_normal", "Variance 0"),
    "orthogonal": (initgen.sample("orthogonal", (32, 32)), "orthogonal", "✓ yes"),
    "of one": (np.ones(1, np.float32), None, "1 float32, 1 value, mean 1, std 0"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_has_no_law_or_no_numbers_has_a_page_that_says_so(name, tmp_path):
    values, scheme, expected = UNSEEN[name]
    answer = held(tmp_path / "w.npy", values, scheme)
    assert expected in page_of([answer])
    plot.save(str(tmp_path / "w.png"), [answer])
    many = held(tmp_path / "w.npz", {"a": values, "b": values}, scheme)
    plot.save(str(tmp_path / "many.png"), [many])
    # Not a blank page: the panel has its line and its text.
    assert (imread(tmp_path / "w.png")[..., :3] < 0.5).sum() > 1000


def model(tmp_path, count):
    """So many right tensors, of which every tenth is wrong and every seventh a constant."""
    arrays = {}
    for index in range(count):
        arrays[f"layer.{index:03}"] = initgen.sample("he_uniform", (30, 20), seed=index) * (2 if index % 10 == 9 else 1)
    answer = held(tmp_path / "m.npz", arrays, "he_uniform")
    constant = {f"layer.{index:03}" for index in range(0, count, 7)}
    tensors = [replace(t, histogram=None) if t.name in constant and t.passed else t for t in answer.tensors]
    return replace(answer, tensors=tuple(tensors))


def test_a_page_of_many_has_wrong_ones_first_then_file_order_and_says_what_it_leaves_out(tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "PANELS", 12)
    answer = model(tmp_path, 40)
    texts = said(plot._figures([answer], 1)[0])
    names = [text for text in texts if text.startswith("layer.")]
    assert names == [f"layer.{n:03}" for n in (9, 19, 29, 39, 1, 2, 3, 4, 5, 6, 8, 10)]
    assert (texts.count("✗"), texts.count("✓")) == (4, 8)
    assert "✗ no" in texts
    assert "4 of 40 tensors wrong" in texts
    assert texts[-1].endswith("28 tensors not shown, 6 of them constants that are right.")
    monkeypatch.setattr(plot, "PANELS", 3)
    assert said(plot._figures([answer], 1)[0])[-1].endswith(
        "37 tensors not shown, 1 of them wrong, 6 of them constants that are right."
    )


def test_a_pdf_has_as_many_pages_as_it_takes_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "PANELS", 4)
    answer = model(tmp_path, 10)
    figures = plot._figures([answer], plot.PAGES)
    names = [text for figure in figures for text in said(figure) if text.startswith("layer.")]
    assert sorted(names) == [f"layer.{n:03}" for n in range(10)]
    assert [said(figure)[-1].split(". ")[-1] for figure in figures] == [f"Page {n} of 3." for n in (1, 2, 3)]
    plot.save(str(tmp_path / "m.pdf"), [answer])
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "m.pdf").read_bytes())) == 3
    monkeypatch.setattr(plot, "PAGES", 2)
    plot.save(str(tmp_path / "m.pdf"), [answer])
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "m.pdf").read_bytes())) == 2
    assert said(plot._figures([answer], 2)[1])[-1].endswith(
        "Page 2 of 2. 2 tensors not shown, 2 of them constants that are right."
    )


def test_several_files_are_told_apart(tmp_path):
    files = [held(tmp_path / name, HE, "he_uniform") for name in ("a.npy", "b.npy")]
    shown = page_of(files)
    for part in ("a.npy, b.npy", "a.npy: array", "b.npy: array", "✓ yes"):
        assert part in shown


def test_what_is_wrong_with_the_file_is_no_yes_on_the_page_of_its_only_tensor(tmp_path):
    answer = held(tmp_path / "w.npy", HE, "he_uniform")
    assert "✗ no" in page_of([replace(answer, missing=("other",))])
    found = Finding("dead", ("array",), "is dead", "wrong")
    assert "is dead" in page_of([replace(answer, tensors=(replace(answer.tensors[0], findings=(found,)),))]).lower()


NAMES = [
    r"$\frac{a$",
    "$x_1^2$ $",
    r"\frac{a}{b}",
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
def test_names_of_any_kind_are_drawn_as_plain_text(suffix, tmp_path):
    answer = held(tmp_path / "w.npy", HE, "lecun_uniform")
    (tensor,) = answer.tensors
    for names in (NAMES, NAMES[:1]):
        tensors = tuple(replace(tensor, name=name) for name in names)
        # A missing glyph or a formula that cannot be read would be a warning or an error.
        plot.save(str(tmp_path / f"w{suffix}"), [replace(answer, path="\x1b$w_1$", tensors=tensors)])


def test_long_names_keep_to_their_panel_and_keep_their_end(tmp_path):
    answer = held(tmp_path / "w.npy", HE, "lecun_uniform")
    names = ["W" * 500 + ".end", "i" * 500 + ".end", "transformer." * 9 + ".end", "layers.0.mlp.down_proj.weight"]
    tensors = tuple(replace(answer.tensors[0], name=name) for name in names)
    with matplotlib.rc_context():
        matplotlib.rcParams.update(STYLE)
        (figure,) = plot._figures([replace(answer, tensors=tensors)], 1)
        figure.draw_without_rendering()
        panels = [axes.get_window_extent() for axes in figure.axes]
        drawn = [text for text in figure.texts if text.get_text().endswith((".end", ".weight"))]
        assert len(drawn) == len(panels) == len(names)
        for text, panel in zip(drawn, panels, strict=True):
            # Some hinting pixels more on screen than on paper.
            assert text.get_window_extent().x1 <= panel.x1 + 3
            assert text.get_window_extent().x1 >= panel.x1 - 0.4 * panel.width
    assert drawn[3].get_text() == names[3]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_results_give_equal_files_whatever_the_settings_of_the_caller(suffix, tmp_path):
    files = [held(tmp_path / "w.npy", HE, "lecun_uniform")]
    plot.save(str(tmp_path / f"a{suffix}"), files)
    with matplotlib.rc_context(
        {"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "x", "savefig.dpi": 10, "xtick.direction": "in"}
    ):
        mine = dict(matplotlib.rcParams)
        plot.save(str(tmp_path / f"b{suffix}"), files)
        assert dict(matplotlib.rcParams) == mine
    data = (tmp_path / f"a{suffix}").read_bytes()
    assert (tmp_path / f"b{suffix}").read_bytes() == data
    assert not re.search(rb"20[0-9]{2}-[0-9]{2}|D:20[0-9]{2}|[Mm]atplotlib (v|pdf)", data)


def test_pyplot_is_not_needed(tmp_path):
    np.save(tmp_path / "w.npy", HE)
    code = (
        "import sys; from initgen.checks.stats import stats; from initgen.report import plot;"
        "plot.save('w.png', [stats('w.npy', quantiles=True)]); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 0
