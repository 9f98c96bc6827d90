"""Models of Keras, from 3.0.5 to the newest: what is in their files, that ours load, and that both have the same laws.

Every Keras runs in an environment of its own (Makefile), by the script keras_zoo.py: it builds the models, and later
loads our files into them. False alarms: about 900 random tensors, each judged wrongly at most once in 1e9 seeds.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import initgen
from initgen.checks.stats import stats
from initgen.specs.description import in_file

TOP = Path(__file__).parents[2]
ZOO = Path(__file__).parent / "keras_zoo.py"
FALSE_ALARM = 1e-9

# The numpy backend of 3.0.5 asks for torch.
BACKENDS = {"3.0.5": "jax", "3.5.0": "numpy", "3.10.0": "numpy", "newest": "numpy"}
MODELS = [
    *("seed_he_uniform", "seed_lecun_conv", "seed_lecun_lstm", "initializers", "seeded"),
    *("convolutions", "lines", "cubes", "recurrent", "conv_lstm", "norms", "einsum", "attention", "branches", "nested"),
    "mixed_precision",
]
ONLY_NEWEST = ["reversible"]

pytestmark = pytest.mark.interop


def python_of(version):
    """The interpreter of that Keras' environment."""
    if version == "newest":
        return sys.executable
    given = Path(os.environ.get("INITGEN_KERAS_ENVIRONMENTS", TOP))
    python = given / f".venv-keras-{version}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no {python}: make test-interop makes it")
    return python


@pytest.fixture(
    scope="module", params=[pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in BACKENDS]
)
def zoo(request, tmp_path_factory):
    """The version, the directory of its models and our files, and what it says of both."""
    version, directory = request.param, tmp_path_factory.mktemp("zoo")
    python = python_of(version)

    def run(command):
        environment = {**os.environ, "KERAS_BACKEND": BACKENDS[version], "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [python, ZOO, command, directory], env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run("make")
    for name in made(directory):
        initgen.write(initgen.model(directory / f"{name}.keras"), directory / f"{name}.ours.weights.h5", fsync=False)
    run("load")
    return version, directory


def made(directory):
    return sorted(json.loads((directory / "made.json").read_text())["models"])


def tree(path):
    """Every group and dataset of an HDF5 file, with shape and dtype."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.__setitem__(
                name, (item.shape, item.attrs.get("dtype", item.dtype.name)) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_the_script_makes_the_models_that_are_judged_here(zoo):
    version, directory = zoo
    assert made(directory) == sorted(MODELS + (ONLY_NEWEST if version == "newest" else []))


def test_a_config_in_json_says_the_same_as_the_archive(zoo):
    _, directory = zoo
    for name in made(directory):
        assert initgen.model(directory / f"{name}.json") == initgen.model(directory / f"{name}.keras"), name


def test_files_have_the_groups_names_shapes_and_dtypes_of_keras(zoo):
    version, directory = zoo
    for name in made(directory):
        ours, theirs = (tree(directory / f"{name}.{whose}.weights.h5") for whose in ("ours", "theirs"))
        if version == "3.0.5":  # it saves the layer that Bidirectional was made of a third time, without weights
            theirs = {path: what for path, what in theirs.items() if "/layer/" not in f"{path}/" or "time_dist" in path}
        assert ours == theirs, name


def test_keras_loads_every_file_and_the_model_answers(zoo):
    _, directory = zoo
    report = json.loads((directory / "loaded.json").read_text())
    assert report == dict.fromkeys(made(directory), "")


def test_keras_holds_the_values_of_the_file(zoo):
    _, directory = zoo
    for name in made(directory):
        with (
            h5py.File(directory / f"{name}.ours.weights.h5") as ours,
            h5py.File(directory / f"{name}.again.weights.h5") as again,
        ):
            paths = [path for path, what in tree(directory / f"{name}.ours.weights.h5").items() if what]
            assert [path for path in paths if not np.array_equal(ours[path][()], again[path][()])] == [], name


@pytest.mark.parametrize("whose", ["theirs", "ours"])
def test_fresh_weights_have_the_laws_that_we_say(zoo, whose):
    _, directory = zoo
    random = 0
    for name in made(directory):
        specs = {spec.name: spec for spec in in_file("x.weights.h5", initgen.model(directory / f"{name}.keras"))}
        answer = stats(
            str(directory / f"{name}.{whose}.weights.h5"),
            expect=lambda source, specs=specs: specs[source.stored.name],
            false_alarm=FALSE_ALARM,
        )
        for tensor in answer.tensors:
            wrong = [test.name for test in tensor.tests if not test.passed]
            assert tensor.tests, (name, tensor.name)
            assert wrong == [], (name, tensor.name, specs[tensor.name].title)
        random += sum(spec.scheme.name not in ("zeros", "ones", "constant") for spec in specs.values())
    assert random > 60


def test_a_wrong_fan_would_be_seen(zoo):
    """What the judgement above can see: a kernel of 80 by 60 with the law of the other fan."""
    _, directory = zoo
    specs = in_file("x.weights.h5", initgen.model(directory / "initializers.keras"))
    kernel = next(spec for spec in specs if spec.scheme.name == "he_normal")
    wrong = initgen.tensor("he_normal", kernel.shape, name=kernel.name, fan_in=80)
    (tensor,) = stats(
        str(directory / "initializers.theirs.weights.h5"),
        expect=lambda source: wrong,
        names=[kernel.name],
        false_alarm=FALSE_ALARM,
    ).tensors
    assert kernel.shape == (60, 60)
    assert not all(test.passed for test in tensor.tests)
