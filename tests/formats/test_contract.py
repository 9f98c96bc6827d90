"""What every format promises: each tensor it can hold comes back bit for bit through the library that others read it with."""

from pathlib import Path

import h5py
import ml_dtypes  # noqa: F401  (names bfloat16 and float8 for numpy)
import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from initgen.core.dtypes import DTYPES, FLOATS
from initgen.core.errors import FormatError, UnknownName
from initgen.engine.write import array, write
from initgen.formats import FORMATS, Header, format_of
from initgen.specs.recipe import recipe_of
from initgen.specs.tensor import tensor_spec

SHAPES = [(), (1,), (0, 3), (100, 64), (2, 1, 3, 1, 2, 1, 1, 2), (1,) * 32]


def foreign(form, path, dtype):
    """The one tensor of a file, read by the library of its format and never by initgen."""
    if form.name == "npy":
        return np.load(path)
    if form.name == "npz":
        with np.load(path) as archive:
            return archive["weight"]
    if form.name == "safetensors":
        with safe_open(path, framework="numpy") as file:
            (name,) = file.keys()
            shape, tag = file.get_slice(name).get_shape(), file.get_slice(name).get_dtype()
        assert tag == dtype.tag
        # The library's numpy side has no float8 in some versions: the bytes are taken from its own parse instead.
        ((_, raw),) = safetensors.deserialize(Path(path).read_bytes())
        assert tuple(raw["shape"]) == tuple(shape)
        return np.frombuffer(raw["data"], dtype.numpy).reshape(shape)
    with h5py.File(path) as file:
        dataset = file["weight"]
        narrow = dataset.dtype.kind == "V"
        assert dataset.attrs["dtype"] == dtype.name if narrow else "dtype" not in dataset.attrs
        data = np.asarray(dataset[()])
        return np.frombuffer(data.tobytes(), dtype.numpy).reshape(dataset.shape) if narrow else data


CASES = [
    (form.name, dtype.name, shape)
    for form in FORMATS
    for dtype in FLOATS
    if dtype.name in form.dtypes
    for shape in SHAPES
]


@pytest.mark.parametrize(("form", "dtype", "shape"), CASES)
def test_every_tensor_comes_back_bit_for_bit_through_the_foreign_library(form, dtype, shape, tmp_path):
    form = FORMATS[form]
    spec = tensor_spec("random_normal:stddev=1", shape, dtype=dtype, seed=3)
    path = str(tmp_path / "file")
    write([spec], path, form, fsync=False)
    found, wanted = foreign(form, path, spec.dtype), array(spec)
    assert found.shape == shape
    assert found.dtype == wanted.dtype
    assert found.tobytes() == wanted.tobytes()
    assert wanted.size < 100 or len(np.unique(wanted.astype(np.float64))) > 20


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
def test_what_was_written_is_read_with_its_place_shape_dtype_and_recipe(form, tmp_path):
    form = FORMATS[form]
    spec = tensor_spec("he_uniform", (100, 64), name="a.weight")
    path = tmp_path / "file"
    write([spec], str(path), form, fsync=False)
    contents = form.read(str(path))
    (stored,) = contents.tensors
    assert (stored.shape, stored.dtype, stored.extent.nbytes) == ((100, 64), DTYPES["float32"], 25600)
    raw = path.read_bytes()[stored.extent.offset :][:25600]
    assert raw == array(spec).tobytes()
    if form.many:
        assert stored.name == "a.weight"
    assert contents.recipe == (recipe_of([spec]) if form.carries_recipe else None)


@pytest.mark.parametrize("form", [form.name for form in FORMATS if form.many])
def test_many_tensors_of_many_dtypes_do_not_mix(form, tmp_path):
    form = FORMATS[form]
    specs = [
        tensor_spec("ones" if DTYPES[dtype].whole else "random_normal", shape, name=name, dtype=dtype, seed=seed)
        for seed, (name, shape, dtype) in enumerate(
            [
                ("b/x", (3, 5), "float16"),
                ("a", (0, 4), "float32"),
                ("b/a", (7,), "float64"),
                ("c", (5,), "float8_e5m2"),
                ("d", (), "bfloat16"),
                ("é", (2, 2), "float32"),
                ("n", (3,), "int64"),
                ("m", (3,), "bool"),
            ]
        )
        if dtype in form.dtypes
    ]
    path = str(tmp_path / "file")
    write(specs, path, form, fsync=False)
    raw = Path(path).read_bytes()
    found = {stored.name: stored for stored in form.read(path).tensors}
    assert set(found) == {spec.name for spec in specs}
    for spec in specs:
        extent = found[spec.name].extent
        assert raw[extent.offset : extent.offset + extent.nbytes] == array(spec).tobytes(), spec.name
    if form.name == "hdf5":
        with h5py.File(path) as file:
            assert file["b/a"][()].tobytes() == array(specs[2]).tobytes()
            assert file["é"].shape == (2, 2)
            assert file["m"][()].tolist() == [True] * 3


def header(name="w", shape=(2, 2), dtype="float32"):
    return Header(name, shape, DTYPES[dtype])


REFUSED = [
    ("npy", [header(dtype="bfloat16")], "npy cannot hold bfloat16"),
    ("npy", [header(dtype="float8_e5m2")], "npy cannot hold float8_e5m2"),
    ("npy", [header(), header("v")], "one tensor, not 2"),
    ("npy", [], "one tensor, not 0"),
    ("npy", [header(shape=(1,) * 65)], "64 axes, not 65"),
    ("npy", [header("\ud800")], "not valid Unicode"),
    ("npz", [header(dtype="bfloat16")], "npz cannot hold bfloat16"),
    ("npz", [header("w"), header("w")], "two tensors are called 'w'"),
    *(("npz", [header(name)], repr(name)) for name in ("", "..", "a/../c", "/abs", "a\\b", "a\0b")),
    ("npz", [header("n" * 70_000)], "70000 bytes"),
    ("safetensors", [header("__metadata__")], "__metadata__"),
    ("safetensors", [header("a\udfff")], "not valid Unicode"),
    ("safetensors", [header("w"), header("w")], "w"),
    ("hdf5", [header("w"), header("w")], "w"),
    ("hdf5", [header("")], "''"),
    ("hdf5", [header(".")], "'.'"),
    ("hdf5", [header("..")], "'..'"),
    ("hdf5", [header("a/../c")], "'a/../c'"),
    ("hdf5", [header("/abs")], "'/abs'"),
    ("hdf5", [header("a/")], "'a/'"),
    ("hdf5", [header("a//b")], "'a//b'"),
    ("hdf5", [header("a\0b")], "name"),
    ("hdf5", [header("\udcff")], "not valid Unicode"),
    ("hdf5", [header("a/b"), header("a")], "both a tensor and the group"),
    ("hdf5", [header("a"), header("a/b/c")], "both a tensor and the group"),
    ("hdf5", [header(shape=(1,) * 33)], "32 axes, not 33"),
]


@pytest.mark.parametrize(("form", "headers", "said"), REFUSED)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_created(form, headers, said):
    with pytest.raises(FormatError) as error:
        FORMATS[form].check(headers)
    assert said in error.value.message
    error.value.message.encode()  # can be printed


def test_a_dtype_without_a_place_names_the_formats_that_have_one(tmp_path):
    with pytest.raises(FormatError) as error:
        write([tensor_spec("ones", (2,), dtype="bfloat16")], str(tmp_path / "w.npy"), FORMATS["npy"])
    assert ".safetensors" in error.value.hint
    assert ".h5" in error.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "named", "form"),
    [
        ("w.npy", None, "npy"),
        ("W.NPY", None, "npy"),
        ("a.b/w.safetensors", None, "safetensors"),
        ("w.h5", None, "hdf5"),
        ("w.hdf5", None, "hdf5"),
        ("w.weights.h5", None, "hdf5"),
        ("w.npy", "h5", "hdf5"),
        ("w", "npy", "npy"),
    ],
)
def test_the_suffix_chooses_the_format_and_a_name_overrides_it(path, named, form):
    assert format_of(path, named) is FORMATS[form]


@pytest.mark.parametrize("path", ["w", "w.npy.bak", "w.npx", "npy", ".", "w.bin"])
def test_a_suffix_of_no_format_is_refused_with_those_there_are(path):
    with pytest.raises(UnknownName) as error:
        format_of(path)
    assert all(suffix in error.value.hint for form in FORMATS for suffix in form.suffixes)
