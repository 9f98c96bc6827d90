"""A framework's stream as text for people: its rules, and what it draws of each scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from initgen.report.console import Screen, columns, show_facts

if TYPE_CHECKING:
    from initgen.specs.offer import Offer
    from initgen.streams.dialects.dialect import Dialect

_WORDS = {"bitwise": "to the bit", "constant": "nothing is drawn", "refused": "refused"}


def show_stream(out: Screen, framework: Dialect, offered: Sequence[Offer]) -> None:
    """What the stream was compared with, which seeds it takes, and a line for each scheme."""
    out.print(Text(framework.name, "bold"))
    said = [("as in", framework.reference), ("seeds", framework.seeds), ("of a model", framework.series)]
    said += [("if" if not number else "and if", text) for number, text in enumerate(framework.conditions)]
    show_facts(out, said)
    out.print()
    table = columns(out, "scheme", "exact", "the framework's call", folded=("the framework's call",))
    for offer in offered:
        exact = f"within {offer.tolerance:g}" if offer.exactness == "tolerance" else _WORDS[offer.exactness]
        table.add_row("", *map(out.said, (offer.scheme, exact, offer.function or offer.reason)))
    out.print(table)
