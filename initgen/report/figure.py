"""Pages by matplotlib, in one style.

Figures are made as objects, without pyplot and under default settings: nothing of the caller's is read or changed, and
the same results give the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from initgen.core.errors import OutputError
from initgen.report import document

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: document.Kinds = {".png": (b"\x89png",), ".svg": (b"<?xml", b"<svg"), ".pdf": (b"%pdf",)}
OPTION = "--plot"

INK, SOFT, FAINT = "#1f2328", "#646c76", "#c9ced6"
# Okabe and Ito's blue and vermilion, which all eyes tell apart.
YES, NO = "#0b6aa8", "#b5400a"
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "svg.hashsalt": "initgen",
    "path.simplify": False,
}
# No date and no version: reports of equal results are equal.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def check(path: str) -> None:
    """Refuse before the work what could not be done after it.

    Raises:
        BadParameter: another suffix than .png, .svg or .pdf.
        OutputError: the path cannot be written, holds something else, or matplotlib is not there.
    """
    document.check(OPTION, path, KINDS)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise OutputError(f"{OPTION} needs matplotlib", "pip install 'initgen[plot]'") from None
    except Exception as error:  # a configuration that it cannot read, a backend that it does not know
        raise OutputError(f"{OPTION} needs matplotlib, which does not start: {error}") from None


def write(path: str, draw: Callable[[int], Sequence[Figure]], pages: int = 1) -> None:
    """Draw what `check` let pass.

    Args:
        draw: makes at most so many pages.
        pages: of a PDF, at most; PNG and SVG have one.

    Raises:
        OutputError: the path cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages

    suffix = document.suffix_of(path, KINDS) or ".png"
    data = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # names may be in any script; a box is drawn instead
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figures = draw(pages if suffix == ".pdf" else 1)
        if suffix == ".pdf":
            with _dateless(), PdfPages(data, metadata=_METADATA[suffix]) as file:
                for each in figures:
                    file.savefig(each)
        else:
            figures[0].savefig(data, format=suffix[1:], dpi=160, metadata=_METADATA[suffix])
    document.write(OPTION, path, data.getvalue())


@contextlib.contextmanager
def _dateless() -> Iterator[None]:
    """A PDF has no date here, and matplotlib reads one out of the environment all the same, whatever it is."""
    date = os.environ.pop("SOURCE_DATE_EPOCH", None)
    try:
        yield
    finally:
        if date is not None:
            os.environ["SOURCE_DATE_EPOCH"] = date


def empty(width: float, height: float) -> Figure:
    """An empty page, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white")


def inches(page: Figure, x: float) -> float:
    """A width in inches as a share of the page's."""
    width: float = page.get_figwidth()
    return x / width


def fitted(cut: Callable[[str, int], str], text: str, width: float, size: float, weight: str) -> str:
    """``text``, cut until it is at most ``width`` inches wide."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight)
    text = cut(text, int(width * 72 / size * 4))  # no letter is narrower than a quarter
    shown = text
    while len(shown) > 3:
        needed = text_to_path.get_text_width_height_descent(shown, font, ismath=False)[0] / 72
        if needed <= width:
            break
        shown = cut(text, min(len(shown) - 1, int(len(shown) * width / needed) + 1))
    return shown
