"""Schemes as text for people: the table of all, and one with the density of its law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from initgen.core.registry import camel
from initgen.laws import Constant
from initgen.report.chart import density
from initgen.report.console import Screen, columns, show_facts
from initgen.report.tables import show_table, table_width
from initgen.report.wording import made_by

if TYPE_CHECKING:
    from initgen.schemes import Scheme
    from initgen.specs.tensor import TensorSpec


# A narrower terminal gets the table of schemes without their parameters, of which `initgen schemes NAME` has more to say.
_ROOM_FOR_PARAMETERS = 72


def show_schemes(out: Screen, schemes: Sequence[Scheme]) -> None:
    """The table of all schemes."""
    narrow = out.room is not None and out.room < _ROOM_FOR_PARAMETERS
    headings = ("scheme", "law") if narrow else ("scheme", "as in", "law", "parameters")
    table = columns(out, *headings, folded=("law", "parameters"))
    for scheme in schemes:
        params = ", ".join(p.name if p.default is None else f"{p.name}={p.default}" for p in scheme.params)
        cells = (scheme.name, scheme.formula) if narrow else (scheme.name, scheme.family, scheme.formula, params)
        table.add_row("", *map(out.said, cells))
    out.print(table)


def show_scheme(out: Screen, scheme: Scheme, example: TensorSpec | None) -> None:
    """One scheme: its law, names, parameters, source, and what its law looks like."""
    out.print(Text(scheme.name, "bold"))
    out.paragraph(scheme.summary, indent=2)
    said = [("law", scheme.formula)]
    if example:
        given = scheme.example.partition(":")[2].replace(",", ", ")
        said.append((f"for 100x64{given and ', '}{given}", made_by(example)))
    said.append(("also called", ", ".join((camel(scheme.name), *scheme.aliases))))
    said.append(("source", scheme.source))
    show_facts(out, said)
    if scheme.params:
        _show_params(out, scheme)
    law = example.element_law if example else None
    if law and not isinstance(law, Constant):
        out.picture(density(law, out.chart_width, out.glyphs))
    elif example and not law:
        out.print()
        out.paragraph("no density: its elements are not drawn one by one from a law", indent=2)


def _show_params(out: Screen, scheme: Scheme) -> None:
    said = [(p.name, "must be given" if p.default is None else f"{p.default}", p.rule, p.help) for p in scheme.params]
    rows = [("parameter", "default", "must be", ""), *said]
    if out.room is None or table_width(out, rows) <= out.room:
        show_table(out, rows)
        return
    for name, default, rule, help in said:
        out.paragraph(f"{name}: {default}; {rule}{help and '; '}{help}", indent=2)
