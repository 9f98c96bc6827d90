"""Where text for people goes: with colours on a terminal, without elsewhere."""

import shutil
import sys
from collections.abc import Iterable
from typing import IO, Any, cast

from rich.console import Console
from rich.table import Table

# Tables are neither folded at a terminal's width nor cut there: a number with its end missing is another number.
_UNFOLDED = 400


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # rich would leave with exit code 1, which means no.
        raise BrokenPipeError


class _Trimmed:
    """A text file that gets no blanks at the ends of lines, with which rich fills tables up."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write("\n".join(line.rstrip(" ") for line in text.split("\n")))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def console() -> Console:
    """Standard output. rich itself honours NO_COLOR, FORCE_COLOR and TERM."""
    file = sys.stdout if sys.stdout.isatty() else cast(IO[str], _Trimmed(sys.stdout))
    return _Console(file=file, width=_UNFOLDED, highlight=False, markup=False, emoji=False, soft_wrap=True)


def columns(*headings: str) -> Table:
    """A table without lines, indented."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", width=0)
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ignore")
    return table


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and what is to be said of them, which may take several lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    pairs = list(pairs)
    table.add_column(width=0)
    table.add_column(min_width=max(len(name) for name, _ in pairs), no_wrap=True)
    # The names, and blanks between the columns, leave so much of a terminal to what is said.
    room = shutil.get_terminal_size().columns - max(len(name) for name, _ in pairs) - 4
    table.add_column(overflow="fold", max_width=max(room, 20) if sys.stdout.isatty() else None)
    for name, said in pairs:
        table.add_row("", name, said)
    return table
