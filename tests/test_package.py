"""The wheel and the sdist: what is in them, and that they install into an empty environment and run there."""

import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import initgen
from initgen.cli import COMMANDS

TOP = Path(__file__).parent.parent
EPOCH = 1_700_000_000
SHARED = {
    "share/bash-completion/completions/initgen": "initgen/cli/shells/initgen.bash",
    "share/fish/vendor_completions.d/initgen.fish": "initgen/cli/shells/initgen.fish",
    "share/zsh/site-functions/_initgen": "initgen/cli/shells/_initgen",
    "share/man/man1/initgen.1": "docs/man/man1/initgen.1",
    **{f"share/man/man1/initgen-{name}.1": f"docs/man/man1/initgen-{name}.1" for name in COMMANDS},
}


def shown(*command, cwd, status=0, **changed):
    """What a command prints, in an environment that knows nothing of this one."""
    kept = {key: os.environ[key] for key in os.environ if not key.startswith(("PYTHON", "PIP_REQ", "INITGEN"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**kept, **changed}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def build(source, output, **changed):
    """Both files, as a front end would build them."""
    pytest.importorskip("hatchling", reason="needs hatchling")
    shown(sys.executable, "-m", "hatchling", "build", "-d", output, cwd=source, **changed)
    (wheel,) = output.glob("*.whl")
    (sdist,) = output.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(TOP, tmp_path_factory.mktemp("dist"), SOURCE_DATE_EPOCH=str(EPOCH))


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(built[0]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(built, tmp_path_factory):
    """The directory that it unpacks to."""
    place = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built[1]) as archive:
        archive.extractall(place, filter="data")
    (directory,) = place.iterdir()
    return directory


INFO = f"initgen-{initgen.__version__}.dist-info"
DATA = f"initgen-{initgen.__version__}.data/data"


def test_the_files_are_named_after_the_version(built):
    assert [path.name for path in built] == [
        f"initgen-{initgen.__version__}-py3-none-any.whl",
        f"initgen-{initgen.__version__}.tar.gz",
    ]


def test_the_wheel_has_the_package_its_data_the_pages_and_nothing_else(wheel):
    package = {
        path.relative_to(TOP).as_posix(): path.read_bytes()
        for path in (TOP / "initgen").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"initgen/py.typed", "initgen/specs/presets/gpt2.toml", "initgen/report/page.css"} < package.keys()
    shared = {f"{DATA}/{name}": (TOP / source).read_bytes() for name, source in SHARED.items()}
    info = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert wheel.keys() == package.keys() | shared.keys() | info
    assert {name: wheel[name] for name in (package | shared)} == package | shared
    assert wheel[f"{INFO}/licenses/LICENSE"] == (TOP / "LICENSE").read_bytes()


def test_the_metadata_says_what_the_package_index_shows(wheel):
    said = email.message_from_bytes(wheel[f"{INFO}/METADATA"])
    assert (said["Name"], said["Version"]) == ("initgen", initgen.__version__)
    assert (said["License-Expression"], said.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])  # PEP 639
    assert not any(text.startswith("License ::") for text in said.get_all("Classifier"))
    assert said["Requires-Python"] == ">=3.11"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload(decode=True).decode() == (TOP / "README.md").read_text()
    assert set(said.get_all("Provides-Extra")) == {"dask", "plot", "remote"}


def test_the_wheel_has_the_command_and_the_pytest_plugin(wheel):
    lines = wheel[f"{INFO}/entry_points.txt"].decode().splitlines()
    assert [line for line in lines if line] == [
        "[console_scripts]",
        "initgen = initgen.__main__:script",
        "[pytest11]",
        "initgen = initgen.pytest_plugin",
    ]


def test_the_changelog_knows_the_version():
    headings = re.findall(r"^## \[(.*?)\]", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    first, *released = headings
    assert len(set(headings)) == len(headings)
    # What is not released has a version that no release has.
    assert first == initgen.__version__ or (first == "Unreleased" and initgen.__version__ not in released)


def test_the_sdist_has_every_file_of_the_repository(sdist):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if listed.returncode:
        pytest.skip("needs the repository")
    expected = {name for name in listed.stdout.split("\0") if name and (TOP / name).exists()}
    found = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    assert found == expected | {"PKG-INFO"}


def test_the_sdist_builds_the_same_wheel_byte_for_byte_anywhere_and_at_any_time(built, sdist, tmp_path):
    for path in sdist.rglob("*"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700 if path.is_dir() else 0o600)
    again, _ = build(sdist, tmp_path, SOURCE_DATE_EPOCH=str(EPOCH), TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    assert again.read_bytes() == built[0].read_bytes()
    with zipfile.ZipFile(again) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}


@pytest.fixture(scope="module")
def empty(built, tmp_path_factory):
    """An environment of its own with what the wheel asks for, and nothing else; the wheel is not in it."""
    place = tmp_path_factory.mktemp("environment")
    shown(sys.executable, "-m", "venv", place, cwd=place)
    pip(place, "install", "--no-compile", built[0])
    pip(place, "uninstall", "--yes", "initgen")
    return place


def pip(place, *words):
    command = (place / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *words)
    return shown(*command, "--quiet" if words[0] != "check" else "--verbose", cwd=place)


def listed(place):
    return {path for path in place.rglob("*") if not path.is_dir() and "__pycache__" not in path.parts}


PLUGIN = """
import initgen

def test_that_the_fixture_makes_files(initgen_weights):
    path = initgen_weights({"tensors": {"w": {"shape": [9, 9], "scheme": "he_uniform"}}})
    assert initgen.verify(path).passed
"""
TYPED = """
import initgen
mean: float = float(initgen.sample("he_uniform", (9, 9)).mean())
passed: bool = initgen.verify("w.safetensors").passed
"""
MISTYPED = 'import initgen\nname: str = initgen.verify("w.safetensors").passed\n'


def use(place, here):
    """What a user does first, in a directory that has nothing to do with the source."""
    python, command = place / "bin" / "python", place / "bin" / "initgen"
    assert shown(command, "--version", cwd=here).startswith(f"initgen {initgen.__version__} (numpy ")
    assert shown(command, "--help", cwd=here) == shown(python, "-m", "initgen", "--help", cwd=here)
    for suffix in ("npy", "npz", "safetensors", "h5"):
        name = f"w.{suffix}"
        shown(command, "sample", "--scheme", "he_uniform", "--shape", "100x64", "-o", name, cwd=here)
        assert f"yes: {name}" in shown(command, "stats", name, "--scheme", "he_uniform", cwd=here)
    shown(command, "stats", "w.npy", "--scheme", "lecun_uniform", cwd=here, status=1)
    assert "is what the recipe makes" in shown(command, "verify", "w.safetensors", cwd=here)
    (here / "m.yaml").write_text("dtype: bfloat16\ntensors:\n  w: {shape: [9, 9], scheme: he_uniform}\n")
    shown(command, "sample", "m.yaml", "-o", "m.h5", cwd=here)
    assert "[[rules]]" in shown(command, "spec", "--preset", "gpt2", cwd=here)
    program = "import initgen; print(initgen.__file__, initgen.sample('he_uniform', (100, 64)).sum())"
    path, value = shown(python, "-c", program, cwd=here).split()
    assert Path(path).is_relative_to(place)
    assert value == str(initgen.sample("he_uniform", (100, 64)).sum())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_it_installs_into_an_empty_environment_runs_there_and_leaves_nothing_behind(kind, built, empty, tmp_path):
    before = listed(empty)
    pip(empty, "install", built[kind == "sdist"])
    pip(empty, "check")
    assert {name: (empty / name).read_bytes() for name in SHARED} == {
        name: (TOP / source).read_bytes() for name, source in SHARED.items()
    }
    use(empty, tmp_path)
    pip(empty, "uninstall", "--yes", "initgen")
    assert listed(empty) == before
    assert not list(empty.rglob("initgen"))


@pytest.mark.slow
def test_programs_that_use_it_have_its_types_and_its_fixture(built, empty, tmp_path):
    pip(empty, "install", "--no-deps", built[0])
    pip(empty, "install", "--target", tmp_path / "tools", "pytest")
    for name, text in {"typed.py": TYPED, "mistyped.py": MISTYPED, "test_plugin.py": PLUGIN}.items():
        (tmp_path / name).write_text(text)
    python = empty / "bin" / "python"
    run = shown(python, "-m", "pytest", "-q", "test_plugin.py", cwd=tmp_path, PYTHONPATH=str(tmp_path / "tools"))
    assert "1 passed" in run
    pytest.importorskip("mypy", reason="needs mypy")
    check = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)
    shown(*check, "typed.py", cwd=tmp_path)
    assert 'expression has type "bool"' in shown(*check, "mistyped.py", cwd=tmp_path, status=1)
    pip(empty, "uninstall", "--yes", "initgen")


@pytest.mark.slow
def test_the_extras_can_be_had(built, empty):
    """Without the extra for remote outputs, whose hundred packages take pip most of a minute to choose."""
    pip(empty, "install", "--dry-run", f"{built[0]}[plot,dask]")
