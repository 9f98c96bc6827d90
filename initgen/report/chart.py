"""Charts made of characters: bars, the density of a law between them, its bounds, an axis.

A histogram with a density has a bar in every other column. The density and the bounds have the columns between, so that they
are seen without colours too: they hide no bar, and no bar hides them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.text import Text

from initgen.laws import Constant, Law

if TYPE_CHECKING:
    from initgen.checks.histogram import Histogram

BAR, BEYOND, DENSITY, BOUND = "cyan", "bold red", "bold yellow", "magenta"
# A bound further from the mean than this many std would squeeze all that matters into a few bars.
_FAR = 6.0
# A histogram may take values this much past a bound, relative to it, for ones inside: it is made of cells, 128 to the octave.
_CELL = 2.0**-7
# To so many std a law without bounds is shown: beside values, and alone.
_REACH, _REACH_ALONE = 3.0, 4.0
_HEIGHT = 8
# Blanks beyond a bound of a law that is shown alone: there is nothing there.
_BEYOND = 3


@dataclass(frozen=True)
class Glyphs:
    """What charts are drawn with.

    Attributes:
        eighths: a cell filled from the bottom up, from empty to full.
        shades: the same in a chart of one line, where only more and less can be told.
        halves: a line in the middle of its cell, and at the top; like no bar.
        limit: a bound, in each line; line, tick: an axis, and where it has a label.
        half: the left half of a cell that is full.
    """

    eighths: str
    shades: str
    halves: str
    limit: str
    line: str
    tick: str
    half: str


# Of one line no cell is full, or a column of charts would be one block.
BLOCKS = Glyphs(" ▁▂▃▄▅▆▇█", " ▁▂▃▄▅▆▇", "─▔", "┊", "─", "┴", "▌")
ASCII = Glyphs(" __...###", " .:-=+*#", "-~", "|", "-", "+", "")

# Characters from the bottom up, each with its style.
Column = list[tuple[str, str]]
# A column of an axis, and what stands below it in as many lines.
Tick = tuple[int, tuple[str, ...]]


def sparkline(counts: Sequence[float], glyphs: Glyphs = BLOCKS) -> str:
    """Bars in one line."""
    top = max(counts, default=0) or 1
    return "".join(glyphs.shades[_level(count / top, len(glyphs.shades) - 1)] for count in counts)


def _level(share: float, steps: int) -> int:
    """The height of a bar; one that is not empty has at least one step, as a single value may be what is wrong."""
    return max(1, round(share * steps)) if share > 0 else 0


@dataclass(frozen=True)
class Frame:
    """Where bars begin and end.

    Attributes:
        edges: ascending, equally far apart, one more than there are bars.
        bounds: which of the edges are the law's bounds.
    """

    edges: tuple[float, ...]
    bounds: tuple[int, ...] = ()

    @property
    def step(self) -> float:
        """How wide a bar is."""
        return (self.edges[-1] - self.edges[0]) / (len(self.edges) - 1)


def frame(low: float, high: float, law: Law | None, most: int, rounding: float = 0.0) -> Frame:
    """At most ``most`` bars for values from ``low`` to ``high`` and for the law, whose bounds are edges of bars.

    Args:
        rounding: how far past a bound, relative to it, a value may be stored that is not beyond it.
    """
    if law is None:
        return Frame(_edges(low, high, most))
    least, greatest = _ends(law, _REACH)
    if (least, greatest) == law.support:
        past = least - low - rounding * abs(least), high - greatest - rounding * abs(greatest)
        # As many bars inside the bounds as leave room for what lies beyond.
        for inside in range(most, 0, -1):
            step = (greatest - least) / inside
            before, after = (max(0, math.ceil(distance / step - 0.001)) for distance in past)
            if before + inside + after <= most:
                edges = _edges(least - before * step, greatest + after * step, before + inside + after)
                return Frame(edges, (before, before + inside))
    edges = _edges(min(low, least), max(high, greatest), most)
    bounds = {min(range(len(edges)), key=lambda i: abs(edges[i] - x)) for x in (least, greatest) if x in law.support}
    return Frame(edges, tuple(sorted(bounds)))


def _ends(law: Law, reach: float) -> tuple[float, float]:
    """The law's bounds; in place of one that is far out or infinite, ``reach`` std from the mean."""
    low, high = law.support
    return (
        low if law.mean - low <= _FAR * law.std else law.mean - reach * law.std,
        high if high - law.mean <= _FAR * law.std else law.mean + reach * law.std,
    )


def _edges(low: float, high: float, bars: int) -> tuple[float, ...]:
    return (*(low + (high - low) * (i / bars) for i in range(bars)), high)


def between(histogram: Histogram, outline: Frame, law: Law | None = None, rounding: float = 0.0) -> list[float]:
    """How many values each bar stands for; an interval of the histogram that meets two bars is shared out.

    But not across a bound, as a bar beyond it says that there are values. How many are so near to it that the histogram
    does not tell, is taken from how many are a little further out.
    """
    import numpy as np

    ends = np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1)
    below = np.append(0.0, np.cumsum(histogram.counts))
    at, total = np.array(outline.edges), below[-1]
    found = np.interp(at, ends, below)
    for index in outline.bounds:
        bound, sign = at[index], 1 if law and at[index] > law.mean else -1
        sure = bound + sign * (ends[1] - ends[0] + max(rounding, _CELL) * abs(bound))
        further = min(max(sure + sign * outline.step, histogram.low), histogram.high)
        if sign * (further - sure) <= 0:
            continue  # the outermost value is as near, so that those next to the bound are beyond it
        known, rest = np.interp([sure, further], ends, below)
        estimate = known - (rest - known) * (sure - at) / (further - sure)
        near = (sign * (at - bound) >= 0) & (sign * (sure - at) > 0)
        found[near] = (np.maximum if sign > 0 else np.minimum)(found, estimate)[near]
    found[0], found[-1] = 0.0, total
    # An edge that is off by a rounding leaves a share that is no value.
    return [float(share) if share > 1e-9 * total else 0.0 for share in np.diff(found)]


def picture(
    histogram: Histogram,
    law: Law | None,
    drawn: int,
    width: int,
    glyphs: Glyphs = BLOCKS,
    rounding: float = 0.0,
    height: int = _HEIGHT,
) -> list[Text]:
    """A histogram over its axis, with the density and the bounds of the law that the values should have.

    Args:
        drawn: how many of the values are draws of the law.
        width: in columns, at most.
        rounding: how far past a bound, relative to it, a value may be stored that is not beyond it.
    """
    if isinstance(law, Constant):
        law = None
    apart = 2 if law else 1
    outline = frame(histogram.low, histogram.high, law, max(1, (width - 1) // apart if law else width), rounding)
    edges, half = outline.edges, outline.step / 2
    counts = between(histogram, outline, law, rounding)
    density = [drawn * (law.cdf(x + half) - law.cdf(x - half)) for x in edges] if law else []
    top = max((*counts, *density)) or 1.0
    low, high = law.support if law else (-math.inf, math.inf)
    columns: list[Column] = []
    for index, count in enumerate(counts):
        if law:
            columns.append(_mark(index, outline, density, top, glyphs, height))
        inside = low <= edges[index] + half <= high
        columns.append(_bar(_level(count / top, 8 * height), BAR if inside else BEYOND, glyphs, height))
    if law:
        columns.append(_mark(len(counts), outline, density, top, glyphs, height))
    places = (*outline.bounds, *({0, len(counts)} - set(outline.bounds)))
    ticks = [(min(apart * index, len(columns) - 1), (f"{edges[index]:.6g}",)) for index in places]
    return [*_lines(columns), *axis(len(columns), ticks, glyphs)]


def _bar(level: int, style: str, glyphs: Glyphs, height: int) -> Column:
    """``level`` eighths of a line high."""
    return [(glyphs.eighths[min(8, max(0, level - 8 * row))], style) for row in range(height)]


def _mark(index: int, outline: Frame, density: Sequence[float], top: float, glyphs: Glyphs, height: int) -> Column:
    """A bound, or the density as a line at its height; none where that would lie on the axis."""
    if index in outline.bounds:
        return [(glyphs.limit, BOUND)] * height
    column = [(" ", "")] * height
    place = round(density[index] / top * height * 2)
    if place:
        row, half = divmod(place - 1, 2)
        column[row] = (glyphs.halves[half], DENSITY)
    return column


def _lines(columns: Sequence[Column]) -> list[Text]:
    """Columns as lines from the top down."""
    lines = []
    for cells in reversed(list(zip(*columns, strict=True))):
        line = Text.assemble(*cells)
        line.rstrip()
        lines.append(line)
    return lines


def density(law: Law, width: int, glyphs: Glyphs = BLOCKS, height: int = _HEIGHT) -> list[Text]:
    """The density of a law as an area over its axis, where its bounds, its mean and one std to either side are marked."""
    low, high = _ends(law, _REACH_ALONE)
    bounded = [bound in law.support for bound in (low, high)]
    inside = max(1, width - (1 + _BEYOND) * sum(bounded))
    edges = _edges(low, high, inside)
    shares = [law.cdf(right) - law.cdf(left) for left, right in pairwise(edges)]
    top = max(shares) or 1.0
    blank, limit = [[(" ", "")] * height] * _BEYOND, [[(glyphs.limit, BOUND)] * height]
    before, after = ([*blank, *limit] if at else [] for at in bounded)
    columns = [
        *before,
        *(_bar(round(share / top * height * 8), "yellow", glyphs, height) for share in shares),
        *reversed(after),
    ]

    def at(x: float) -> int:
        return len(before) + min(inside - 1, int((x - low) / (high - low) * inside))

    ends = [(len(before) - 1 if before else 0, (f"{low:.6g}",)), (len(before) + inside - (not after), (f"{high:.6g}",))]
    inner = [("mean", law.mean), ("-1 std", law.mean - law.std), ("+1 std", law.mean + law.std)]
    marked = [(at(x), (f"{x:.6g}", word)) for word, x in inner if low < x < high]
    return [*_lines(columns), *axis(len(columns), [*ends, *marked], glyphs)]


def legend(law: Law, title: str, glyphs: Glyphs = BLOCKS) -> tuple[str | tuple[str, str], ...]:
    """What the characters of a `picture` stand for."""
    bounds = any(end in law.support for end in _ends(law, _REACH))
    return (
        (glyphs.eighths[-1], BAR),
        " values  ",
        (glyphs.halves[0], DENSITY),
        f" {title}",
        *(("  ", (glyphs.limit, BOUND), " its bounds") if bounds else ()),
    )


def axis(width: int, ticks: Sequence[Tick], glyphs: Glyphs = BLOCKS) -> list[Text]:
    """A line with ticks, and below it what each is called; what would meet an earlier one stands below that."""
    places = {at for at, _ in ticks}
    lines = [Text("".join(glyphs.tick if at in places else glyphs.line for at in range(width)), "dim")]
    left = list(ticks)
    while left:
        placed: list[tuple[int, int, tuple[str, ...]]] = []
        later: list[Tick] = []
        for at, words in left:
            wide = max(map(len, words))
            start = max(0, min(at - wide // 2, width - wide))
            if any(start <= end and begin <= start + wide for begin, end, _ in placed):
                later.append((at, words))
            else:
                placed.append((start, start + wide, words))
        for row in range(max(len(words) for _, _, words in placed)):
            line = ""
            for start, end, words in sorted(placed):
                if row < len(words):
                    line = line.ljust(start + (end - start - len(words[row])) // 2) + words[row]
            lines.append(Text(line))
        left = later
    return lines
