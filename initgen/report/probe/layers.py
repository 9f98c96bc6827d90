"""The table of a network's layers, for text and page alike: its columns, and which of its lines are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from initgen.core.errors import printable
from initgen.report.chart import BAR, Glyphs
from initgen.report.console import Screen
from initgen.report.probe.curves import Chart, charts, predicted_gradient
from initgen.report.probe.wording import joint, number, share
from initgen.report.tables import Cell, show_table

if TYPE_CHECKING:
    from initgen.probe.result import LayerSignal, NetworkSignal, Values

# Cells of a bar, and layers of a long network that are shown at its start, in its middle and at its end.
_BAR, _PART = 8, 8
# The mean matters where it is more than this share of the root of the mean square.
_OFF_CENTRE = 0.1
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        rank: the higher, the sooner a narrow screen goes without it.
        first: what it says of the input.
        of: what it says of a layer.
    """

    heading: str
    rank: int
    of: Callable[[LayerSignal], str]
    first: str = ""

    def said(self, network: NetworkSignal) -> list[str]:
        """The input's cell, then one for each layer."""
        return [self.first, *map(self.of, network.layers)]


def columns(network: NetworkSignal) -> list[Column]:
    """Those in which there is something to say, names aside."""
    layers, given = network.layers, network.input
    every = [*([given] if given else []), *(layer.values for layer in layers)]
    off = any(abs(each.mean) > _OFF_CENTRE * math.sqrt(each.square) for each in every)
    moments = [
        Column("mean", 10, lambda x: _mean(x.values), _mean(given) if given else ""),
        Column("variance", 11, lambda x: number(x.values.variance), number(given.variance) if given else ""),
    ]
    gradient = number(joint([network.input_gradient.norm]) if network.input_gradient else None)
    found = [
        Column("kind", 5, lambda x: printable(f"{x.kind} {x.activation}".strip())),
        Column("mean square", 0, lambda x: number(x.values.square), number(given.square) if given else ""),
        Column("theory", 3, lambda x: number(x.predicted.square)),
        *(moments if off else ()),
        Column("dead", 4, lambda x: share(x.dead)),
        Column("flat", 7, lambda x: share(x.flat)),
        Column("cosine", 6, lambda x: number(x.cosine), number(network.input_cosine)),
        Column("theory", 9, lambda x: number(x.predicted.cosine)),
        Column("gradient²", 1, lambda x: number(joint([x.gradient.norm]) if x.gradient else None), gradient),
        Column("theory", 8, lambda x: number(predicted_gradient(x))),
        Column("of weights", 12, lambda x: number(joint(list(x.weights.values())))),
        Column("χ", 7, lambda x: number(x.predicted.chi)),
        Column("condition", 13, lambda x: number(x.condition)),
    ]
    return [column for column in found if any(column.said(network)[1:])]


def _mean(values: Values) -> str:
    """Nothing but 0 where it is what rounding leaves of it."""
    return number(0.0 if abs(values.mean) < _ROUNDING * math.sqrt(values.square) else values.mean)


def show_layers(out: Screen, network: NetworkSignal, *, every: bool) -> None:
    """A line for the input and each layer; of a long network some, unless it is to be ``every``."""
    if not network.layers:
        return
    told = columns(network)
    drawn = charts([network])
    said = [column.said(network) for column in told]
    names = ["input", *(printable(layer.name) for layer in network.layers)]
    bars = _bars(drawn[0], out.glyphs) if drawn else [""] * len(names)
    # The bars stand behind the numbers that they show.
    after = next(index for index, column in enumerate(told) if column.heading == "mean square") + 1
    rows: list[tuple[Cell, ...]] = [("layer", "", *_inserted([column.heading for column in told], after, ""))]
    wide = len(str(len(names) - 1))
    shown = range(len(names)) if every else chosen(len(names))
    breaks = (shown[_PART + 1], shown[-_PART]) if len(shown) < len(names) else ()
    for index in shown:
        if index in breaks:
            rows.append(("…", *[""] * (len(rows[0]) - 1)))
        cells: list[Cell] = [column[index] for column in said]
        rows.append((names[index], f"{index:>{wide}}", *_inserted(cells, after, Text(bars[index], BAR))))
    ranks: dict[int, float] = {
        2 + index + (index >= after): column.rank for index, column in enumerate(told) if column.rank
    }
    ranks |= {1: 5.5, 2 + after: 5.2}
    show_table(out, rows, less=sorted(ranks, key=lambda column: -ranks[column]))
    if len(shown) < len(names):
        out.paragraph(f"{len(shown) - 1} of {len(names) - 1} layers; --all-layers shows all", indent=2)


def _inserted(cells: Sequence[Cell], at: int, cell: Cell) -> list[Cell]:
    return [*cells[:at], cell, *cells[at:]]


def _bars(chart: Chart, glyphs: Glyphs) -> list[str]:
    """As long as the logarithm of the mean square is high in the chart's frame."""
    curve = chart.curves[0]
    halves = [round(2 * _BAR * chart.share(p)) if p is not None else 0 for p in curve.measured] if curve else []
    return [glyphs.eighths[-1] * (count // 2) + glyphs.half * (count % 2) for count in halves]


def chosen(count: int) -> list[int]:
    """The input and the layers that are shown: all, or the first, some between, and the last."""
    if count - 1 <= 3 * _PART:
        return list(range(count))
    first, last = _PART, count - _PART
    step = (last - first) / (_PART + 1)
    return [*range(first + 1), *(round(first + step * part) for part in range(1, _PART + 1)), *range(last, count)]
