"""``probe --html``: one page with all networks, each with its verdict, charts and layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from initgen.report import document
from initgen.report import wording as words
from initgen.report.page import KINDS, OPTION, Errors, cells, check, table, text, whole
from initgen.report.probe import wording
from initgen.report.probe.curves import COLORS, LETTERS, charts
from initgen.report.probe.layers import columns
from initgen.report.probe.svg import line_chart

if TYPE_CHECKING:
    from initgen.probe.result import NetworkSignal

__all__ = ["KINDS", "check", "page", "save"]

# Layers of a network whose table is open from the start.
_OPEN = 24


def save(path: str, networks: Sequence[NetworkSignal], errors: Errors = ()) -> None:
    """Write the page.

    Raises:
        OutputError: the path cannot be written.
    """
    document.write(OPTION, path, page(networks, errors).encode())


def page(networks: Sequence[NetworkSignal], errors: Errors = ()) -> str:
    """The page of these networks and of what could not be probed; the same for the same results."""
    count = len(networks) + len(errors)
    several = count > 1 or not networks
    title = words.counted(count, "network") if several else wording.title(networks[0])
    stable = all(network.verdict == "stable" for network in networks) and (None if errors else True)
    parts = [_verdict(networks[0]) if not several else _overall(networks, errors, stable)]
    if not several:
        parts.append(f'<p class="soft">{text(wording.facts(networks[0]))}</p>')
    parts.append("</header><main>")
    if several and networks:
        parts += [_comparison(networks), _pictures(networks[:COLORS])]
    for index, network in enumerate(networks):
        parts.append(section(network, index, several=several))
    parts.append(f"</main><footer><p>{_footer(networks, several=several)}</p></footer>")
    return whole("initgen probe", title, words.SIGNS[stable], parts)


def _verdict(network: NetworkSignal) -> str:
    stable = network.verdict == "stable"
    word = f"{words.SIGNS[stable]} {network.verdict}"
    return f'<p class="verdict"><b class="{_color(network)}">{word}</b>{text(wording.line(network))}</p>'


def _color(network: NetworkSignal) -> str:
    return "yes" if network.verdict == "stable" else "no"


def _overall(networks: Sequence[NetworkSignal], errors: Errors, stable: bool | None) -> str:
    """The answer for all, and what has none."""
    word = f"{words.SIGNS[stable]} {({True: 'stable', False: 'not stable', None: 'not known'})[stable]}"
    color = {True: "yes", False: "no", None: "soft"}[stable]
    said = f'<p class="verdict"><b class="{color}">{word}</b>{text(wording.answer(networks))}</p>'
    lines = [
        f'<li><b class="no" title="no answer">{words.SIGNS[False]}</b> {text(path)}'
        f' <span class="soft">{text(error.message)}</span></li>'
        for path, error in errors
    ]
    return said + (f'<ul class="files">{"".join(lines)}</ul>' if lines else "")


def _comparison(networks: Sequence[NetworkSignal]) -> str:
    """A line for each network."""
    heads = [("", ""), ("network", ""), ("answer", ""), ("layers", "num")]
    heads += [(name, "num") for name in ("forward", "in all", "backward", "in all")] + [("first limit", "less")]
    rows = []
    for index, network in enumerate(networks):
        letter = f'<b class="letter s{index}">{LETTERS[index]}</b>' if index < COLORS else ""
        backward = network.backward
        row = [
            ("", letter),
            ("name", f'<a href="#n{index}">{text(wording.title(network))}</a>'),
            (_color(network), f"{words.SIGNS[network.verdict == 'stable']} {network.verdict}"),
            ("num", f"{network.depth:,}"),
            ("num", _factor(wording.number(network.forward.factor))),
            ("num", _factor(wording.rough(network.forward.total))),
            ("num", _factor(wording.number(backward.factor)) if backward else ""),
            ("num", _factor(wording.rough(backward.total)) if backward else ""),
            ("less", text(wording.first_limit(network))),
        ]
        rows.append(f"<tr>{cells(row)}</tr>")
    return table("networks", heads, rows)


def _factor(said: str) -> str:
    return f"× {_minus(said)}"


def _minus(said: str) -> str:
    return text(said).replace("-", "−")


def _pictures(networks: Sequence[NetworkSignal], first: int = 0) -> str:
    drawn = "".join(
        f'<figure class="wide"><figcaption>{chart.title}</figcaption>{line_chart(chart, first)}</figure>'
        for chart in charts(networks)
    )
    return f'<div class="pictures">{drawn or "<p>nothing that can be drawn</p>"}</div>'


def section(network: NetworkSignal, index: int, *, several: bool) -> str:
    """What there is to say of one network; under its title where there are several."""
    said = f'<section id="n{index}">'
    if several:
        said += f"<h2>{text(wording.title(network))}</h2>{_verdict(network)}"
        said += f'<p class="soft">{text(wording.facts(network))}</p>'
    for what in ("activations", "gradients"):
        ends = wording.limits(network, what)
        said += f"<p>{what}: {text(ends)}</p>" if ends else ""
    said += f"<p>theory: {text(wording.fixed(network.fixed))}</p>" if network.fixed else ""
    said += f"<p>inputs: {text(wording.alike(network))}</p>" if network.alike else ""
    for found in network.critical:
        said += f"<p><b>χ₁ = 1</b> for {text(found.activation)}: {text(wording.critical(found))}</p>"
    if network.candidates:
        holding, losing = wording.candidates(network.candidates)
        said += f"<p><b>hold the signal</b> at this depth (factor per layer by theory): {text(holding)}</p>"
        said += f'<p class="soft">do not hold it: {text(losing)}</p>' if losing else ""
    said += _pictures([network], index)
    if not network.layers:
        return f"{said}</section>"
    opened = " open" if len(network.layers) <= _OPEN else ""
    count = words.counted(len(network.layers), "layer")
    return f"{said}<details{opened}><summary>{count}</summary>{_layers(network)}</details></section>"


def _layers(network: NetworkSignal) -> str:
    """The table of all layers."""
    told = [(column, "" if column.heading == "kind" else "num") for column in columns(network)]
    heads = [("layer", ""), ("", "num"), *((column.heading, kind) for column, kind in told)]
    names = ["input", *(layer.name for layer in network.layers)]
    said = [(kind, column.said(network)) for column, kind in told]
    rows = []
    for index, name in enumerate(names):
        row = [("name", text(name)), ("num", f"{index}")]
        row += [(kind, _minus(of[index]) if kind else text(of[index])) for kind, of in said]
        rows.append(f"<tr>{cells(row)}</tr>")
    return table("layers", heads, rows)


def _footer(networks: Sequence[NetworkSignal], *, several: bool) -> str:
    said = "Lines: measured. Broad dashes: mean-field theory. Dashed: where a dtype’s range ends."
    if several and len(networks) > COLORS:
        said += f" The first chart has {COLORS} of {len(networks)} networks."
    return said
