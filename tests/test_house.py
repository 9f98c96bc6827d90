"""The house: what imports what, how names are given, how large files grow."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import initgen
from initgen.cli import COMMANDS, cli

HOUSE = Path(initgen.__file__).parent
SOURCES = sorted(HOUSE.rglob("*.py"))
HEAVY = (
    "numpy",
    "h5py",
    "safetensors",
    "rich",
    "msgspec",
    "ml_dtypes",
    "scipy",
    "matplotlib",
    "torch",
    "dask",
    "distributed",
    "fsspec",
)


def imported(code, cwd):
    """The heavy packages that a fresh interpreter has after running ``code``."""
    guard = f"import sys\ntry:\n    {code}\nfinally:\n    open('seen', 'w').write(' '.join(sys.modules))"
    subprocess.run([sys.executable, "-c", guard], capture_output=True, cwd=cwd, timeout=60, check=False)
    return set(HEAVY) & set((cwd / "seen").read_text().split())


def run(*args):
    return f"from initgen.cli import main; main({list(args)!r})"


SAMPLE = ("sample", "-s", "he_uniform", "--shape", "9x9")


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import initgen", set()),
        ("import initgen; initgen.InitgenError", set()),
        (run("--help"), set()),
        (run("-h"), set()),
        *((run(name, "--help"), set()) for name in COMMANDS),
        (run("completion", "bash"), set()),
        (run("sample", "-s", "he_uniform", "--shape", "x"), set()),
        (run(*SAMPLE, "-o", "x.npy"), {"numpy"}),
        (run(*SAMPLE, "--dtype", "bfloat16", "-o", "x.safetensors"), {"numpy"}),
        (run(*SAMPLE, "-o", "x.h5"), {"numpy", "h5py"}),
        ("import initgen.engine.cluster", set()),
        (run("schemes"), {"rich"}),
        (run("spec", "--schema"), {"msgspec"}),
        (run("spec", "--preset", "gpt2"), {"msgspec"}),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code, allowed, tmp_path):
    assert imported(code, tmp_path) <= allowed


@pytest.mark.parametrize("name", ["numpy", "h5py", "safetensors", "rich", "msgspec"])
def test_the_guard_can_fail(name, tmp_path):
    assert name in imported(f"import initgen, {name}", tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_examples_and_a_line_in_the_list(name):
    command = cli.get_command(click.Context(cli), name)
    assert command.name == name
    assert f"initgen {name}" in command.help
    line = command.get_short_help_str(100)
    assert line.endswith(".")
    assert len(line) <= 70
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name


def test_the_list_of_commands_is_complete():
    files = {path.stem for path in (HOUSE / "cli").glob("*.py") if "@click.command" in path.read_text()}
    assert files == set(COMMANDS)
    assert list(COMMANDS) == cli.list_commands(click.Context(cli))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_files_are_short_nouns_with_a_docstring(path):
    assert not re.search(r"util|helper|common|base|manager|misc", path.stem)
    text = path.read_text()
    assert text.startswith('"""')
    assert text.count("\n") < 400


ROOMS = sorted(path.parent.name for path in HOUSE.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_can_be_entered_first(room, tmp_path):
    """No circle of imports hides behind the order in which other tests import."""
    names = [f"initgen.{room}.{path.stem}" for path in sorted((HOUSE / room).glob("[!_]*.py"))]
    imported(f"import {', '.join(names)}", tmp_path)


def test_only_the_streams_draw():
    """No other room may ask numpy for random numbers, or the same description would make other bytes some day."""
    users = {path.parent for path in SOURCES if re.search(r"np\.random|numpy\.random|import random", path.read_text())}
    assert {"streams" in user.parts for user in users} == {True}


def test_nothing_runs_what_a_file_says():
    for path in SOURCES:
        assert not re.search(r"allow_pickle=True|\beval\(|\bexec\(|yaml\.load\(|import pickle", path.read_text()), path
