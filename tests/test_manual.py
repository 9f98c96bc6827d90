"""The manual pages are what the commands' help says, and sound to man."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from initgen.cli import COMMANDS, cli

MANUAL = Path(__file__).parent.parent / "docs" / "man"
NAMES = ["initgen.1", *(f"initgen-{name}.1" for name in COMMANDS)]


@pytest.fixture(scope="module")
def pages():
    # In a process of its own: click keeps the first --help that it was asked for.
    code = f"import json, runpy; print(json.dumps(runpy.run_path({str(MANUAL / 'make.py')!r})['pages']()))"
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def test_every_command_has_a_page_and_every_page_a_command(pages):
    assert sorted(pages) == sorted(path.name for path in (MANUAL / "man1").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_what_the_commands_say_now(name, pages):
    assert (MANUAL / "man1" / name).read_text() == pages[name], "make man writes them anew"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_names_every_option_and_shows_every_example(name, pages):
    page = pages[f"initgen-{name}.1"]
    text = page.replace(r"\fB", "").replace(r"\fR", "").replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\(ti", "~")
    command = cli.get_command(click.Context(cli), name)
    for option in command.params:
        if isinstance(option, click.Option):
            assert all(flag in text for flag in (*option.opts, *option.secondary_opts))
    examples = [line.strip() for line in command.help.splitlines() if line.strip().startswith(f"initgen {name}")]
    assert examples
    assert all(line in text for line in examples)
    assert page.isascii()


@pytest.mark.skipif(not shutil.which("mandoc"), reason="needs mandoc")
@pytest.mark.parametrize("name", NAMES)
def test_mandoc_finds_nothing_wrong(name, pages):
    found = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning"], input=pages[name], capture_output=True, text=True, timeout=60
    )
    # They have no date on purpose.
    assert [line for line in found.stdout.splitlines() if "missing date" not in line] == []


@pytest.mark.skipif(not shutil.which("mandoc"), reason="needs mandoc")
def test_the_guard_can_fail(pages):
    broken = pages["initgen.1"].replace(".SH OPTIONS", ".XX\n.SH OPTIONS")
    found = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning"], input=broken, capture_output=True, text=True, timeout=60
    )
    assert "XX" in found.stdout
