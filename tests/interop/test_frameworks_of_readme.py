"""The README on frameworks: the commands of two of its sections are run, then their Python with the real frameworks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
(SECTION,) = re.findall(
    r"^## With your framework\n(.*?)^## Check a file", (TOP / "README.md").read_text(), re.DOTALL | re.MULTILINE
)
PROGRAMS = re.findall(r"(?<=```py\n).*?(?=```\n)", SECTION, re.DOTALL)

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory in which the commands were run."""
    directory = tmp_path_factory.mktemp("readme")
    shutil.copytree(TOP / "examples", directory / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in re.findall(r"^\$ (.*)$", SECTION, re.MULTILINE):
        subprocess.run(["bash", "-c", command], cwd=directory, env=environment, check=True, capture_output=True)
    return directory


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.split()[1])
def test_the_framework_takes_what_the_command_made(program, made):
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=made,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = re.sub(r"\r|\x1b\[[0-9;]*m|.*(it/s|step).*", "", done.stderr).strip()
    assert not re.search("missing|unexpected|newly initialized|mismatch", said, re.IGNORECASE), said


def test_there_is_a_program_for_each_framework():
    assert [program.split()[1] for program in PROGRAMS] == ["keras", "torch", "transformers", "safetensors.torch"]


def test_a_file_of_another_model_is_refused(made):
    """What the first program can see: one layer more, and Keras finds nothing for it."""
    program = PROGRAMS[0].replace("keras.Input((100,)),", 'keras.Input((100,)), keras.layers.Dense(100, "relu"),')
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=made,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "ValueError" in done.stderr
