"""A page that needs nothing beside it, neither the network nor a script.

Names come from files that anyone may have made, so that all text is escaped, and the page's policy lets no script run
but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from initgen.core.errors import printable
from initgen.report import document

if TYPE_CHECKING:
    from initgen.core.errors import InitgenError

# Paths without an answer, and why.
Errors = Sequence[tuple[str, "InitgenError"]]

KINDS: document.Kinds = dict.fromkeys((".html", ".htm"), (b"<!doctype html", b"<html"))
OPTION = "--html"

_HERE = Path(__file__).parent


def check(path: str) -> None:
    """Refuse before the work what could not be done after it.

    Raises:
        BadParameter: another suffix than .html or .htm.
        OutputError: the path cannot be written, or holds something else.
    """
    document.check(OPTION, path, KINDS)


def whole(tool: str, title: str, sign: str, parts: Sequence[str], *, script: str = "") -> str:
    """A page under a title, from what stands below its heading.

    Args:
        parts: HTML; the rest is plain text.
        script: the file of the page's own script.
    """
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    run = (_HERE / script).read_text(encoding="utf-8") if script else ""
    scripts = f"script-src '{_digest(run)}'; " if run else ""
    policy = f"default-src 'none'; style-src '{_digest(style)}'; {scripts}base-uri 'none'; form-action 'none'"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><meta name="generator" content="initgen">',
            f"<title>{sign} {escape(title)}</title><style>{style}</style></head><body><header>",
            f'<p class="tool">{tool}</p><h1>{escape(title)}</h1>',
            *parts,
            f"<script>{run}</script>" if run else "",
            "</body></html>\n",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def text(said: str) -> str:
    """Any text as HTML, in one line."""
    return escape(printable(said))


def table(kind: str, heads: Sequence[tuple[str, str]], rows: Sequence[str]) -> str:
    """A table of this class that scrolls where it is too wide; ``heads`` are words and their classes."""
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>'
        + "".join(f'<th class="{kind}">{name}</th>' if kind else f"<th>{name}</th>" for name, kind in heads)
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def cells(row: Sequence[tuple[str, str]]) -> str:
    """Classes and HTML as cells of a row."""
    return "".join(f'<td class="{kind}">{cell}</td>' if kind else f"<td>{cell}</td>" for kind, cell in row)
