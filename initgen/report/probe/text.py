"""What a probe found, as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from initgen.core.errors import printable
from initgen.report.chart import Glyphs
from initgen.report.console import Part, Screen, show_facts
from initgen.report.lines import beside, lines
from initgen.report.probe import wording
from initgen.report.probe.curves import LETTERS, Chart, charts, decades, places
from initgen.report.probe.layers import show_layers
from initgen.report.tables import Cell, show_table

if TYPE_CHECKING:
    from initgen.probe.result import Candidate, Critical, NetworkSignal

# Lines that a chart is high, columns of one that stands alone, and of two side by side with what is between them.
_HEIGHT, _ALONE, _BETWEEN = 8, 60, 3
# From so many columns on two charts stand side by side.
_SIDE_BY_SIDE = 76
_STYLES = ("cyan", "yellow", "magenta", "green", "red", "blue")
_COLORS = {"stable": "bold green", "vanishing": "bold red", "exploding": "bold red"}


def show_probe(out: Screen, networks: Sequence[NetworkSignal], *, every: bool = False) -> None:
    """One network layer by layer, or several a line each; charts; what becomes of the signal, and what would hold it.

    Args:
        every: all layers, and of several networks too.
    """
    if len(networks) == 1:
        _show_network(out, networks[0], every=every)
        return
    for network in networks if every else ():
        _show_heading(out, network)
        show_layers(out, network, every=every)
        out.print()
    _show_comparison(out, networks)
    _show_charts(out, networks)
    _show_suggestions(out, networks)
    out.paragraph(*_answer(networks))


def _answer(networks: Sequence[NetworkSignal]) -> tuple[Part, ...]:
    stable = all(network.verdict == "stable" for network in networks)
    return (
        ("stable" if stable else "not stable"),
        "bold green" if stable else "bold red",
    ), f": {wording.answer(networks)}"


def _show_network(out: Screen, network: NetworkSignal, *, every: bool) -> None:
    _show_heading(out, network)
    show_layers(out, network, every=every)
    _show_charts(out, [network])
    out.paragraph((network.verdict, _COLORS[network.verdict]), f": {wording.line(network)}")
    ends = [
        ("theory", wording.fixed(network.fixed)),
        ("activations", wording.limits(network, "activations")),
        ("gradients", wording.limits(network, "gradients")),
        ("inputs", wording.alike(network)),
    ]
    if any(said for _, said in ends):
        show_facts(out, [(name, said) for name, said in ends if said])
    _show_suggestions(out, [network])


def _show_heading(out: Screen, network: NetworkSignal) -> None:
    out.paragraph((wording.title(network), "bold"), f": {wording.facts(network)}")


def _style(index: int) -> str:
    return _STYLES[index % len(_STYLES)]


def _show_comparison(out: Screen, networks: Sequence[NetworkSignal]) -> None:
    """A line for each network."""
    rows: list[tuple[Cell, ...]] = [
        ("network", "", "layers", "", "forward", "in all", "backward", "in all", "limit"),
    ]
    for index, network in enumerate(networks):
        backward = network.backward
        rows.append(
            (
                wording.title(network),
                Text(LETTERS[index], _style(index)) if index < len(LETTERS) else "",
                f"{network.depth:,}",
                Text(network.verdict, _COLORS[network.verdict]),
                f"× {wording.number(network.forward.factor)}",
                f"× {wording.rough(network.forward.total)}",
                f"× {wording.number(backward.factor)}" if backward else "",
                f"× {wording.rough(backward.total)}" if backward else "",
                wording.first_limit(network),
            )
        )
    _, letter, layers, _, forward, forward_total, backward_factor, backward_total, limit = range(len(rows[0]))
    show_table(out, rows, less=(layers, backward_total, limit, forward_total, letter, backward_factor, forward))


def _show_charts(out: Screen, networks: Sequence[NetworkSignal]) -> None:
    drawn = charts(networks[: len(LETTERS)])
    width = out.chart_width
    paired = len(drawn) == 2 and width >= _SIDE_BY_SIDE
    each = (width - _BETWEEN) // 2 if paired else min(width, _ALONE)
    pictures = [_picture(chart, each, out.glyphs) for chart in drawn]
    if paired:
        out.picture(beside(pictures[0], pictures[1], each + _BETWEEN))
    elif pictures:
        out.picture([line for index, picture in enumerate(pictures) for line in ([Text()] * (index > 0) + picture)])
    else:
        out.print()


def _picture(chart: Chart, width: int, glyphs: Glyphs) -> list[Text]:
    several = len(chart.curves) > 1
    curves = [
        (
            LETTERS[index] if several else "",
            _style(index),
            [None if p is None else chart.share(p) for p in curve.measured],
        )
        for index, curve in enumerate(chart.curves)
        if curve
    ]
    levels = [(chart.share(exponent), _power(exponent)) for exponent in decades(chart.low, chart.high, 5)]
    labels = [(place, f"{place}") for place in places(chart.last, max(2, width // 10))]
    heading = Text(chart.title, "dim")
    heading.truncate(width)
    return [heading, *lines(curves, chart.last, levels, labels, width, _HEIGHT, glyphs)]


def _power(exponent: int) -> str:
    return f"{10**exponent}" if 0 <= exponent <= 2 else f"1e{exponent}"


def _show_suggestions(out: Screen, networks: Sequence[NetworkSignal]) -> None:
    """What would hold the signal: once where it is the same for several networks."""
    criticals: dict[Critical, None] = dict.fromkeys(found for network in networks for found in network.critical)
    for found in criticals:
        out.paragraph(("χ₁ = 1", "bold"), f" for {printable(found.activation)}: {wording.critical(found)}")
    tried: dict[tuple[Candidate, ...], list[str]] = {}
    for index, network in enumerate(networks):
        if network.candidates:
            called = LETTERS[index] if index < len(LETTERS) else wording.title(network)
            tried.setdefault(network.candidates, []).append(called)
    for candidates, those in tried.items():
        of = f"in {', '.join(those)}: " if len(networks) > 1 and len(tried) > 1 else ""
        holding, losing = wording.candidates(candidates)
        out.paragraph(("hold the signal", "bold"), f" at this depth (factor per layer by theory): {of}{holding}")
        if losing:
            out.paragraph(("do not hold it", "bold"), f": {losing}")
