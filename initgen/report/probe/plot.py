"""``probe --plot``: the signal through the layers, forward and backward, a line for each network, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initgen.report import wording as words
from initgen.report.figure import FAINT, INK, KINDS, NO, SOFT, YES, check, empty, fitted, inches, write
from initgen.report.probe import wording
from initgen.report.probe.curves import COLORS, Chart, Curve, charts, decades, places, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from initgen.probe.result import NetworkSignal

__all__ = ["KINDS", "check", "save"]

# Okabe and Ito's colours, which all eyes tell apart, without the yellow that white drowns; markers tell them apart in
# grey, of sizes that look alike.
_LOOKS = (
    ("#0072b2", "o", 4.6),
    ("#d55e00", "s", 4.4),
    ("#009e73", "^", 5.2),
    ("#cc79a7", "D", 4.4),
    ("#1f2328", "v", 5.2),
    ("#e69f00", "P", 6.0),
    ("#56b4e9", "X", 6.0),
    ("#8c510a", "*", 8.0),
)
_WIDTH, _PANEL, _LEFT, _GAP = 9.6, 3.3, 0.72, 0.75
# Inches from one network's line to the next, above the panels, and below them.
_LINE, _HEAD, _FOOT = 0.21, 0.62, 0.84
# Markers on a line, about.
_MARKERS = 9


def save(path: str, networks: Sequence[NetworkSignal]) -> None:
    """Draw what `check` let pass: of more than 8 networks the first.

    Raises:
        OutputError: the path cannot be written.
    """
    write(path, lambda _: [_figure(networks)])


def _figure(networks: Sequence[NetworkSignal]) -> Figure:
    shown = networks[:COLORS]
    drawn = charts(shown)
    height = _HEAD + _LINE * len(shown) + 0.4 + _PANEL + _FOOT
    page = empty(_WIDTH, height)
    left = inches(page, 0.45)
    title = wording.title(networks[0]) if len(networks) == 1 else "Does the signal survive depth?"
    title = fitted(words.shortened, title, _WIDTH - 0.9, 12.5, "bold")
    page.text(left, 1 - 0.22 / height, title, size=12.5, weight="bold", va="top")
    if len(networks) > 1 and len({wording.facts(network) for network in networks}) == 1:
        said = f"each {wording.facts(networks[0])}"
        page.text(1 - inches(page, 0.3), 1 - 0.26 / height, said, size=9, color=SOFT, va="top", ha="right")
    for index, network in enumerate(shown):
        _describe(page, network, index, 1 - (_HEAD + _LINE * (index + 0.5)) / height, alone=len(networks) == 1)
    width = (_WIDTH - _LEFT * len(drawn) - 0.3 - (_GAP - 0.45) * (len(drawn) - 1)) / max(len(drawn), 1)
    for column, chart in enumerate(drawn):
        x = _LEFT + column * (width + _GAP + 0.27)
        axes = page.add_axes((x / _WIDTH, _FOOT / height, width / _WIDTH, _PANEL / height))
        _draw(axes, chart)
    if not drawn:
        page.text(0.5, 0.4, "nothing that can be drawn", ha="center", size=10, color=SOFT)
    page.text(left, 0.14 / height, _footer(networks, drawn), size=7.5, color=SOFT)
    return page


def _describe(page: Figure, network: NetworkSignal, index: int, y: float, *, alone: bool) -> None:
    """A network's line in the legend: its marker, verdict and factors."""
    from matplotlib.lines import Line2D

    color, marker, size = _LOOKS[index]
    x = inches(page, 0.45)
    line = Line2D([x, x + inches(page, 0.32)], [y, y], color=color, linewidth=1.7, transform=page.transFigure)
    page.add_artist(line)
    page.add_artist(
        Line2D([x + inches(page, 0.16)], [y], color=color, marker=marker, markersize=size, transform=page.transFigure)
    )
    stable = network.verdict == "stable"
    page.text(
        inches(page, 0.87),
        y,
        f"{words.SIGNS[stable]} {network.verdict}",
        color=YES if stable else NO,
        weight="bold",
        size=9,
        va="center_baseline",
    )
    said = wording.facts(network) if alone else wording.title(network)
    factors = wording.factors(network)
    room = _WIDTH - 1.95 - 3.35
    said = fitted(words.shortened, said, room - 0.2, 9, "normal")  # screens draw letters wider
    page.text(inches(page, 1.95), y, said, size=9, va="center_baseline", color=INK)
    page.text(inches(page, 1.95 + room + 0.2), y, factors, size=8.5, va="center_baseline", color=SOFT)


def _draw(axes: Axes, chart: Chart) -> None:
    """A panel."""
    margin = 0.04 * (chart.high - chart.low)
    low, high, last = chart.low - margin, chart.high + margin, chart.last
    axes.set(ylim=(low, high), xlim=(-0.02 * last, 1.02 * last), facecolor="none")
    axes.set_title(chart.title, loc="left", size=10, color=INK, pad=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=FAINT, linewidth=0.8)
    axes.tick_params(length=2.5, width=0.7, pad=2, labelsize=8)
    marks = decades(low, high, 7)
    axes.set_yticks(marks, [power(exponent) for exponent in marks])
    axes.set_xticks(layers := places(last, 7), ["input" if place == 0 else f"{place}" for place in layers])
    axes.set_xlabel("layer", size=8.5, color=SOFT, labelpad=2)
    axes.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.7)
    axes.set_axisbelow(True)
    for end in chart.ends:
        axes.plot(range(len(end.points)), end.points, color=NO, linewidth=0.8, linestyle=(0, (1, 1.6)), zorder=2)
        axes.annotate(
            end.words,
            (last, end.points[-1]),
            (0, 3.5),
            textcoords="offset points",
            ha="right",
            size=7.5,
            color=NO,
            zorder=5,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6},
        )
    for index, curve in enumerate(chart.curves):
        if curve:
            _plot(axes, curve, index, len(chart.curves))


def _plot(axes: Axes, curve: Curve, index: int, count: int) -> None:
    """A network's line, and what theory says around it, so that both are seen where they agree."""
    color, marker, size = _LOOKS[index]
    nan = float("nan")
    measured, predicted = ([nan if point is None else point for point in p] for p in (curve.measured, curve.predicted))
    theory: Any = {"linewidth": 4.6, "linestyle": (0, (1.3, 0.8)), "alpha": 0.38, "dash_capstyle": "butt"}
    axes.plot(range(len(predicted)), predicted, color=color, zorder=3, **theory)
    # Markers of networks stand in different places, so that lines that meet are seen to be several.
    every = max(1, round((len(measured) - 1) / _MARKERS))
    axes.plot(
        range(len(measured)),
        measured,
        color=color,
        zorder=4,
        linewidth=1.4,
        marker=marker,
        markersize=size,
        markevery=(round(index * every / count), every),
        markeredgewidth=0.5,
        markeredgecolor="white",
    )


def _footer(networks: Sequence[NetworkSignal], drawn: Sequence[Chart]) -> str:
    said = "Lines: measured."
    if any(point is not None for chart in drawn for curve in chart.curves if curve for point in curve.predicted):
        said += " Broad dashes: mean-field theory."
    if any(chart.ends for chart in drawn):
        said += " Dotted: where a dtype’s range ends."
    if len(networks) > COLORS:
        said += f" {COLORS} of {len(networks)} networks are shown."
    return said
