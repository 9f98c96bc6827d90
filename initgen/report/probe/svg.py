"""Line charts of networks as SVG elements of a page, coloured by the page's style sheet."""

from __future__ import annotations

from html import escape

from initgen.report.probe.curves import COLORS, LETTERS, Chart, Points, decades, places, power
from initgen.report.svg import WIDTH, label, pair

_HEIGHT = 420
# Room for what stands beside and below.
_LEFT, _RIGHT, _ABOVE, _BELOW = 90, 14, 12, 44
# Letters on a line, about.
_LETTERS = 5


def line_chart(chart: Chart, first: int = 0) -> str:
    """Measured lines with their letters, theory, and where ranges end.

    Args:
        first: the number of the first network, which gives it its colour.
    """
    parts = []
    for exponent in decades(chart.low, chart.high, 7):
        y = _y(chart, exponent)
        parts.append(f'<path class="grid" d="M0 {y}H{WIDTH}"/>{label(-10, y + 8, power(exponent), "end")}')
    parts.append(f'<path class="axis" d="M0 0V{_HEIGHT}H{WIDTH}"/>')
    for place in places(chart.last, 7):
        parts.append(label(_x(chart, place), _HEIGHT + 34, f"{place}" if place else "input"))
    for end in chart.ends:
        parts.append(f'<path class="limit" d="{_path(chart, end.points)}"/>')
        parts.append(label(WIDTH, _y(chart, end.points[-1]) - 8, end.words, "end"))
    known = [(index, curve) for index, curve in enumerate(chart.curves) if curve]
    for kind in ("theory", "measured"):
        for index, curve in known:
            path = _path(chart, curve.predicted if kind == "theory" else curve.measured)
            parts.append(f'<path class="{kind} s{(first + index) % COLORS}" d="{path}"/>' if path else "")
    if len(chart.curves) > 1:
        parts += [_letters(chart, curve.measured, index) for index, curve in known]
    box = f"{-_LEFT} {-_ABOVE} {WIDTH + _LEFT + _RIGHT} {_HEIGHT + _ABOVE + _BELOW}"
    return f'<svg class="signal" viewBox="{box}" role="img" aria-label="{escape(chart.title)}">{"".join(parts)}</svg>'


def _x(chart: Chart, place: int) -> int:
    return round(place / chart.last * WIDTH) if chart.last else 0


def _y(chart: Chart, point: float) -> int:
    return round((1 - chart.share(point)) * _HEIGHT)


def _path(chart: Chart, points: Points) -> str:
    """Lines from point to point, with gaps where there is none; a point alone is a short line."""
    drawn = ""
    last: tuple[int, int] | None = None
    for place, point in enumerate(points):
        if point is None:
            last = None
            continue
        x, y = _x(chart, place), _y(chart, point)
        alone = last is None and (place + 1 == len(points) or points[place + 1] is None)
        drawn += f"M{x} {y}{'h4' if alone else ''}" if last is None else f"l{pair(x - last[0], y - last[1])}"
        last = x, y
    return drawn


def _letters(chart: Chart, points: Points, index: int) -> str:
    """A network's letter here and there on its line, elsewhere for each."""
    known = [place for place, point in enumerate(points) if point is not None]
    every = max(1, len(known) // _LETTERS)
    start = round(index * every / len(chart.curves)) if every > 1 else 0
    drawn = ""
    for place in known[start::every]:
        point = points[place]
        if point is not None:
            x, y = _x(chart, place), _y(chart, point) + 8
            drawn += f'<text class="on s{index}" x="{x}" y="{y}">{LETTERS[index]}</text>'
    return drawn
