"""`verify` of whole models, by recipe and by spec: what is wrong with which tensor is told apart in every container."""

import json
import os

import h5py
import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from initgen.checks.verify import verify
from initgen.core.errors import FormatError, InitgenError
from initgen.engine.directory import write_plan
from initgen.engine.files import plan_files
from initgen.engine.write import array
from initgen.specs.tensor import tensor_spec

SPECS = [
    tensor_spec("he_uniform", (30, 40), name="a", seed=9, keyed=True),
    tensor_spec("random_normal", (6, 5), name="b/c", dtype="float64", seed=9, keyed=True),
    tensor_spec("orthogonal", (8, 4), name="d", seed=9, keyed=True),
    tensor_spec("constant:value=3", (5,), name="ids", dtype="int64"),
]
SHARD, INDEX = "model-00002-of-00002.safetensors", "model.safetensors.index.json"


def edit_safetensors(path, edit):
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    safetensors.numpy.save_file(edit(safetensors.numpy.load_file(path)), path, metadata=metadata)


def edit_shards(path, edit):
    """What is in the shard that holds b/c, and the index with it."""
    edit_safetensors(path / SHARD, edit)
    index = json.loads((path / INDEX).read_text())
    kept = {name: file for name, file in index["weight_map"].items() if file != SHARD}
    index["weight_map"] = kept | dict.fromkeys(safetensors.numpy.load_file(path / SHARD), SHARD)
    (path / INDEX).write_text(json.dumps(index))


def edit_hdf5(path, edit):
    with h5py.File(path, "r+") as file:
        found = {spec.name: file[spec.name][()] for spec in SPECS}
        wanted = edit(dict(found))
        for name in found.keys() | wanted.keys():
            if name in file:
                del file[name]
            if name in wanted:
                file[name] = wanted[name]


def edit_npz(path, edit):
    with np.load(path) as file:
        found = {name: file[name] for name in file.files}
    np.savez(path, **edit(found))


def edit_arrays(path, edit):
    found = {spec.name: np.load(path / f"{spec.name}.npy") for spec in SPECS}
    wanted = edit(dict(found))
    for name in found.keys() | wanted.keys():
        if name in wanted:
            np.save(path / f"{name}.npy", wanted[name])
        else:
            (path / f"{name}.npy").unlink()


CONTAINERS = {  # name -> format, bytes of a shard, how to change it, whether it has a recipe
    "m.safetensors": (None, None, edit_safetensors, True),
    "shards": (None, 4900, edit_shards, True),
    "m.h5": (None, None, edit_hdf5, True),
    "m.npz": (None, None, edit_npz, False),
    "arrays": ("npy", None, edit_arrays, False),
}


@pytest.fixture(params=CONTAINERS)
def model(request, tmp_path):
    """The model on disk, how to change it, and the ways to ask."""
    form, size, edit, recipe = CONTAINERS[request.param]
    path = tmp_path / request.param
    place = str(path) if "." in request.param else f"{path}/"
    write_plan(plan_files(SPECS, place, form, size), fsync=False)
    return path, lambda change: edit(path, change), [None, SPECS] if recipe else [SPECS]


def flip(value):
    """The value with the lowest bit of its third element changed."""
    raw = bytearray(value.tobytes())
    raw[2 * value.itemsize] ^= 1
    return np.frombuffer(bytes(raw), value.dtype).reshape(value.shape)


CHANGES = {
    "nothing": (lambda t: t, {}),
    "a tampered byte": (lambda t: t | {"b/c": flip(t["b/c"])}, {"b/c": "values"}),
    "another shape": (lambda t: t | {"b/c": t["b/c"].reshape(5, 6)}, {"b/c": "shape"}),
    "another dtype": (lambda t: t | {"b/c": t["b/c"].astype(np.float32)}, {"b/c": "dtype"}),
    "an integer dtype": (lambda t: t | {"b/c": t["b/c"].astype(np.int64)}, {"b/c": "dtype"}),
    "a complex dtype": (lambda t: t | {"b/c": t["b/c"].astype(np.complex64)}, {"b/c": "dtype"}),
    "a missing tensor": (lambda t: {k: v for k, v in t.items() if k != "b/c"}, {"b/c": "missing"}),
    "an extra tensor": (lambda t: t | {"b/x": np.zeros(3)}, {"b/x": "extra"}),
    "a renamed tensor": (
        lambda t: {"b/d" if k == "b/c" else k: v for k, v in t.items()},
        {"b/c": "missing", "b/d": "extra"},
    ),
    "values and an extra": (lambda t: t | {"b/c": flip(t["b/c"]), "x": np.ones(1)}, {"b/c": "values", "x": "extra"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_is_told_apart(name, model):
    if name == "a complex dtype":
        pytest.importorskip("safetensors", minversion="0.7", reason="older ones refuse complex numbers")
    path, edit, ways = model
    change, wanted = CHANGES[name]
    edit(change)
    for specs in ways:
        answer = verify(str(path), specs=specs)
        assert {problem.tensor: problem.kind for problem in answer.problems} == wanted
        assert (answer.passed, answer.tensors) == (not wanted, len(SPECS))
        assert answer.by == ("recipe" if specs is None else "spec")
        assert all(str(problem).startswith(f"{problem.tensor}: ") for problem in answer.problems)


def test_the_problem_says_what_is_and_what_should_be(model):
    path, edit, _ = model
    edit(lambda t: t | {"b/c": flip(t["b/c"])})
    (problem,) = verify(str(path), specs=SPECS).problems
    assert str(problem) == "b/c: 1 of 30 values differ, the first is number 2, at [0, 2]"
    edit(lambda t: t | {"b/c": t["b/c"].reshape(5, 6)})
    (problem,) = verify(str(path), specs=SPECS).problems
    assert str(problem) == "b/c: has the shape 5x6, and should have 6x5"
    edit(lambda t: t | {"b/c": t["b/c"].reshape(6, 5).astype(np.float16)})
    (problem,) = verify(str(path), specs=SPECS).problems
    assert str(problem) == "b/c: is float16, and should be float64"


def test_another_spec_is_told_apart_by_what_it_changes(model):
    path, _, _ = model
    others = [
        tensor_spec("he_uniform", (30, 40), name="a", seed=8, keyed=True),
        tensor_spec("random_normal", (6, 5), name="b/c", dtype="float32", seed=9, keyed=True),
        tensor_spec("orthogonal", (8, 5), name="d", seed=9, keyed=True),
        tensor_spec("zeros", (2,), name="e"),
    ]
    answer = verify(str(path), specs=others)
    kinds = {problem.tensor: problem.kind for problem in answer.problems}
    assert kinds == {"a": "values", "b/c": "dtype", "d": "shape", "e": "missing", "ids": "extra"}
    assert verify(str(path), specs=SPECS).passed


def test_neither_packing_nor_order_of_bytes_and_axes_changes_the_answer(tmp_path):
    values = {spec.name: array(spec) for spec in SPECS}
    np.savez_compressed(tmp_path / "packed.npz", **values)
    np.savez(tmp_path / "turned.npz", **{name: np.asfortranarray(value) for name, value in values.items()})
    np.savez(
        tmp_path / "swapped.npz",
        **{name: value.astype(value.dtype.newbyteorder(">")) for name, value in values.items()},
    )
    for name in ("packed", "turned", "swapped"):
        assert verify(str(tmp_path / f"{name}.npz"), specs=SPECS).problems == ()
    values["a"] = values["a"].T.copy().reshape(30, 40)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "other.npz", **values)
        (problem,) = verify(str(tmp_path / "other.npz"), specs=SPECS).problems
        assert (problem.tensor, problem.kind) == ("a", "values")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_zero_of_the_other_sign_differs(save, tmp_path):
    save(tmp_path / "w.npz", w=np.array([0.0, 0.0, -0.0], np.float32))
    (problem,) = verify(str(tmp_path / "w.npz"), specs=[tensor_spec("zeros", (3,), name="w")]).problems
    assert str(problem) == "w: 1 of 3 values differ, the first is number 2, at [2]"


def test_extra_tensors_are_told_in_the_same_order_every_time(tmp_path):
    names = [f"x{number:02}" for number in range(20)]
    np.savez(tmp_path / "w.npz", **dict.fromkeys(names, np.zeros(1)))
    problems = verify(str(tmp_path / "w.npz"), specs=SPECS[:1]).problems
    assert [problem.tensor for problem in problems] == [*names, "a"]


def test_a_spec_that_cannot_be_drawn_is_not_blamed_on_a_recipe(tmp_path):
    np.savez(tmp_path / "w.npz", w=np.zeros(3, np.float16))
    wide = tensor_spec("constant:value=70000", (3,), name="w", dtype="float16")
    with pytest.raises(InitgenError, match="overflows float16") as error:
        verify(str(tmp_path / "w.npz"), specs=[wide])
    assert "recipe" not in error.value.message


def test_one_array_is_held_against_a_spec_of_one_tensor_whatever_its_name(tmp_path):
    path = str(tmp_path / "w.npy")
    np.save(path, array(SPECS[0]))
    assert verify(path, specs=SPECS[:1]).passed
    np.save(path, flip(array(SPECS[0])))
    (problem,) = verify(path, specs=SPECS[:1]).problems
    assert (problem.tensor, problem.kind) == ("a", "values")
    kinds = [problem.kind for problem in verify(path, specs=SPECS[:2]).problems]
    assert sorted(kinds) == ["extra", "missing", "missing"]


def test_a_set_without_recipes_is_no_answer_and_names_the_way_out(model):
    path, _, ways = model
    if None in ways:
        assert verify(str(path)).passed
        return
    with pytest.raises(FormatError, match="carries no recipe") as error:
        verify(str(path))
    assert "--spec" in error.value.hint


def test_a_shard_without_a_recipe_is_no_answer(tmp_path):
    write_plan(plan_files(SPECS, f"{tmp_path}/m/", None, 4900), fsync=False)
    shard = tmp_path / "m" / SHARD
    safetensors.numpy.save_file(safetensors.numpy.load_file(shard), shard)
    with pytest.raises(FormatError, match="carries no recipe") as error:
        verify(str(tmp_path / "m"))
    assert error.value.message.startswith(str(shard))
    assert verify(str(tmp_path / "m"), specs=SPECS).passed


def test_files_are_not_touched(model):
    path, _, ways = model
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    before = [(os.stat(file).st_mtime_ns, file.read_bytes() if file.is_file() else b"") for file in files]
    for specs in ways:
        verify(str(path), specs=specs)
    assert [(os.stat(file).st_mtime_ns, file.read_bytes() if file.is_file() else b"") for file in files] == before


def test_files_of_different_seeds_in_one_set_are_remarked_on(tmp_path):
    for seed in (8, 9):
        specs = [tensor_spec("he_uniform", (30, 40), name=name, seed=seed, keyed=True) for name in ("a", "b")]
        write_plan(plan_files(specs, f"{tmp_path}/{seed}/", None, 5000))
        assert verify(str(tmp_path / str(seed))).remarks == ()
    (tmp_path / "9" / SHARD).write_bytes((tmp_path / "8" / SHARD).read_bytes())
    answer = verify(str(tmp_path / "9"))
    assert answer.passed
    assert answer.remarks == ("its files have 2 seeds, 8 and 9: parts of different sets?",)
