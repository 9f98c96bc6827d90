"""The .safetensors format: the library's layout in one canonical order, and whatever a file may claim."""

import json

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from initgen.checks.source import sources_of
from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError
from initgen.engine.write import write
from initgen.formats import FORMATS, Header
from initgen.formats.parts import open_parts
from initgen.specs.recipe import recipe_of
from initgen.specs.tensor import tensor_spec

FORM = FORMATS["safetensors"]
HEADERS = [
    Header("b", (3,), DTYPES["float16"]),
    Header("z", (2, 2), DTYPES["float32"]),
    Header("a", (5,), DTYPES["bfloat16"]),
    Header("y", (1,), DTYPES["float64"]),
    Header("e", (3,), DTYPES["float8_e4m3fn"]),
    Header("m", (0, 7), DTYPES["float32"]),
]


def test_the_header_is_canonical():
    prefix = FORM.prefix(HEADERS, "R")
    length = int.from_bytes(prefix[:8], "little")
    assert len(prefix) == 8 + length
    assert length % 8 == 0
    assert prefix[8:].rstrip(b" ").decode() == (
        '{"__metadata__":{"format":"pt","initgen":"R"},'
        '"y":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},'
        '"m":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]},'
        '"z":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]},'
        '"a":{"dtype":"BF16","shape":[5],"data_offsets":[24,34]},'
        '"b":{"dtype":"F16","shape":[3],"data_offsets":[34,40]},'
        '"e":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[40,43]}}'
    )
    assert FORM.prefix(HEADERS[::-1], "R") == prefix


def test_the_order_is_the_one_the_library_writes(tmp_path):
    path = str(tmp_path / "lib.safetensors")
    headers = [header for header in HEADERS if header.dtype.name.startswith("float") and header.dtype.itemsize > 1]
    tensors = {header.name: np.zeros(header.shape, header.dtype.numpy) for header in headers}
    safetensors.numpy.save_file(tensors, path)
    theirs = [stored.name for stored in FORM.read(path).tensors]
    extents = FORM.layout(path, headers, "")
    ours = [header.name for _, _, header in sorted(zip(extents, range(9), headers, strict=False), key=place)]
    assert ours == theirs


def place(entry):
    extent, _, header = entry
    return extent.offset, extent.nbytes, header.name


def test_the_metadata_has_the_recipe_beside_the_format(tmp_path):
    spec = tensor_spec("he_uniform", (4, 3))
    path = str(tmp_path / "w.safetensors")
    write([spec], path, FORM)
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt", "initgen": recipe_of([spec])}
    json.loads(recipe_of([spec]))


@pytest.mark.parametrize("name", ["é", "e\u0301", "🦙", 'quo"te\\', "\u202eabc", "a b\tc\n", "", "model.layers.0/x"])
def test_names_are_kept_exactly(name, tmp_path):
    path = str(tmp_path / "w.safetensors")
    write([tensor_spec("ones", (2,), name=name)], path, FORM)
    with safe_open(path, framework="numpy") as file:
        assert list(file.keys()) == [name]
    assert FORM.read(path).tensors[0].name == name


def test_a_header_beyond_the_librarys_limit_is_refused():
    with pytest.raises(FormatError, match="the most is 100000000"):
        FORM.prefix(HEADERS, "x" * 100_000_001)


def raw(header, data=b"\0" * 16, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(first=0, end=16, shape=(4,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, end]}


def member(text):
    return b'{"w":' + text + b"}"


BROKEN = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "length beyond the file": raw({"w": entry()}, length=10**6),
    "length 2^63": raw({"w": entry()}, length=2**63),
    "length 0": raw(b""),
    "not JSON": raw(b"hello, world    "),
    "a list": raw(b"[]"),
    "not UTF-8": raw(b'{"\xff\xfe": 1}'),
    "a hole": raw({"a": entry(0, 8, (2,)), "b": entry(12, 16, (1,))}),
    "a hole at the start": raw({"a": entry(4, 16, (3,))}),
    "an overlap": raw({"a": entry(0, 12, (3,)), "b": entry(8, 16, (2,))}),
    "data cut off": raw({"w": entry()}, b"\0" * 15),
    "trailing bytes": raw({"w": entry()}, b"\0" * 17),
    "shape and bytes differ": raw({"w": entry(shape=(5,))}),
    "shape overflows": raw({"w": entry(shape=(2**33, 2**33))}),
    "shape of 2^70": raw(member(b'{"dtype":"F32","shape":[1180591620717411303424],"data_offsets":[0,16]}')),
    "negative size": raw({"w": entry(shape=(-4,))}),
    "negative offset": raw({"w": entry(-16, 0)}),
    "offsets the wrong way": raw({"w": entry(16, 0)}),
    "unknown dtype": raw({"w": entry(dtype="F33")}),
    "dtype missing": raw({"w": {"shape": [4], "data_offsets": [0, 16]}}),
    "metadata not text": raw({"__metadata__": {"a": 1}, "w": entry()}),
    "5000 deep": raw(b'{"w":' + b"[" * 5000),
    "one name twice": raw(
        b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    ),
    "one recipe twice": raw(
        b'{"__metadata__":{"initgen":"a","initgen":"b"},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    ),
}


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in BROKEN.items()])
def test_a_broken_file_is_an_error_that_names_it(content, tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(FormatError) as error:
        open_parts(str(path))
    assert error.value.message.startswith(str(path))
    assert "\n" not in error.value.message


def test_every_truncation_is_found(tmp_path):
    whole, path = raw({"w": entry()}), tmp_path / "cut.safetensors"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError):
            open_parts(str(path))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "complex64"])
def test_what_is_no_weight_is_read_as_what_it_is(dtype, tmp_path):
    if dtype == "complex64":
        pytest.importorskip("safetensors", minversion="0.7", reason="older ones refuse complex numbers")
    path = str(tmp_path / "i.safetensors")
    array = np.array([0, 1, 1, 0]).astype(dtype)
    safetensors.numpy.save_file({"i": array}, path)
    (part,) = open_parts(path)
    (source,) = sources_of(part)
    assert source.stored.dtype is DTYPES.entries.get(dtype)
    np.testing.assert_array_equal(source.whole(), array)
