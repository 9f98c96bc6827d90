"""Groups of an HDF5 file that hold nothing: Keras looks for one for each layer without weights."""

import json

import h5py
import pytest

from initgen import write
from initgen.core.errors import FormatError
from initgen.formats.hdf5 import Hdf5
from initgen.specs.derive import derive
from initgen.specs.describe import describe

PATH = "layers/dense/vars/0"


def spec(*groups, path=PATH):
    tensors = {"w": {"shape": [3], "scheme": "ones", "keras_path": path}}
    return json.dumps({"empty_groups": list(groups), "tensors": tensors})


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A file whose spec has these empty groups, as h5py finds them: names of groups that hold nothing."""
    monkeypatch.chdir(tmp_path)

    def make(*groups, **more):
        (tmp_path / "s.json").write_text(spec(*groups, **more))
        write(describe("s.json"), "m.weights.h5", force=True)
        found = []
        with h5py.File("m.weights.h5") as file:
            file.visititems(
                lambda name, item: None if not isinstance(item, h5py.Group) or len(item) else found.append(name)
            )
        return sorted(found)

    return make


def test_empty_groups_are_in_the_file_and_are_read_back(made):
    assert made("vars", "layers/dropout/vars", "é/ü") == ["layers/dropout/vars", "vars", "é/ü"]
    contents = Hdf5().read("m.weights.h5")
    assert list(contents.groups) == ["layers/dropout/vars", "vars", "é/ü"]
    assert [stored.name for stored in contents.tensors] == [PATH]


def test_a_file_without_them_has_none(made):
    assert made() == []
    assert Hdf5().read("m.weights.h5").groups == ()


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["layers/dense/vars", "vars"], ["vars"]),  # a tensor is in it
        (["a", "a/b"], ["a/b"]),
        (["a", "a"], ["a"]),
        (["layers/dense/var"], ["layers/dense/var"]),  # begins alike, and is another
    ],
    ids=str,
)
def test_a_group_that_holds_something_is_not_empty(made, given, left):
    assert made(*given) == left
    assert list(Hdf5().read("m.weights.h5").groups) == left


@pytest.mark.parametrize("group", ["", "/", "a//b", "..", "a/../b", ".", "a/.", "a\0b", "/vars", "vars/"], ids=repr)
def test_a_group_that_is_no_path_is_refused_before_there_is_a_file(made, group, tmp_path):
    with pytest.raises(FormatError, match="is not a path of plain names in HDF5"):
        made(group)
    assert not (tmp_path / "m.weights.h5").exists()


@pytest.mark.parametrize("group", [PATH, f"{PATH}/x"])
def test_a_tensor_is_no_group(made, group):
    with pytest.raises(FormatError, match=f"'{PATH}' cannot be both a tensor and "):
        made(group)


def test_groups_go_through_a_spec_that_is_derived_of_the_file(made):
    made("vars", "layers/dropout/vars")
    assert derive("m.weights.h5")["empty_groups"] == ["layers/dropout/vars", "vars"]


def test_check_sees_a_group_that_is_missing_or_too_many(made, tmp_path):
    made("vars", "layers/dropout/vars")
    for groups in (["vars"], [], ["vars", "layers/dropout/vars", "more"]):
        (tmp_path / "t.json").write_text(spec(*groups))
        with pytest.raises(Exception, match="exists and holds something else"):
            write(describe("t.json"), "m.weights.h5")
    assert write(describe("s.json"), "m.weights.h5") is not None
