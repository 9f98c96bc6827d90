"""``stats --plot``: one tensor on a page, or a page of many, by matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from initgen.core.errors import printable
from initgen.report import wording
from initgen.report.figure import FAINT, INK, KINDS, NO, SOFT, YES, check, empty, fitted, inches, write
from initgen.report.picture import Picture, picture_of, qq_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats

__all__ = ["KINDS", "check", "save"]

# Panels of a page of many tensors, and pages of a PDF; PNG and SVG have one page.
PANELS = 48
PAGES = 24

# Light enough under the density to tell them apart in grey.
_BARS, _OUTSIDE = "#a9c6e3", "#e58a4f"
_VERDICTS = {True: YES, False: NO, None: SOFT}

Labelled = tuple[str, "TensorStats"]


def save(path: str, files: Sequence[FileStats]) -> None:
    """Draw what `check` let pass.

    One tensor gets its histogram against the density of its law, and a Q-Q plot; several a panel each, wrong ones first.

    Raises:
        OutputError: the path cannot be written.
    """
    write(path, lambda pages: _figures(files, pages), PAGES)


def _figures(files: Sequence[FileStats], most: int) -> list[Figure]:
    several = len(files) > 1
    labelled = [
        (f"{wording.shown_path(file.path)}: {wording.name(tensor)}" if several else wording.name(tensor), tensor)
        for file in files
        for tensor in file.tensors
    ]
    if len(labelled) == 1:
        return [_page(files, labelled[0])]
    # Wrong ones, then what there is to see in, then constants.
    labelled.sort(key=lambda item: 0 if item[1].passed is False else 1 if item[1].histogram else 2)
    pages = min(most, max(1, math.ceil(len(labelled) / PANELS)))
    return [_grid(files, labelled, page, pages) for page in range(pages)]


def _heading(files: Sequence[FileStats]) -> str:
    return ", ".join(wording.shown_path(file.path) for file in files[:3]) + (
        f" and {len(files) - 3:,} more" if len(files) > 3 else ""
    )


def _verdict(figure: Figure, y: float, passed: bool | None, said: str) -> None:
    """The answer: its sign and word at the left, and why."""
    word = wording.ANSWERS[passed]
    sign = f"{wording.SIGNS[passed]} {word}"
    figure.text(inches(figure, 0.45), y, sign, color=_VERDICTS[passed], weight="bold", size=10.5, va="top")
    figure.text(inches(figure, 0.75 + 0.1 * len(word)), y, said, size=9, va="top", linespacing=1.35)


def _page(files: Sequence[FileStats], labelled: Labelled) -> Figure:
    """One tensor: histogram and density, and beside them the Q-Q plot."""
    name, tensor = labelled
    figure = empty(9.6, 5.0)
    left = inches(figure, 0.45)
    title = wording.shortened(f"{_heading(files)}: {name}", 84)
    figure.text(left, 0.955, title, size=12.5, weight="bold", va="top")
    law = wording.expectation(tensor.spec) if tensor.spec else "held against no scheme"
    figure.text(left, 0.888, wording.shortened(law.replace("-", "−"), 125), size=9, va="top")
    figure.text(left, 0.845, wording.contents(tensor), size=9, color=SOFT, va="top")
    passed, said = wording.answer(files)
    if tensor.passed is False:
        said = "; ".join(wording.wrongs(tensor)).replace("-", "−")
        if tensor.looks_like:
            said = f"looks like {' or '.join(tensor.looks_like)}. {said[:1].upper()}{said[1:]}"
    elif passed:
        said = f"{wording.held(tensor)} (a right file fails with p < {wording.rate(files)})"
    said = "\n".join(textwrap.wrap(printable(said), 118, max_lines=2, placeholder=" …"))
    _verdict(figure, 0.795, passed, said)
    qq = qq_of(tensor)
    axes = figure.add_axes((left, 0.1, 0.585 if qq else 0.905, 0.525))
    _draw(axes, tensor, picture_of(tensor), large=True)
    if qq:
        side = 0.525 * 5.0
        beside = figure.add_axes((1 - inches(figure, side + 0.3), 0.1, inches(figure, side), 0.525))
        _bare(beside, qq.ticks, 8)
        beside.set_yticks([y for y, _ in qq.ticks], [text for _, text in qq.ticks], size=8)
        beside.tick_params("y", length=3, width=0.7)
        beside.spines["left"].set(visible=True, color=FAINT)
        beside.plot([0, 1], [0, 1], color=INK, linewidth=0.8, zorder=1)
        beside.plot(
            *qq.points.T, linestyle="none", marker="o", markersize=2.2, color=_VERDICTS[tensor.passed], zorder=2
        )
        beside.text(0, 1.105, "quantiles against the law’s", size=8.5, color=SOFT)
    return figure


def _bare(axes: Axes, marks: Sequence[tuple[float, str]], size: float) -> None:
    """A frame that is only its lower line, with these ticks."""
    axes.set(xlim=(0, 1), ylim=(0, 1), facecolor="none")
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=FAINT, linewidth=0.8)
    axes.set_xticks([x for x, _ in marks], [text for _, text in marks], size=size)
    axes.set_yticks([])
    axes.tick_params("x", length=2.5, width=0.7, pad=2)


def _draw(axes: Axes, tensor: TensorStats, picture: Picture | None, *, large: bool) -> None:
    """Histogram, density and limits."""
    _bare(axes, picture.ticks if picture else (), 8 if large else 5.8)
    if picture is None:
        said = wording.amount(tensor.measured)
        axes.text(0.5, 0.45, said, ha="center", size=10 if large else 7, color=SOFT)
        return
    # As one area each: between bars that are drawn one by one, screens show seams.
    for out, color in ((False, _BARS), (True, _OUTSIDE)):
        heights = np.where(picture.outside == out, picture.heights, np.nan)
        if (picture.outside == out).any():
            area = axes.stairs(heights, picture.edges, fill=True, color=color, linewidth=0)
            if out and large:  # told apart in grey too
                area.set(hatch="////", edgecolor=_VERDICTS[False])
    for at, _ in picture.limits:
        axes.axvline(at, color=SOFT, linewidth=0.9 if large else 0.6, linestyle=(0, (4, 3)))
    for at, text in picture.captions if large else ():
        # At the edges of the frame towards its middle.
        side = "left" if at < 0.12 else "right" if at > 0.88 else "center"
        axes.text(at, 1.012, text, ha=side, va="bottom", size=8, color=SOFT)
    if picture.curve.size:
        axes.plot(*picture.curve.T, color=INK, linewidth=1.5 if large else 0.9)
    if large:
        _legend(axes, picture)


def _legend(axes: Axes, picture: Picture) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[tuple[Any, str]] = [(Patch(facecolor=_BARS), "values")]
    if picture.outside.any():
        entries.append(
            (Patch(facecolor=_OUTSIDE, edgecolor=_VERDICTS[False], hatch="////", linewidth=0), "values outside")
        )
    if picture.curve.size:
        entries.append((Line2D([], [], color=INK, linewidth=1.5), "density of the law"))
    if picture.limits:
        entries.append((Line2D([], [], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3))), "its limits"))
    axes.legend(
        *zip(*entries, strict=True),
        loc="lower left",
        bbox_to_anchor=(-0.008, 1.085),
        ncols=len(entries),
        frameon=False,
        fontsize=8.5,
        labelcolor=SOFT,
        handlelength=1.6,
        columnspacing=1.6,
        borderaxespad=0,
    )


def _grid(files: Sequence[FileStats], labelled: Sequence[Labelled], page: int, pages: int) -> Figure:
    """One page of panels."""
    shown = labelled[page * PANELS : (page + 1) * PANELS]
    # Pages of one document have one size.
    columns = min(6, max(1, math.ceil(math.sqrt(1.2 * min(len(labelled), PANELS)))))
    rows = max(1, math.ceil((len(shown) if pages == 1 else PANELS) / columns))
    width, height, top, bottom = max(6.6, 2.0 * columns + 0.6), 1.42 * rows + 1.3, 0.92, 0.38
    figure = empty(width, height)
    left = inches(figure, 0.45)
    figure.text(
        left, 1 - 0.28 / height, wording.shortened(_heading(files), int(width * 8)), size=12.5, weight="bold", va="top"
    )
    passed, said = wording.answer(files)
    _verdict(figure, 1 - 0.58 / height, passed, said)
    cell_width, cell_height = (width - 0.6) / columns, (height - top - bottom) / rows
    for index, (name, tensor) in enumerate(shown):
        row, column = divmod(index, columns)
        x, y = 0.45 + column * cell_width, height - top - (row + 1) * cell_height
        plot_width, plot_height = cell_width - 0.22, cell_height - 0.62
        axes = figure.add_axes((x / width, (y + 0.24) / height, plot_width / width, plot_height / height))
        _draw(axes, tensor, picture_of(tensor, 48, 4), large=False)
        base = y + 0.24 + plot_height
        color = _VERDICTS[tensor.passed]
        figure.text(
            x / width, (base + 0.19) / height, wording.SIGNS[tensor.passed], size=6.6, color=color, weight="bold"
        )
        wrong = tensor.passed is False
        color, weight = (color, "bold") if wrong else (INK, "normal")
        name = fitted(wording.shortened, name, plot_width - 0.12, 6.6, weight)
        figure.text((x + 0.12) / width, (base + 0.19) / height, name, size=6.6, color=color, weight=weight)
        said = tensor.spec.title if tensor.spec else "no scheme"
        if wrong:
            seems = [f"looks like {tensor.looks_like[0]}"] if tensor.looks_like else []
            said = printable("; ".join(seems + wording.wrongs(tensor)).replace("-", "−"))
        said = fitted(wording.shortened_end, said, plot_width, 5.9, "normal")
        figure.text(x / width, (base + 0.065) / height, said, size=5.9, color=color if wrong else SOFT)
    figure.text(left, 0.14 / height, _footer(labelled, shown, page, pages), size=7.5, color=SOFT)
    return figure


def _footer(labelled: Sequence[Labelled], shown: Sequence[Labelled], page: int, pages: int) -> str:
    said = "Bars: values. Line: density of the law. Dashed: its limits."
    if pages > 1:
        said += f" Page {page + 1} of {pages}."
    hidden = len(labelled) - min(len(labelled), pages * PANELS)
    if hidden and page == pages - 1:
        rest = [tensor for _, tensor in labelled[pages * PANELS :]]
        wrong = sum(tensor.passed is False for tensor in rest)
        constant = sum(tensor.histogram is None for tensor in rest if tensor.passed)
        kinds = [f"{n:,} of them {kind}" for n, kind in ((wrong, "wrong"), (constant, "constants that are right")) if n]
        said += f" {wording.counted(hidden, 'tensor')} not shown" + ("".join(f", {kind}" for kind in kinds)) + "."
    return said
