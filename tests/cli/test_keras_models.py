"""``initgen sample``, ``spec``, ``stats`` and ``verify`` with Keras models, as .keras files and as .weights.h5."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

GOLDEN = json.loads((Path(__file__).parents[1] / "specs/layers/keras.json").read_text(encoding="utf-8"))["models"]


@pytest.fixture
def keras(run, tmp_path):
    """``keras(name)`` is a .keras file in the directory that the commands run in."""

    def make(name):
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as file:
            file.writestr("metadata.json", "{}")
            file.writestr("config.json", json.dumps(GOLDEN[name]["config"]))
        return f"{name}.keras"

    return make


def stored(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize("name", GOLDEN)
def test_a_model_becomes_weights_that_initgen_itself_finds_right(name, keras, run, tmp_path):
    made = run("sample", keras(name), "-o", "m.weights.h5")
    count = len(GOLDEN[name]["stores"])
    assert (made.code, made.err.startswith(f"wrote m.weights.h5: {count} tensors")) == (0, True)
    assert sorted(stored(tmp_path / "m.weights.h5")) == [path for path, *_ in GOLDEN[name]["stores"]]
    assert run("verify", "m.weights.h5").code == 0
    assert run("verify", "m.weights.h5", "--spec", f"{name}.keras").code == 0
    assert run("sample", f"{name}.keras", "-o", "m.weights.h5", "--check").code == 0
    assert run("sample", f"{name}.keras", "-o", "m.weights.h5", "--seed", "1", "--check").code == 1
    if name != "seeded":  # two layers of one seed are equal, as they are in Keras
        assert run("stats", "m.weights.h5").code == 0


@pytest.mark.parametrize("name", ["nested", "seeded", "recurrent", "mixed_precision"])
@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_the_spec_of_a_model_and_of_its_weights_make_the_same_bytes(name, kind, keras, run, tmp_path):
    assert run("sample", keras(name), "-o", "m.weights.h5").code == 0
    for source in (f"{name}.keras", "m.weights.h5"):
        spec = run("spec", source, "--format", kind)
        assert spec.code == 0
        assert run("sample", "-", "-o", "again.weights.h5", "--force", stdin=spec.out).code == 0
        assert (tmp_path / "again.weights.h5").read_bytes() == (tmp_path / "m.weights.h5").read_bytes()


def test_some_of_the_tensors_have_the_values_that_they_have_among_all(keras, run, tmp_path):
    run("sample", keras("nested"), "-o", "all.weights.h5")
    run("sample", "nested.keras", "--only", "enc/*", "-o", "some.weights.h5")
    whole, some = stored(tmp_path / "all.weights.h5"), stored(tmp_path / "some.weights.h5")
    assert set(some) == {name for name in whole if name.startswith("layers/sequential/")}
    assert all(np.array_equal(some[name], whole[name]) for name in some)


def test_a_dtype_is_that_of_all_floats(keras, run, tmp_path):
    run("sample", keras("nested"), "--dtype", "bfloat16", "-o", "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        dataset = file["layers/dense/vars/0"]
        assert (dataset.dtype, dataset.attrs["dtype"]) == (np.dtype("V2"), "bfloat16")
    assert run("verify", "m.weights.h5").code == 0
    assert run("stats", "m.weights.h5").code == 0


def test_a_rule_gives_an_initializer_of_somebodys_own_its_scheme(run, tmp_path):
    config = json.dumps(GOLDEN["seed_he_uniform"]["config"]).replace('"HeUniform"', '"MyInit"')
    (tmp_path / "m.json").write_text(config)
    refused = run("sample", "m.json", "-o", "m.weights.h5")
    assert refused.code == 2
    assert "m.json, line 1: config.layers[1]: dense/kernel, of the initializer MyInit, has no scheme" in refused.err
    assert run("sample", "m.json", "--rule", "dense/kernel=he_uniform", "-o", "m.weights.h5").code == 0


def test_a_model_may_be_piped_in(run, tmp_path):
    config = json.dumps(GOLDEN["branches"]["config"]).encode()
    assert run("sample", "-", "-o", "m.weights.h5", stdin=config).code == 0
    assert len(stored(tmp_path / "m.weights.h5")) == len(GOLDEN["branches"]["stores"])
