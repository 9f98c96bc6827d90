"""Screens of any width, encoding and colour, without a terminal; a browser, if there is one."""

import io
import shutil
import subprocess
import sys

import pytest

from initgen.report.console import console

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--enable-logging=stderr",
]


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


@pytest.fixture(scope="session")
def browse():
    """``browse(path, address="", *options)``: a page after its scripts ran, and what the browser logged of it."""
    if BROWSER is None:
        pytest.skip("there is no chromium, chromium-browser or google-chrome")

    def browsed(path, address="", *options):
        done = subprocess.run(
            [
                *(BROWSER, *OPTIONS, f"--user-data-dir={path.parent / 'profile'}", *options),
                *("--dump-dom", f"{path.as_uri()}{address}"),
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return browsed
