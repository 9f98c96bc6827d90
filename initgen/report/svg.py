"""Pictures as SVG elements of a page: few bytes each, coloured by the page's style sheet."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from initgen.report.picture import QQ, Floats, Picture

# In units of the drawings, about two to a pixel.
WIDTH, HEIGHT, SIDE = 720, 260, 400
_CAPTIONS, _TICKS = 34, 38


def histogram(picture: Picture, name: str) -> str:
    """Bars, density, limits and ticks.

    Args:
        name: the id of the bars, by which `thumbnail` shows them again.
    """
    parts = [f'<g id="{name}">{_bars(picture)}</g>']
    parts += [f'<path class="limit" d="M{_x(at)} 0V{HEIGHT}"/>' for at, _ in picture.limits]
    if picture.curve.size:
        parts.append(f'<path class="law" d="{_line(picture.curve)}"/>')
    parts.append(f'<path class="axis" d="M0 {HEIGHT}H{WIDTH}"/>')
    parts += [label(_x(at), HEIGHT + 30, text) for at, text in picture.ticks]
    parts += [label(_x(at), -10, text, _anchor(at)) for at, text in picture.captions]
    box = f"0 {-_CAPTIONS} {WIDTH} {HEIGHT + _CAPTIONS + _TICKS}"
    return f'<svg class="hist" viewBox="{box}" role="img">{"".join(parts)}</svg>'


def thumbnail(name: str) -> str:
    """The bars that are in the page under this id, small."""
    return (
        f'<svg class="thumb" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<use href="#{name}"/></svg>'
    )


def qq_plot(qq: QQ) -> str:
    """Found quantiles against those of the law, with the diagonal."""
    points = np.stack([qq.points[:, 0], 1 - qq.points[:, 1]], axis=1) * SIDE
    steps = np.diff(np.rint(points).astype(int), axis=0, prepend=0)
    # Dots are lines without length and with round ends.
    dots = "".join(f"m{pair(x, y)}h0" for x, y in steps.tolist())
    parts = [
        f'<path class="axis" d="M0 0V{SIDE}H{SIDE}"/><path class="law" d="M0 {SIDE}L{SIDE} 0"/>',
        f'<path class="dots" d="{dots}"/>',
    ]
    parts += [label(round(at * SIDE), SIDE + 32, text) for at, text in qq.ticks]
    parts += [label(-10, round((1 - at) * SIDE) + 8, text, "end") for at, text in qq.ticks]
    box = f"-110 {-_CAPTIONS} {SIDE + 150} {SIDE + _CAPTIONS + _TICKS}"
    return f'<svg class="qq" viewBox="{box}" role="img">{"".join(parts)}</svg>'


def _x(at: float) -> int:
    return round(at * WIDTH)


def _anchor(at: float) -> str:
    """Towards the middle of the frame from near its edges."""
    return "start" if at < 0.16 else "end" if at > 0.84 else ""


def label(x: int, y: int, text: str, anchor: str = "") -> str:
    """Text beside or below a point, centred there, or as the class ``anchor`` has it."""
    kind = f' class="{anchor}"' if anchor else ""
    return f'<text x="{x}" y="{y}"{kind}>{escape(text)}</text>'


def _bars(picture: Picture) -> str:
    x = np.rint(picture.edges * WIDTH).astype(int).tolist()
    y = np.rint((1 - picture.heights) * HEIGHT).astype(int).tolist()
    drawn: dict[bool, list[str]] = {False: [], True: []}
    for index, out in enumerate(picture.outside.tolist()):
        path = drawn[out]
        if index == 0 or picture.outside[index - 1] != out:
            path.append(f"M{x[index]} {HEIGHT}")
        path.append(f"V{y[index]}H{x[index + 1]}")
        if index == len(y) - 1 or picture.outside[index + 1] != out:
            path.append(f"V{HEIGHT}")
    classes = {False: "bars", True: "bars out"}
    return "".join(f'<path class="{classes[out]}" d="{"".join(path)}"/>' for out, path in drawn.items() if path)


def _line(curve: Floats) -> str:
    """A polyline; where it rises far above the frame, as far as it takes to leave it."""
    points = np.stack([curve[:, 0] * WIDTH, (1 - np.minimum(curve[:, 1], 1.5)) * HEIGHT], axis=1)
    whole: NDArray[np.int64] = np.rint(points).astype(np.int64)
    # A point between two at its own height says nothing.
    level = (whole[1:-1, 1] == whole[:-2, 1]) & (whole[1:-1, 1] == whole[2:, 1])
    whole = whole[np.concatenate([[True], ~level, [True]])]
    steps = np.diff(whole, axis=0).tolist()
    return f"M{whole[0, 0]} {whole[0, 1]}l" + " ".join(pair(x, y) for x, y in steps)


def pair(x: int, y: int) -> str:
    """A minus sign parts numbers as well as a blank does."""
    return f"{x}{y}" if y < 0 else f"{x} {y}"
