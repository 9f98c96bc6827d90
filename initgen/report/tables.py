"""Models as tables for people: their tensors, and what differs between two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from initgen.core.errors import printable
from initgen.core.shapes import Shape, format_shape
from initgen.engine.output import in_units
from initgen.laws import Constant, Law
from initgen.report.console import columns
from initgen.specs.names import expand, fold

if TYPE_CHECKING:
    from initgen.checks.diff import Diff
    from initgen.engine.files import Plan
    from initgen.specs.tensor import TensorSpec


def show_specs(out: Console, specs: Sequence[TensorSpec], plan: Plan | None) -> None:
    """What would be made: a line for each tensor, those that differ by a number in their names in one line."""
    table = [("tensor", "", "shape", "dtype", "scheme", "bound", "std", "bytes")]
    rows = fold((spec.name, _row(spec)) for spec in specs)
    for template, (shape, dtype, title, bound, std, nbytes) in rows:
        count = len(expand(template))
        times = f"× {count}" if count > 1 else ""
        table.append((printable(template), times, shape, dtype, title, bound, std, in_units(count * nbytes)))
    heading, *lines = _aligned(table)
    out.print(Text(heading, "dim"))
    # Not by rich, which takes a second for a thousand rows.
    out.file.write("".join(f"{line}\n" for line in lines))
    total = sum(spec.nbytes for spec in specs)
    parameters = sum(spec.count for spec in specs)
    said = f"{len(specs)} tensor{'s' * (len(specs) != 1)}, {parameters:,} parameter{'s' * (parameters != 1)}"
    out.print(Text(f"  {said}, {in_units(total)}", "bold"))
    if plan is not None:
        for file in plan.files[:20]:
            path = plan.path.rstrip("/") + "/" + file.name if file.name else plan.path
            of = "1 tensor" if len(file.specs) == 1 else f"{len(file.specs)} tensors"
            out.print(f"  {path}: {of}, {in_units(file.nbytes)} of data")
        if len(plan.files) > 20:
            out.print(f"  and {len(plan.files) - 20} more files")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with their columns below one another, two blanks apart."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(spec: TensorSpec) -> tuple[str, str, str, str, str, int]:
    made = spec.made
    bound = std = ""
    if isinstance(made, Law) and not isinstance(made, Constant):
        low, high = made.support
        if math.isfinite(low) and math.isfinite(high):
            bound = f"±{high:.6g}" if low == -high else f"{low:.6g} to {high:.6g}"
        std = f"{made.std:.6g}"
    title = f"= {printable(spec.tied)}" if spec.tied else spec.title
    return format_shape(spec.shape), spec.dtype.name, title, bound, std, spec.nbytes


def show_diff(out: Console, answer: Diff) -> None:
    """The tensors that differ, and the answer."""
    differing = [tensor for tensor in answer.tensors if tensor.kind != "equal"]
    if differing:
        table = columns("tensor", "differs in", answer.a, answer.b, "values", "first", "max abs", "max ulp")
        for tensor in differing:
            kind = {"only a": f"only in {answer.a}", "only b": f"only in {answer.b}"}.get(tensor.kind, tensor.kind)
            counted = tensor.max_abs is not None
            table.add_row(
                "",
                printable(tensor.name),
                kind,
                _side(tensor.a),
                _side(tensor.b),
                f"{tensor.count:,}" if counted else "",
                f"{tensor.first}" if counted and tensor.count else "",
                f"{tensor.max_abs:.6g}" if counted else "",
                f"{tensor.max_ulp}" if tensor.max_ulp is not None else "",
            )
        out.print(table)
    total = len(answer.tensors)
    said = f"all {total} tensors are equal" if answer.equal else f"{len(differing)} of {total} tensors differ"
    out.print(Text(said, "bold green" if answer.equal else "bold red"))


def _side(side: tuple[Shape, str] | None) -> str:
    return f"{format_shape(side[0])} {side[1]}" if side else ""
