"""Line charts made of characters: a line that rises by thirds of a cell, or several of letters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from initgen.report.chart import BLOCKS, Glyphs, axis

# From the input on, shares of the frame's height; None where there is none.
Heights = Sequence[float | None]
# Shares of the frame's height, and what is written beside them.
Levels = Sequence[tuple[float, str]]
Label = tuple[int, str]


def lines(
    curves: Sequence[tuple[str, str, Heights]],
    last: int,
    levels: Levels,
    labels: Sequence[Label],
    width: int,
    height: int,
    glyphs: Glyphs = BLOCKS,
) -> list[Text]:
    """Curves over a common axis.

    Args:
        curves: each with its letter, which is empty for a smooth line, and its style.
        last: the place of the last point of the longest.
        labels: places with their names.
        width, height: in cells, of all with the labels, and of the curves alone.
    """
    margin = max((len(text) for _, text in levels), default=0)
    inside = max(2, width - margin - 2)
    cells: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for letter, style, heights in curves:
        for column in range(inside):
            at = _between(heights, column * last / (inside - 1))
            if at is not None:
                row, third = divmod(min(3 * height - 1, max(0, int(at * 3 * height))), 3)
                marks = glyphs.eighths[1] + glyphs.halves
                cells.setdefault((row, column), []).append((letter or marks[third], style))
    beside = {min(height - 1, int(at * height)): text for at, text in levels}
    drawn = []
    for row in reversed(range(height)):
        line = Text(f"{beside.get(row, ''):>{margin}} ", "dim")
        line.append(glyphs.limit, "dim")
        for column in range(inside):
            met = cells.get((row, column), [(" ", "")])
            # Where lines meet, each has its turn.
            line.append(*met[column % len(met)])
        line.rstrip()
        drawn.append(line)
    ticks = [(round(place * (inside - 1) / last) if last else 0, (text,)) for place, text in labels]
    return drawn + [Text(" " * (margin + 2)) + line for line in axis(inside, ticks, glyphs)]


def _between(heights: Heights, place: float) -> float | None:
    """The height at a place that may lie between two points."""
    index = int(place)
    if index >= len(heights) or heights[index] is None:
        return None
    here, part = heights[index], place - index
    if part < 1e-9 or here is None:
        return here
    there = heights[index + 1] if index + 1 < len(heights) else None
    return None if there is None else here + part * (there - here)


def beside(left: Sequence[Text], right: Sequence[Text], width: int) -> list[Text]:
    """Two pictures, the second from a column on; the shorter is filled up at its end."""
    joined = []
    for index in range(max(len(left), len(right))):
        line = left[index].copy() if index < len(left) else Text()
        if index < len(right):
            line.append(" " * (width - line.cell_len))
            line.append_text(right[index])
        line.rstrip()
        joined.append(line)
    return joined
