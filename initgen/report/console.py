"""Where text for people goes: with colours on a terminal, without elsewhere; in ASCII where there is nothing else."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import IO, Any, Literal, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from initgen.report.chart import ASCII, BLOCKS, Glyphs

# Off a terminal nothing is folded or cut; on one, what rich lays out is not either, for want of a rule what may go.
_UNFOLDED = 400
# Columns of a picture: at most, and where there is no terminal.
_WIDEST, _WIDTH = 99, 81
_INDENT = 2
_IN_ASCII = str.maketrans(
    {"…": "...", "≥": ">=", "≤": "<=", "±": "+-", "×": "x", "²": "^2", "⁻": "^-", "¹": "1", "√": "sqrt "}
    | {"χ": "chi", "₁": "1"}
)
# An encoding has all of these, or pictures and tables are made of ASCII.
_DRAWN = "".join((*astuple(BLOCKS), *map(chr, _IN_ASCII)))

# Text, or text with a style.
Part = str | tuple[str, str]


class Screen(Console):
    """Standard output.

    Attributes:
        room: the columns of the terminal, which lines may not exceed; None where it is none, and nothing is cut.
        ascii_only: whether it can show no other characters.
    """

    room: int | None = None
    ascii_only: bool = False

    def on_broken_pipe(self) -> None:
        # rich would leave with exit code 1, which means no.
        raise BrokenPipeError

    @property
    def glyphs(self) -> Glyphs:
        """What charts are drawn with."""
        return ASCII if self.ascii_only else BLOCKS

    @property
    def chart_width(self) -> int:
        """How wide a picture may be, in columns."""
        return _WIDTH if self.room is None else max(1, min(_WIDEST, self.room - _INDENT))

    def said(self, text: str) -> str:
        """Text in the characters that can be shown, which may take more columns."""
        return text.translate(_IN_ASCII) if self.ascii_only else text

    def picture(self, lines: Iterable[Text]) -> None:
        """Print a chart, with a blank line on either side."""
        self.print()
        for line in lines:
            self.print(Text(" " * _INDENT) + line)
        self.print()

    def paragraph(self, *parts: Part, indent: int = 0) -> None:
        """Print parts, some with styles, as a line; on a terminal it is folded at words, and goes on two columns in."""
        line = Text()
        for part in parts:
            text, style = (part, "") if isinstance(part, str) else part
            line.append(self.said(text), style)
        if self.room is None or line.cell_len + indent <= self.room:
            self.print(Text(" " * indent) + line)
            return
        for index, folded in enumerate(line.wrap(self, max(8, self.room - indent - _INDENT))):
            folded.rstrip()
            self.print(Text(" " * (indent + _INDENT * (index > 0))) + folded)


class _File:
    """A text file that gets what it can show, and off a terminal no blanks at the ends of lines, with which rich fills
    tables up."""

    def __init__(self, file: IO[str], screen: Screen) -> None:
        self._file, self._screen = file, screen

    def write(self, text: str) -> int:
        shown = self._screen.said(text)
        if self._screen.room is None:
            shown = "\n".join(line.rstrip(" ") for line in shown.split("\n"))
        self._file.write(shown)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def console() -> Screen:
    """Standard output. rich itself honours FORCE_COLOR and TERM, and of NO_COLOR the colours, but not bold and dim."""
    system: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    screen = Screen(color_system=system, width=_UNFOLDED, highlight=False, markup=False, emoji=False, soft_wrap=True)
    screen.room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    screen.ascii_only = not _shows(_DRAWN, sys.stdout.encoding)
    screen.file = cast(IO[str], _File(sys.stdout, screen))
    return screen


def _shows(text: str, encoding: str | None) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def columns(out: Screen, *headings: str, folded: Sequence[str] = ()) -> Table:
    """A table without lines, indented; on a terminal the columns that are ``folded`` share what room there is."""
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", width=out.room if folded else None
    )
    table.add_column("", width=0)
    for heading in headings:
        fold = heading in folded and out.room is not None
        table.add_column(heading, no_wrap=not fold, overflow="fold" if fold else "ignore")
    return table


def show_facts(out: Screen, pairs: Sequence[tuple[str, str]]) -> None:
    """Names and what is to be said of them, which may take several lines."""
    widest = max(len(name) for name, _ in pairs)
    if out.room is not None and 2 * widest > out.room:  # what is said would stand in a column as narrow as its words
        for name, said in pairs:
            out.paragraph(f"{name}: {said}", indent=_INDENT)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=0)
    table.add_column(min_width=widest, no_wrap=True)
    # The names, and blanks between the columns, leave so much of a terminal to what is said.
    table.add_column(overflow="fold", max_width=max(out.room - widest - 4, 8) if out.room is not None else None)
    for name, said in pairs:
        table.add_row("", name, out.said(said))
    out.print(table)
