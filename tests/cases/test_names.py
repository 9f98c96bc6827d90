"""Cases 17 to 23: dtypes and names that a format has no place for."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

NFC, NFD = "caf\u00e9", "cafe\u0301"


def _sample(*args):
    return "sample", "--scheme", "he_uniform", "--shape", "4x4", *args


def _spec(*names):
    return json.dumps({"tensors": {name: {"shape": [2], "scheme": "zeros"} for name in names}})


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("output", ["w.npy", "w.npz"])
def test_case_17_what_numpy_has_no_dtype_for_is_refused_with_the_formats_that_can(dtype, output, run, refused):
    refused(*_sample("--dtype", dtype), output=output, named=f"cannot hold {dtype}")
    assert ".safetensors or .h5" in run(*_sample("--dtype", dtype, "-o", "new.npy")).err.splitlines()[1]


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_case_17_hdf5_keeps_them_all_the_same(dtype, made):
    """The list would have .h5 refuse bfloat16; it is kept as Keras keeps it, with its name beside it."""
    made(*_sample("--dtype", dtype, "-o", "w.h5"))
    assert f"4x4 {dtype}" in made("stats", "w.h5").out.decode()


@pytest.mark.parametrize("dtype", ["complex128", "complex64", "object", "U8", "longdouble", "void"])
@pytest.mark.parametrize("output", ["w.npy", "w.safetensors", "w.h5"])
def test_case_17_what_no_format_should_hold_is_refused(dtype, output, refused):
    refused(*_sample("--dtype", dtype), output=output, named=f"unknown dtype '{dtype}'")


DOUBLED = {
    "by ranges": ({"s.json": _spec("w.{0..3}", "w.{2..5}")}, "w.2"),
    "by a list": ({"s.json": _spec("w.{a,b,a}")}, "w.a"),
    "by a range and a name": ({"s.json": _spec("w.{0..3}", "w.3")}, "w.3"),
    "across an include": ({"s.json": '{"include": "b.json", ' + _spec("w")[1:], "b.json": _spec("w")}, "'w'"),
    "across two includes": (
        {"s.json": '{"include": ["a.json", "b.json"]}', "a.json": _spec("w"), "b.json": _spec("w")},
        "'w'",
    ),
    "by keys of JSON": ({"s.json": '{"tensors": {"w": {"shape": [2]},\n"w": {"shape": [3]}}}'}, "'w'"),
    "by keys of YAML": ({"s.yaml": "tensors:\n  w: {shape: [2]}\n  w: {shape: [3]}\n"}, '"w"'),
    "by keys of TOML": ({"s.toml": "[tensors]\nw = {shape = [2]}\nw = {shape = [3]}\n"}, "line 3"),
    "keys of the top": ({"s.yaml": "seed: 1\nseed: 2\n"}, '"seed"'),
    "keys of a tensor": ({"s.json": '{"tensors": {"w": {"shape": [2],\n"shape": [3]}}}'}, "'shape'"),
    "keys once escaped": ({"s.json": '{"seed": 1, "se\\u0065d": 2}'}, "'seed'"),
}


@pytest.mark.parametrize("case", DOUBLED)
def test_case_18_a_name_that_stands_twice_is_refused(case, put, refused):
    files, named = DOUBLED[case]
    for name, text in files.items():
        put(name, text)
    said = refused("sample", next(iter(files)), output="w.safetensors", named=named)
    assert any(name in said for name in files)


def test_case_18_both_lines_are_said(put, run):
    put(
        "s.json",
        '{"tensors": {\n"w.{0..3}": {"shape": [2], "scheme": "zeros"},\n"w.{2..5}": {"shape": [2], "scheme": "zeros"}}}',
    )
    error, hint = run("sample", "s.json", "-o", "w.npz").err.splitlines()
    assert "s.json, line 3: tensors.w.{2..5}: the name 'w.2' is taken already" in error
    assert "s.json, line 2" in hint


def test_case_19_the_name_of_the_metadata_is_refused_by_safetensors(put, refused):
    refused(*_sample("--name", "__metadata__"), output="w.safetensors", named="name = '__metadata__'")
    put("s.json", _spec("a", "__metadata__"))
    refused("sample", "s.json", output="w.safetensors", named="'__metadata__'")
    refused("sample", "s.json", "-o", "shards/", named="'__metadata__'")


def test_case_19_elsewhere_it_is_a_name_like_any(made):
    made(*_sample("--name", "__metadata__", "-o", "w.h5"))
    made("verify", "w.h5")


NOT_PATHS = {"empty": "", "dot": ".", "dots": "..", "a/../c": "a/../c", "absolute": "/abs", "a//b": "a//b", "a/": "a/"}
NOT_PATHS |= {"./a": "./a", "NUL": "a\0b"}


@pytest.mark.parametrize("output", ["w.h5", "w.npz"])
@pytest.mark.parametrize("case", NOT_PATHS)
def test_case_20_a_name_that_is_no_plain_path_is_refused(case, output, refused):
    refused(*_sample("--name", NOT_PATHS[case]), output=output, named="name = ")


@pytest.mark.parametrize("case", NOT_PATHS)
def test_case_20_safetensors_has_names_that_are_no_paths(case, made):
    """It keeps them exactly, and so do we; a reader who makes paths of them has to look."""
    made(*_sample("--name", NOT_PATHS[case], "-o", "w.safetensors"))
    assert list(load_file("w.safetensors")) == [NOT_PATHS[case]]
    made("verify", "w.safetensors")


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a", "a/b/c/d")])
def test_case_22_a_dataset_that_would_be_a_group_too_is_refused(names, put, refused):
    put("s.json", _spec(*names))
    refused("sample", "s.json", output="w.h5", named="both")


def test_case_22_a_file_that_would_be_a_directory_too_is_refused(put, refused):
    put("s.json", _spec("a", "a.npy/b"))
    refused("sample", "s.json", "--format", "npy", "-o", "arrays/", named="'a.npy' cannot be both")


def test_case_22_in_a_format_without_groups_these_are_two_names(put, made):
    put("s.json", _spec("a", "a/b"))
    made("sample", "s.json", "-o", "w.safetensors")
    assert sorted(load_file("w.safetensors")) == ["a", "a/b"]


FOREIGN = {
    "NFC": NFC,
    "NFD": NFD,
    "right to left": "\u05d5\u05d6\u05df",
    "override": "a\u202eb",
    "emoji": "\U0001f9e0.w",
}
FOREIGN |= {"joined emoji": "\U0001f469\u200d\U0001f52c", "newline": "a\nb", "escape": "a\x1b[31mb", "spaces": " a b "}


@pytest.mark.parametrize("output", ["w.safetensors", "w.h5", "w.npz", "arrays/"])
@pytest.mark.parametrize("case", FOREIGN)
def test_case_23_a_name_is_kept_exactly(case, output, tmp_path, made):
    name = FOREIGN[case]
    said = made(
        *_sample("--name", name, "--format", "npy") if output[-1] == "/" else _sample("--name", name), "-o", output
    )
    assert len(said.err.splitlines()) == 1, "a name must not break the line"
    assert "\x1b" not in said.err
    if output == "w.safetensors":
        assert list(load_file(output)) == [name]
    elif output == "w.npz":
        with np.load(output) as archive:
            assert archive.files == [name]
    elif output == "w.h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(output) as file:
            assert list(file) == [name]
    else:
        assert [path.name for path in (tmp_path / "arrays").iterdir()] == [f"{name}.npy"]
    shown = made("stats", output, "--json").out
    assert json.loads(shown)["files"][0]["tensors"][0]["name"] in (name, "array")


def test_case_23_twins_are_warned_of_and_both_kept(put, run):
    put("s.json", _spec(NFC, NFD))
    done = run("sample", "s.json", "-o", "w.safetensors")
    assert done.code == 0
    assert done.err.splitlines()[0].startswith("warning: two names look the same and are not: caf")
    assert set(load_file("w.safetensors")) == {NFC, NFD}


@pytest.mark.parametrize("output", ["w.safetensors", "w.h5", "w.npz"])
def test_case_23_a_lone_surrogate_is_refused(output, put, refused):
    """As a byte of the command line that is not UTF-8 becomes one."""
    refused(*_sample("--name", "w\udcff"), output=output, named="name = 'w\\udcff'")
    put("s.json", '{"tensors": {"w\\ud800": {"shape": [2], "scheme": "zeros"}}}')
    refused("sample", "s.json", output=output, named="'w\\ud800'")


def test_case_23_bytes_that_are_no_text_are_refused_by_the_program_too(shell, says):
    done = shell(r"""$I sample -s zeros --shape 3 --name "$(printf 'w\377')" -o w.safetensors; echo $?; ls""")
    assert done.stdout == b"2\n"
    says(done.stderr.decode(), "name = 'w\\udcff'")
