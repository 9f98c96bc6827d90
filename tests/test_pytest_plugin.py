"""The pytest plugin: files by spec in tmp_path, the same bytes in each run, and nothing heavy before it is used."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import initgen
from initgen.pytest_plugin import InitgenWeights

ROOT = Path(__file__).parent.parent
SPEC = """
include = ["rules.toml"]
seed = 3
[variables]
n_layer = 1
[tensors]
"h.{0..${n_layer - 1}}.weight" = { shape = [4, 3] }
"h.{0..${n_layer - 1}}.bias" = { shape = [3] }
"""
RULES = '[[rules]]\nmatch = "*.weight"\nscheme = "he_uniform"\n[[rules]]\nmatch = "*.bias"\nscheme = "zeros"\n'
INLINE = {"seed": 5, "tensors": {"w": {"shape": (4, 3), "scheme": "he_normal"}, "b": {"shape": "3", "scheme": "ones"}}}


@pytest.fixture
def here(tmp_path):
    """Where a test's file and its spec are."""
    path = tmp_path / "tests" / "unit"
    path.mkdir(parents=True)
    (path / "model.toml").write_text(SPEC)
    (path / "rules.toml").write_text(RULES)
    return path


@pytest.fixture
def there(tmp_path):
    """What tmp_path is to that test."""
    path = tmp_path / "there"
    path.mkdir()
    return path


@pytest.fixture
def weights(here, there):
    return InitgenWeights(here, there)


def run(here, text, *args):
    """Run a test file as a user's pytest would, from above it; what pytest printed.

    A process, as pytester takes numpy out of this one, which cannot load it twice.
    """
    (here / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "initgen.pytest_plugin", "-W", "error", *args, here / "test_it.py"],
        cwd=here.parent,
        # The plugin may be installed as well, and pytest takes it once only.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listing(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def reference(path, spec, **options):
    """The same model by the public functions."""
    initgen.write(initgen.model(spec, **options), path)
    return path.read_bytes()


def test_a_test_gets_the_bytes_that_the_spec_makes_in_every_run(here, tmp_path):
    text = """
def test_it(initgen_weights, tmp_path):
    path = initgen_weights("model.toml", seed=9)
    assert path == tmp_path / "model.safetensors"
"""
    made = []
    for name in ("one", "two"):
        assert " 1 passed" in run(here, text, f"--basetemp={tmp_path / name}")
        made.append((tmp_path / name / "test_it0" / "model.safetensors").read_bytes())
    assert made == [reference(tmp_path / "m.safetensors", here / "model.toml", seed=9)] * 2


def test_nothing_heavy_is_imported_before_the_fixture_is_called(here):
    text = """
import sys
HEAVY = {"numpy", "h5py", "safetensors", "msgspec", "ml_dtypes", "click", "rich", "ruamel.yaml"}
def test_before(initgen_weights):
    assert "initgen.pytest_plugin" in sys.modules
    assert not HEAVY & set(sys.modules)
def test_after(initgen_weights):
    initgen_weights("model.toml")
    assert "numpy" in HEAVY & set(sys.modules)
"""
    assert " 2 passed" in run(here, text)


def test_the_page_shows_tests_that_pass(here):
    (example,) = re.findall(r"(?<=```python\n).*?(?=```\n)", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    assert " 2 passed" in run(here, example)


def test_pytest_explains_the_fixture(here):
    assert re.search(r"^initgen_weights.*\n +Make .* weights in tmp_path", run(here, "", "--fixtures"), re.MULTILINE)


def test_the_entry_point_leads_to_the_fixture():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert points == {"initgen": "initgen.pytest_plugin"}
    assert hasattr(import_module(points["initgen"]), "initgen_weights")


@pytest.mark.parametrize("name", ["model.safetensors", "model.npz", "model.h5", "deep/er/model.safetensors"])
def test_the_name_chooses_the_format(name, weights, here, there, tmp_path):
    path = weights("model.toml", name=name)
    assert path == there / name
    assert listing(there) == [name]
    same = reference(tmp_path / Path(name).name, here / "model.toml")
    assert path.read_bytes() == same


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({}, ["shards/model.safetensors"]),
        (
            {"max_shard_size": "48B"},
            [
                "shards/model-00001-of-00002.safetensors",
                "shards/model-00002-of-00002.safetensors",
                "shards/model.safetensors.index.json",
            ],
        ),
        ({"format": "npy"}, ["shards/h.0.bias.npy", "shards/h.0.weight.npy"]),
    ],
)
def test_a_slash_makes_a_directory(options, made, weights, there):
    path = weights("model.toml", name="shards/", **options)
    assert path == there / "shards"
    assert listing(there) == made


@pytest.mark.parametrize("kind", [str, Path])
def test_a_relative_path_begins_at_the_file_of_the_test(kind, weights, here, there, tmp_path, monkeypatch):
    monkeypatch.chdir(there)
    first = weights(kind("model.toml"))
    assert weights(here / "model.toml", name="absolute.safetensors").read_bytes() == first.read_bytes()
    (here / "like.safetensors").write_bytes(first.read_bytes())
    again = weights(like=kind("like.safetensors"), rules=["*=ones"], name="again.safetensors")
    assert again.read_bytes() == reference(tmp_path / "m.safetensors", None, like=first, rules=["*=ones"])


def test_a_dict_is_a_spec(weights, there, tmp_path):
    (tmp_path / "m.json").write_text(
        '{"seed": 5, "tensors": {"w": {"shape": [4, 3], "scheme": "he_normal"}, "b": {"shape": [3], "scheme": "ones"}}}'
    )
    path = weights(INLINE)
    assert listing(there) == ["model.safetensors"]
    assert path.read_bytes() == reference(tmp_path / "m.safetensors", tmp_path / "m.json")


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 8},
        {"dtype": "bfloat16"},
        {"variables": {"n_layer": 3}},
        {"rules": ["*.weight=glorot_uniform"]},
        {"only": ["*.bias"]},
        {"layout": "torch"},
    ],
)
def test_options_are_those_of_the_model(options, weights, here, tmp_path):
    path = weights("model.toml", **options)
    assert path.read_bytes() == reference(tmp_path / "m.safetensors", here / "model.toml", **options)
    assert path.read_bytes() != weights("model.toml", name="plain.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (["none.toml"], {}),
        (["model.toml"], {"dtype": "float33"}),
        (["model.toml"], {"name": "model.txt"}),
        (["model.toml"], {"like": "model.toml"}),
        (["model.toml"], {"preset": "nonsense"}),
        ([{"tensors": {"w": {"shape": [3], "schema": "zeros"}}}], {}),
        ([], {}),
        (["-"], {}),
    ],
)
def test_what_cannot_be_made_is_an_initgen_error_and_leaves_nothing(args, options, weights, there):
    with pytest.raises(initgen.InitgenError):
        weights(*args, **options)
    assert listing(there) == []


def test_a_file_of_the_same_test_is_not_replaced(weights):
    path = weights("model.toml")
    before = path.read_bytes()
    assert weights("model.toml") == path
    with pytest.raises(initgen.InitgenError, match="exists"):
        weights("model.toml", seed=4)
    assert path.read_bytes() == before


def test_the_disk_is_not_waited_for(weights, monkeypatch):
    def fsync(descriptor):
        raise AssertionError("fsync")

    monkeypatch.setattr(os, "fsync", fsync)
    weights("model.toml")
    weights("model.toml", name="shards/")


@pytest.mark.parametrize("name", ["../x.npz", "", ".", "/nowhere/x.npz", "a/../../x.npz"])
def test_a_name_that_leaves_the_directory_is_refused(name, tmp_path):
    spec = {"tensors": {"w": {"shape": [2], "scheme": "ones"}}}
    with pytest.raises(initgen.InitgenError, match="is not the name of a file in tmp_path"):
        InitgenWeights(tmp_path, tmp_path)(spec, name=name)
    assert list(tmp_path.iterdir()) == []
