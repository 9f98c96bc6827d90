"""Screens of any width, encoding and colour, without a terminal."""

import io
import sys

import pytest

from initgen.report.console import console


class File(io.TextIOWrapper):
    """Standard output: a terminal, or not."""

    def __init__(self, encoding, terminal):
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", newline="")
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def screen(monkeypatch):
    """``screen(show, columns=None, encoding="utf-8")``: what ``show(out)`` prints; ``columns`` of None is a pipe."""

    def shown(show, columns=None, encoding="utf-8", **environment):
        with monkeypatch.context() as patch:
            for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
                patch.delenv(name, raising=False)
            for name, value in {"TERM": "xterm-256color", **environment}.items():
                patch.setenv(name, value)
            if columns is not None:
                patch.setenv("COLUMNS", str(columns))
            file = File(encoding, columns is not None)
            patch.setattr(sys, "stdout", file)
            show(console())
            file.flush()
        return file.buffer.getvalue().decode(encoding)

    return shown
