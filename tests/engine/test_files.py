"""Which files a model becomes: shards split and indexed as transformers does it, and arrays that stay in their directory."""

import json
import os

import pytest

from initgen.core.errors import BadParameter, FormatError, UnknownName
from initgen.engine.files import MAX_SHARD, SHARD, parse_size, plan_files, split
from initgen.specs.tensor import tensor_spec


def spec(name, nbytes=1):
    return tensor_spec("zeros", (nbytes,), name=name, dtype="int8")


def specs(sizes):
    return [spec(f"t{number}", size) for number, size in enumerate(sizes)]


# Bytes of tensors, and those in each shard of at most 100: what split_state_dict_into_shards_factory of huggingface_hub 2.4
# answers. A tensor that is too large has a shard of its own, and what came before it waits for what comes after.
SPLITS = [
    ([10, 20, 30], [[0, 1, 2]]),
    ([50, 50, 1], [[0, 1], [2]]),
    ([50, 51], [[0], [1]]),
    ([100, 100], [[0], [1]]),
    ([60, 60, 30, 40], [[0], [1, 2], [3]]),
    ([50, 200, 30], [[1], [0, 2]]),
    ([200, 50, 30], [[0], [1, 2]]),
    ([50, 30, 200], [[2], [0, 1]]),
    ([200, 200], [[0], [1]]),
    ([200], [[0]]),
    ([0, 0, 0], [[0, 1, 2]]),
    ([101, 0, 0], [[0], [1, 2]]),
    ([0, 100, 0, 1], [[0, 1, 2], [3]]),
    ([40, 101, 40, 40], [[1], [0, 2], [3]]),
    ([90, 20, 150, 70, 10, 10], [[0], [2], [1, 3, 4], [5]]),
]


@pytest.mark.parametrize(("sizes", "wanted"), SPLITS, ids=str)
def test_tensors_are_split_as_transformers_splits_them(sizes, wanted):
    found = [[int(tensor.name[1:]) for tensor in shard] for shard in split(specs(sizes), 100)]
    assert found == wanted


# What save_pretrained of transformers 5.23 writes with max_shard_size=64 for these four tensors of float32.
# transformers takes them in the order of the model, which is not that of their names; the tables are alike but for that.
MODEL = {"b.weight": (3, 4), "b.bias": (3,), "a.weight": (2, 3), "größe.weight": (2, 2)}
INDEX = """{
  "metadata": {
    "total_parameters": 25,
    "total_size": 100
  },
  "weight_map": {
    "a.weight": "model-00002-of-00002.safetensors",
    "b.bias": "model-00001-of-00002.safetensors",
    "b.weight": "model-00001-of-00002.safetensors",
    "gr\\u00f6\\u00dfe.weight": "model-00002-of-00002.safetensors"
  }
}
"""


def test_the_index_is_the_text_that_transformers_writes():
    tensors = [tensor_spec("zeros", shape, name=name) for name, shape in MODEL.items()]
    plan = plan_files(tensors, "m", max_shard=64)
    shards = {"a.weight": 1, "b.bias": 1, "b.weight": 2, "größe.weight": 2}
    wanted = json.loads(INDEX)
    wanted["weight_map"] = {name: f"model-0000{shards[name]}-of-00002.safetensors" for name in wanted["weight_map"]}
    assert plan.beside["model.safetensors.index.json"].decode() == json.dumps(wanted, indent=2) + "\n"
    assert json.dumps(json.loads(INDEX), indent=2) + "\n" == INDEX  # the form is transformers'
    assert plan.directory
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert plan.names == [*shards, "model.safetensors.index.json"]  # the index last
    assert [[tensor.name for tensor in file.specs] for file in plan.files] == [
        ["a.weight", "b.bias"],
        ["b.weight", "größe.weight"],
    ]
    assert [file.nbytes for file in plan.files] == [36, 64]
    assert all(SHARD.fullmatch(name) for name in plan.names)


def test_what_fits_one_shard_has_the_plain_name_and_no_index():
    plan = plan_files(specs([60, 40]), "m/", max_shard=100)
    assert (plan.names, plan.beside, plan.directory) == (["model.safetensors"], {}, True)
    assert plan_files(specs([60, 41]), "m/", max_shard=100).beside
    assert MAX_SHARD == 5 * 10**9


@pytest.mark.slow
def test_shards_are_numbered_with_five_digits_and_there_are_no_more_than_these_name():
    plan = plan_files(specs([1] * 12), "m", max_shard=1)
    assert plan.names[9] == "model-00010-of-00012.safetensors"
    many = [spec("same")] * 100_000
    with pytest.raises(FormatError, match="100000 shards"):
        plan_files(many, "m", max_shard=1)


WHERE = [  # path, format, size of a shard -> directory, formats
    ("m.safetensors", None, None, False, "safetensors"),
    ("m.h5", None, None, False, "hdf5"),
    ("m.npz", None, None, False, "npz"),
    ("m.bin", "npz", None, False, "npz"),
    ("m/", None, None, True, "safetensors"),
    ("m.h5/", None, None, True, "safetensors"),
    ("m", None, 100, True, "safetensors"),
    ("m/", "npy", None, True, "npy"),
    ("there", None, None, True, "safetensors"),
    ("there", "npy", None, True, "npy"),
    ("there.npz/", None, None, True, "safetensors"),
]


@pytest.mark.parametrize(("path", "form", "size", "directory", "said"), WHERE)
def test_the_path_says_whether_it_is_a_file_or_a_directory(path, form, size, directory, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there.npz").mkdir()
    plan = plan_files(specs([1, 2]), path, form, size)
    assert (plan.directory, {file.form.name for file in plan.files}) == (directory, {said})
    assert sorted(os.listdir(tmp_path)) == ["there", "there.npz"]


REFUSED = [
    ("m", None, None, UnknownName, "no format has this suffix"),
    ("m.safetensors", None, 100, FormatError, "shards go into a directory"),
    ("m.npz", None, 100, FormatError, "shards go into a directory"),
    ("m/", "npz", None, FormatError, "a directory is of safetensors or of npy, not of npz"),
    ("m/", "h5", None, FormatError, "not of hdf5"),
    ("m/", "npy", 100, FormatError, "shards are of safetensors"),
    ("m/", "zip", None, UnknownName, "unknown format"),
    ("m.npy", None, None, FormatError, "one tensor, not 2"),
]


@pytest.mark.parametrize(("path", "form", "size", "kind", "said"), REFUSED)
def test_what_has_no_files_is_refused(path, form, size, kind, said):
    with pytest.raises(kind) as error:
        plan_files(specs([1, 2]), path, form, size)
    assert said in error.value.message


@pytest.mark.parametrize("size", [1, 1000])
def test_case_18_and_19_a_name_that_stands_twice_or_is_taken_is_refused_in_one_shard_and_in_two(size):
    with pytest.raises(FormatError, match="two tensors are called 'a'"):
        plan_files([spec("a"), spec("b"), spec("a")], "m", max_shard=size)
    with pytest.raises(FormatError, match="__metadata__"):
        plan_files([spec("a"), spec("__metadata__")], "m", max_shard=size)


def test_arrays_have_a_file_each_by_their_names():
    names = ["a.weight", "b/c/d", "b/c.e", "CON", "a", "a.npy", "größe", "a../b..", "n" * 251, "x" * 255 + "/y"]
    tensors = [spec(name) for name in names]
    plan = plan_files(tensors, "m/", "npy")
    assert sorted(plan.names) == sorted(f"{tensor.name}.npy" for tensor in tensors)
    assert {file.name: file.specs for file in plan.files} == {f"{tensor.name}.npy": (tensor,) for tensor in tensors}


def test_the_order_of_description_changes_no_file_and_numbers_count(tmp_path):
    names = ["l.10", "l.2", "b", "l.1", "a"]
    for form, path in ((None, "m/"), ("npz", "m.npz"), ("h5", "m.h5"), ("npy", "n/")):
        plans = [plan_files([spec(name) for name in order], path, form) for order in (names, names[::-1])]
        assert [file.specs for file in plans[0].files] == [file.specs for file in plans[1].files]
        assert [tensor.name for tensor in plans[0].specs] == ["a", "b", "l.1", "l.2", "l.10"]


LEAVING = ["", ".", "..", "../x", "/etc/passwd", "a/../../x", "a//b", "a/", "a/./b", "a\\..\\b", "a\0b"]
NAMES = [pytest.param([name], "is not a path of plain names", id=f"case 27 {name!r}") for name in LEAVING]
NAMES += [pytest.param([name], "hidden", id=f"hidden {name!r}") for name in (".a", "a/.b", ".a/b", "..a")]
NAMES += [
    pytest.param(["n" * 252], "longer than a file's name may be", id="case 27 252 letters and a suffix"),
    pytest.param(["é" * 126], "longer than a file's name may be", id="case 27 126 letters of two bytes"),
    pytest.param(["n" * 256 + "/a"], "longer than a file's name may be", id="case 27 a directory of 256"),
    pytest.param(["a/" * 3000 + "b"], "longer than", id="case 27 3000 directories"),
    pytest.param(["\ud800"], "not valid Unicode", id="case 23 a lone surrogate"),
    pytest.param(["a", "b", "a"], "two tensors are called 'a'", id="case 18 twice"),
    pytest.param(["a", "a.npy/b"], "both", id="case 22 a file and a directory"),
    pytest.param(["a.npy/b/c/d", "a"], "both", id="case 22 a directory of directories and a file"),
]


@pytest.mark.parametrize(("names", "said"), NAMES)
def test_arrays_whose_files_would_not_do_are_refused_before_there_are_any(names, said):
    with pytest.raises(FormatError) as error:
        plan_files([spec(name) for name in names], "m/", "npy")
    assert said in error.value.message
    assert len(error.value.message) < 200


def test_case_17_a_dtype_that_numpy_has_not_is_refused_for_arrays():
    with pytest.raises(FormatError, match="npy cannot hold bfloat16"):
        plan_files([tensor_spec("zeros", (2,), dtype="bfloat16")], "m/", "npy")


SIZES = {
    "5GB": 5 * 10**9,
    "5gb": 5 * 10**9,
    "5 GB": 5 * 10**9,
    "50MB": 50_000_000,
    "1.5MB": 1_500_000,
    "0.1GB": 100_000_000,
    "4.35GB": 4_350_000_000,
    "2TB": 2 * 10**12,
    "7kB": 7000,
    "7K": 7000,
    "2GiB": 2 << 30,
    "1.5KiB": 1536,
    "1Ti": 1 << 40,
    "4096": 4096,
    "4096B": 4096,
    "1": 1,
}


@pytest.mark.parametrize(("text", "wanted"), SIZES.items())
def test_sizes_are_read_as_hugging_face_reads_them_and_in_powers_of_two(text, wanted):
    assert parse_size(text) == wanted


@pytest.mark.parametrize("text", ["0", "0GB", "0.4", "0.0001KB"])
def test_a_size_of_nothing_is_refused(text):
    with pytest.raises(BadParameter, match="at least a byte"):
        parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "GB", "-1", "-5GB", "5XB", "5GBB", "5e9", "nan", "inf", "５GB", "1,5GB", "1_000", "5GB\n", "9" * 5000]
)
def test_nonsense_is_no_size(text):
    with pytest.raises(BadParameter, match="is not a size") as error:
        parse_size(text)
    assert len(error.value.message) < 100
