"""README tells the truth: what its transcripts show is what the commands print.

``python tests/test_readme.py`` (``make readme``) writes what they print now into README.md, and the schema beside the docs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import initgen
from initgen.specs.json_schema import json_schema

TOP = Path(__file__).parent.parent
README = TOP / "README.md"
SCHEMA = TOP / "docs" / "spec.schema.json"
TRANSCRIPT = re.compile(r"(?<=```console\n).*?(?=```\n)", re.DOTALL)
TOML = re.compile(r"(?<=```toml\n).*?(?=```\n)", re.DOTALL)
PYTHON = re.compile(r"(?<=```python\n).*?(?=```\n)", re.DOTALL)


def transcribed(text: str, directory: Path) -> str:
    """``text`` with each transcript as its commands print it, run in order in one directory."""
    shutil.copytree(TOP / "examples", directory / "examples", dirs_exist_ok=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}

    def run(block: re.Match[str]) -> str:
        lines = []
        for command in re.findall(r"^\$ (.*)$", block[0], re.MULTILINE):
            done = subprocess.run(
                ["bash", "-c", f"exec 2>&1; {command}"], cwd=directory, env=environment, capture_output=True, text=True
            )
            lines += [f"$ {command}", *(line.rstrip() for line in done.stdout.splitlines())]
        return "\n".join(lines) + "\n"

    return TRANSCRIPT.sub(run, text)


def test_transcripts_are_what_the_commands_print(tmp_path):
    text = README.read_text()
    assert text.count("$ initgen") > 10
    assert transcribed(text, tmp_path) == text


def test_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    (example,) = PYTHON.findall(README.read_text())
    exec(compile(example, "README.md", "exec"), {})


# What docs/layers.md includes: a model with a class of its own.
OWN = {
    "class_name": "Sequential",
    "config": {
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 8], "name": "in"}},
            {"class_name": "Dense", "config": {"units": 6, "name": "dense"}},
            {"class_name": "ScaleShift", "config": {"units": 3, "name": "own"}, "registered_name": "Mine>ScaleShift"},
        ]
    },
}


@pytest.mark.parametrize("page", ["README.md", "docs/specs.md", "docs/layers.md", "docs/probe.md"])
def test_specs_in_the_docs_are_sound(page, tmp_path):
    examples = TOML.findall((TOP / page).read_text())
    assert examples
    (tmp_path / "model.json").write_text(json.dumps(OWN))
    for example in examples:
        (tmp_path / "spec.toml").write_text(example)
        assert len(initgen.model(tmp_path / "spec.toml")) > 3


def test_the_schema_beside_the_docs_is_the_one_that_is_printed():
    assert SCHEMA.read_text() == json_schema() + "\n"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        README.write_text(transcribed(README.read_text(), Path(name)))
    SCHEMA.write_text(json_schema() + "\n")
