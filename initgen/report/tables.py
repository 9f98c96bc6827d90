"""Tables for people: how they are laid out, the tensors of a model, what differs between two."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from initgen.core.errors import printable
from initgen.core.shapes import Shape, format_shape
from initgen.engine.output import in_units
from initgen.laws import Constant, Law
from initgen.report.console import Screen, columns
from initgen.report.wording import of_streams
from initgen.specs.names import expand, fold

if TYPE_CHECKING:
    from initgen.checks.diff import Diff
    from initgen.engine.files import Plan
    from initgen.specs.tensor import TensorSpec

Cell = str | Text

# A name is not shortened further than this, whatever the screen.
_LEAST_NAME = 12
# Columns go as long as names have less than half of the screen, but for this: at 40 columns a picture and a verdict stay.
_BESIDE = 7
# How much of what is left of a shortened name may be its start; of equally good ones the first is taken.
_HEADS = (0.4, 0.2, 0.0, 0.6, 0.8)


def show_specs(out: Screen, specs: Sequence[TensorSpec], plan: Plan | None) -> None:
    """What would be made: a line for each tensor, those that differ by a number in their names in one line."""
    table: list[tuple[Cell, ...]] = [("tensor", "", "shape", "dtype", "scheme", "bound", "std", "bytes")]
    rows = fold((spec.name, _row(spec)) for spec in specs)
    for template, (shape, dtype, title, bound, std, nbytes) in rows:
        count = len(expand(template))
        times = f"× {count}" if count > 1 else ""
        table.append((printable(template), times, shape, dtype, title, bound, std, in_units(count * nbytes)))
    show_table(out, table)
    total = sum(spec.nbytes for spec in specs)
    parameters = sum(spec.count for spec in specs)
    said = f"{len(specs)} tensor{'s' * (len(specs) != 1)}, {parameters:,} parameter{'s' * (parameters != 1)}"
    out.print(Text(f"  {said}{of_streams(specs)}, {in_units(total)}", "bold"))
    if plan is not None:
        for file in plan.files[:20]:
            path = plan.path.rstrip("/") + "/" + file.name if file.name else plan.path
            of = "1 tensor" if len(file.specs) == 1 else f"{len(file.specs)} tensors"
            out.print(f"  {path}: {of}, {in_units(file.nbytes)} of data")
        if len(plan.files) > 20:
            out.print(f"  and {len(plan.files) - 20} more files")


def show_table(out: Screen, rows: Sequence[Sequence[Cell]], less: Sequence[int] | None = None) -> None:
    """Rows with their columns below one another, two blanks apart, headings first.

    Not by rich, which takes a second for a thousand rows.

    Args:
        less: the columns that a terminal without room for all goes without, the first of these first; after them
            names, in the first column, are shortened. None for a table that is not fitted to the terminal.
    """
    said = _said(out, rows)
    widths = _widths(said)
    kept = [column for column, width in enumerate(widths) if width]
    if out.room is not None and less is not None:
        kept, widths[0] = _fitted(widths, kept, less, out.room)
    names = shortened([words[0] for words in said], widths[0], out.said("…"))
    said = [[name, *words[1:]] for name, words in zip(names, said, strict=True)]
    codes: dict[str, tuple[str, str]] = {}
    lines = []
    for index, (row, words) in enumerate(zip(rows, said, strict=True)):
        line, blanks = "", 0
        for column in kept:
            cell, word = row[column], words[column]
            if word:
                style = "dim" if index == 0 else str(cell.style) if isinstance(cell, Text) else ""
                if style not in codes:
                    codes[style] = _codes(out, style)
                before, after = codes[style]
                line += " " * (2 + blanks) + before + word + after
                blanks = 0
            else:
                blanks += 2
            blanks += widths[column] - cell_len(word)
        lines.append(line + "\n")
    out.file.write("".join(lines))


def table_width(out: Screen, rows: Sequence[Sequence[Cell]]) -> int:
    """The columns that `show_table` takes for all of these rows."""
    return sum(width + 2 for width in _widths(_said(out, rows)))


def _said(out: Screen, rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    return [[out.said(cell.plain if isinstance(cell, Text) else cell) for cell in row] for row in rows]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _fitted(widths: Sequence[int], kept: list[int], less: Sequence[int], room: int) -> tuple[list[int], int]:
    """The columns for which there is room, and the width of the first."""
    wanted = min(widths[0], max(_LEAST_NAME, room // 2 - _BESIDE))
    for column in less:
        if wanted + 2 + sum(widths[k] + 2 for k in kept[1:]) <= room:
            break
        kept = [k for k in kept if k != column]
    left = room - 2 - sum(widths[k] + 2 for k in kept[1:])
    return kept, min(widths[0], max(_LEAST_NAME, left))


def shortened(names: Sequence[str], width: int, mark: str = "…") -> list[str]:
    """Names in so many columns: of those that are too long a part is left out, which one keeps most of them apart.

    That part is in the middle, or in front, or also the last word that most names share, like ``.weight``.
    """
    if all(cell_len(name) <= width for name in names):
        return list(names)
    (ending, _), *_ = Counter(name[name.rfind(".") :] for name in names if "." in name[1:]).most_common(1) or [("", 0)]
    tried = [
        [_cut(name, width, share, mark, end) for name in names]
        for end in dict.fromkeys(("", ending))
        for share in _HEADS
    ]
    return max(tried, key=lambda shown: len(set(shown)))


def _cut(name: str, width: int, share: float, mark: str, ending: str) -> str:
    """A name in so many columns, without ``ending`` if it has it, and without what ``share`` of the rest is in front of."""
    if cell_len(name) <= width:
        return name
    if ending and name.endswith(ending):
        return _cut(name.removesuffix(ending), width - len(mark), share, mark, "") + mark
    room = max(1, width - len(mark))
    head = int(room * share)
    start, end = head, len(name) - room + head
    if not name.isascii():  # of which some take two columns, and some none
        sizes = list(accumulate(map(cell_len, name), initial=0))
        start, end = bisect_right(sizes, head) - 1, bisect_left(sizes, sizes[-1] - room + head)
    return name[:start] + mark + name[end:]


def _codes(out: Screen, style: str) -> tuple[str, str]:
    """What comes before and after text in a style."""
    with out.capture() as capture:
        out.print(Text("|", style), end="")
    before, _, after = capture.get().partition("|")
    return before, after


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


def show_diff(out: Screen, answer: Diff) -> None:
    """The tensors that differ, and the answer."""
    differing = [tensor for tensor in answer.tensors if tensor.kind != "equal"]
    if differing:
        table = columns(out, "tensor", "differs in", answer.a, answer.b, "values", "first", "max abs", "max ulp")
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
