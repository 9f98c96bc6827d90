"""``initgen diff``: exit codes, the table, the JSON, and files that cannot be compared."""

import json
import math

import numpy as np
import pytest
import safetensors.numpy

import initgen

A = initgen.sample("he_uniform", (4, 6))
MODEL = {"a": A, "b": np.zeros(3, np.float32), "n": np.arange(3)}


@pytest.fixture
def files(run, tmp_path):
    """A model, and what differs from it: a name to each way."""
    changed = A.copy()
    changed[1, 2] = np.nextafter(np.nextafter(changed[1, 2], np.float32(1)), np.float32(1))
    nan = A.copy()
    nan[0, 0] = math.nan
    others = {
        "same": MODEL,
        "values": MODEL | {"a": changed},
        "nan": MODEL | {"a": nan},
        "shape": MODEL | {"a": A.reshape(6, 4)},
        "dtype": MODEL | {"a": A.astype(np.float64)},
        "fewer": {"a": A, "n": MODEL["n"]},
        "more": MODEL | {"x": np.ones(1)},
    }
    safetensors.numpy.save_file(MODEL, tmp_path / "m.safetensors")
    for name, tensors in others.items():
        np.savez(tmp_path / f"{name}.npz", **tensors)
    np.save(tmp_path / "a.npy", A)
    return tmp_path


def test_equal_files_of_two_formats_say_so(files, run):
    made = run("diff", "m.safetensors", "same.npz")
    assert (made.code, made.text, made.err) == (0, "all 3 tensors are equal\n", "")


ROWS = {  # the other file -> the words of the row
    "values": "a values 4x6 float32 4x6 float32 1 8 5.96046e-08 2",
    "nan": "a values 4x6 float32 4x6 float32 1 0 nan",
    "shape": "a shape 4x6 float32 6x4 float32",
    "dtype": "a dtype 4x6 float32 4x6 float64 0",
    "fewer": "b only in m.safetensors 3 float32",
    "more": "x only in more.npz 1 float64",
}


@pytest.mark.parametrize("name", ROWS)
def test_a_difference_is_a_row_and_exit_code_1(name, files, run):
    made = run("diff", "m.safetensors", f"{name}.npz")
    head, row, answer = made.text.splitlines()
    assert (made.code, made.err) == (1, "")
    assert head.split()[:4] == ["tensor", "differs", "in", "m.safetensors"]
    words, wanted = row.split(), ROWS[name].split()
    if name == "values":
        wanted[-2] = f"{abs(np.float64(np.load('values.npz')['a'][1, 2]) - np.float64(A[1, 2])):.6g}"
    assert words[: len(wanted)] == wanted
    total = 4 if name == "more" else 3
    assert answer == f"1 of {total} tensors differ"


def test_json_says_each_tensor_and_has_null_for_what_is_no_number(files, run):
    made = run("diff", "m.safetensors", "nan.npz", "--json")
    found = json.loads(made.out, parse_constant=pytest.fail)
    assert (made.code, found["equal"], found["a"], found["b"]) == (1, False, "m.safetensors", "nan.npz")
    by_name = {each["name"]: each for each in found["tensors"]}
    assert {name: each["kind"] for name, each in by_name.items()} == {"a": "values", "b": "equal", "n": "equal"}
    assert (by_name["a"]["count"], by_name["a"]["first"], by_name["a"]["max_abs"]) == (1, 0, None)
    assert by_name["a"]["a"] == {"shape": [4, 6], "dtype": "float32"}
    found = json.loads(run("diff", "m.safetensors", "values.npz", "--json").out)
    assert found["tensors"][[each["name"] for each in found["tensors"]].index("a")]["max_ulp"] == 2
    assert json.loads(run("diff", "m.safetensors", "same.npz", "--json").out)["equal"] is True


def test_only_compares_what_it_names(files, run):
    assert run("diff", "m.safetensors", "values.npz", "--only", "b").code == 0
    assert run("diff", "m.safetensors", "values.npz", "--only", "b", "--only", "[a]").code == 1
    made = run("diff", "m.safetensors", "values.npz", "--only", "x*")
    assert (made.code, made.err) == (2, "error: m.safetensors, values.npz: no tensor is called x*\n")


def test_one_array_is_compared_with_one_tensor_of_any_name(files, run):
    safetensors.numpy.save_file({"w": A}, "w.safetensors")
    assert run("diff", "a.npy", "w.safetensors").code == 0
    assert run("diff", "w.safetensors", "a.npy").text == "all 1 tensors are equal\n"


BAD = [
    (("m.safetensors",), "missing argument 'B'"),
    ((), "missing argument"),
    (("m.safetensors", "nothing.npz"), "nothing.npz: there is no such file"),
    (("nothing.npz", "m.safetensors"), "nothing.npz: there is no such file"),
    (("m.safetensors", "cut.safetensors"), "cut.safetensors: "),
    (("m.safetensors", "m.bin"), "m.bin: no format has this suffix"),
    (("m.safetensors", "empty"), "empty: has no weights"),
    (("m.safetensors", "same.npz", "values.npz"), "unexpected extra argument"),
    (("m.safetensors", "same.npz", "--threads", "0"), "'--threads'"),
]


@pytest.mark.parametrize(("args", "said"), BAD)
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(args, said, files, run):
    (files / "cut.safetensors").write_bytes((files / "m.safetensors").read_bytes()[:-1])
    (files / "m.bin").write_bytes(b"")
    (files / "empty").mkdir()
    made = run("diff", *args)
    assert (made.code, made.out) == (2, b"")
    first, *rest = made.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert len(rest) <= 1
