"""`verify` says yes to what the recipe makes, no to anything else, and trusts nothing that a recipe says."""

import json
import shutil

import h5py
import numpy as np
import pytest
import safetensors.numpy

import initgen
from initgen.checks.stats import stats
from initgen.checks.verify import verify
from initgen.core.errors import InitgenError
from initgen.engine.write import write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec

SPECS = [
    tensor_spec("he_uniform", (30, 40), name="a", seed=9),
    tensor_spec("he_normal", (70,), name="b", dtype="bfloat16"),
    tensor_spec("orthogonal", (20, 10), name="c"),
    tensor_spec("zeros", (3,), name="d", dtype="float64"),
    tensor_spec("glorot_uniform", (0, 3), name="e"),
]


@pytest.fixture(params=["safetensors", "hdf5"])
def file(request, tmp_path):
    path = str(tmp_path / f"w.{request.param}")
    write(SPECS, path, FORMATS[request.param])
    return path, FORMATS[request.param]


def test_what_the_recipe_makes_is_verified(file):
    path, form = file
    answer = verify(path, form=form.name)
    assert (answer.passed, answer.tensors, answer.problems, answer.rounded) == (True, 5, (), ())


@pytest.mark.parametrize("name", "abcd")
def test_one_changed_value_is_found_and_told(name, file):
    path, form = file
    (stored,) = (stored for stored in form.read(path).tensors if stored.name == name)
    with open(path, "r+b") as raw:
        at = stored.extent.offset + 2 * stored.dtype.itemsize - 1
        raw.seek(at)
        byte = raw.read(1)[0]
        raw.seek(at)
        raw.write(bytes([byte ^ 0x40]))
    answer = verify(path, form=form.name)
    assert not answer.passed
    (problem,) = answer.problems
    assert (problem.tensor, problem.kind) == (name, "values")
    assert str(problem).startswith(f"{name}: 1 of ")
    assert "the first is number 1, at [" in str(problem)


def test_orthogonal_may_differ_by_the_last_digits_only(file):
    path, form = file
    (stored,) = (stored for stored in form.read(path).tensors if stored.name == "c")
    with open(path, "rb") as raw:
        content = bytearray(raw.read())
    place = slice(stored.extent.offset, stored.extent.offset + stored.extent.nbytes)
    for change, said in [(1 + 1e-7, "rounded"), (1 + 1e-5, "problem")]:
        value = np.frombuffer(bytes(content[place]), "<f4") * np.float32(change)
        changed = content.copy()
        changed[place] = value.astype("<f4").tobytes()
        with open(path, "wb") as raw:
            raw.write(changed)
        answer = verify(path, form=form.name)
        assert answer.passed == (said == "rounded")
        assert answer.rounded == (("c",) if said == "rounded" else ())


def test_a_tensor_too_many_or_too_few_is_told(tmp_path):
    path = str(tmp_path / "w.safetensors")
    write(SPECS[:1], path, FORMATS["safetensors"])
    recipe = FORMATS["safetensors"].read(path).recipe
    safetensors.numpy.save_file({"x": initgen.sample("zeros", (3,))}, path, metadata={"initgen": recipe})
    assert {str(problem) for problem in verify(path).problems} == {
        "x: is not in the recipe",
        "a: is in the recipe, not in the file",
    }


def test_compressing_or_chunking_a_file_changes_no_answer(tmp_path):
    path, packed = str(tmp_path / "w.h5"), str(tmp_path / "p.h5")
    write(SPECS[:1], path, FORMATS["hdf5"])
    with h5py.File(path) as source, h5py.File(packed, "w") as target:
        target.attrs["initgen"] = source.attrs["initgen"]
        target.create_dataset("a", data=source["a"][()], chunks=(7, 7), compression="gzip")
    assert verify(packed).passed


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".h5"])
def test_a_file_without_recipe_is_no_answer(suffix, tmp_path):
    path = str(tmp_path / f"w{suffix}")
    value = np.zeros((3, 3), np.float32)
    if suffix == ".npy":
        np.save(path, value)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["w"] = value
    else:
        safetensors.numpy.save_file({"w": value}, path)
    with pytest.raises(InitgenError, match="carries no recipe") as error:
        verify(path)
    assert error.value.hint


def test_the_name_of_the_file_does_not_matter(tmp_path):
    write(SPECS[:1], str(tmp_path / "w.safetensors"), FORMATS["safetensors"])
    shutil.move(tmp_path / "w.safetensors", tmp_path / "w.bin")
    assert verify(str(tmp_path / "w.bin"), form="safetensors").passed


GOOD = {"dtype": "float32", "layout": "keras", "params": {}, "scheme": "he_uniform", "seed": 0, "shape": [4, 3]}


def recipe(changes=None, **outer):
    return json.dumps({"initgen": 1, "stream": "native-1", "tensors": {"w": GOOD | (changes or {})}} | outer)


HOSTILE = {
    "empty": "",
    "not JSON": "he_uniform",
    "a list": "[]",
    "nothing in it": "{}",
    "100,000 deep": "[" * 100_000,
    "deep inside": '{"initgen":1,"stream":"native-1","tensors":' + '{"a":' * 100_000,
    "another version": recipe(initgen=2),
    "another stream": recipe(stream="native-2"),
    "an unknown key": recipe({"x": 1}),
    "no such scheme": recipe({"scheme": "he_unifrm"}),
    "no such dtype": recipe({"dtype": "float33"}),
    "no such layout": recipe({"layout": "jax"}),
    "no such parameter": recipe({"params": {"gain": 1}}),
    "a parameter of text": recipe({"scheme": "random_normal", "params": {"stddev": "wide"}}),
    "a parameter of nothing": recipe({"scheme": "random_normal", "params": {"stddev": None}}),
    "a negative seed": recipe({"seed": -1}),
    "a seed of 2^64": recipe({"seed": 2**64}),
    "a seed of 2^200": recipe({"seed": 2**200}),
    "a seed that is true": recipe({"seed": True}),
    "a negative size": recipe({"shape": [-4, 3]}),
    "a size of 2^63": recipe({"shape": [2**63, 1]}),
    "a fan below 0": recipe({"fan_in": -1}),
    "a fan of 0": recipe({"fan_in": 0}),
    "groups of 0": recipe({"groups": 0}),
    "65 axes": recipe({"shape": [1] * 65}),
    "a cut far out": recipe({"scheme": "truncated_normal", "params": {"lower": 1000, "upper": 1001}}),
    "an overflow": recipe({"scheme": "random_normal", "params": {"stddev": 1e300}}),
    "bounds that overflow": recipe({"scheme": "random_uniform", "params": {"minval": -1e308, "maxval": 1e308}}),
}


@pytest.mark.parametrize("question", [verify, stats], ids=["verify", "stats"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_no_answer_or_no_and_never_a_crash(name, question, tmp_path):
    path = str(tmp_path / "w.safetensors")
    value = np.zeros((4, 3), np.float32)
    safetensors.numpy.save_file({"w": value}, path, metadata={"initgen": HOSTILE[name]})
    try:
        answer = question(path)
    except InitgenError as error:
        said = error.message
    else:
        assert not answer.passed
        said = path
    assert said.startswith(path)
    assert len(said) < 1000


@pytest.mark.parametrize("scheme", ["orthogonal", "sparse", "identity", "he_uniform", "zeros"])
def test_an_empty_tensor_of_huge_sizes_asks_for_no_memory(scheme, tmp_path):
    path = str(tmp_path / "w.safetensors")
    shape = [2**40, 0]
    safetensors.numpy.save_file(
        {"w": np.zeros(shape, np.float32)},
        path,
        metadata={
            "initgen": recipe({"scheme": scheme, "shape": shape, **({"fan_in": 1} if scheme == "he_uniform" else {})})
        },
    )
    for question in (verify, stats):
        assert question(path).passed
