"""The .npy format: numpy's own bytes, and whatever a file may claim."""

import io
import struct

import numpy as np
import pytest

from initgen.checks.source import sources_of, stream_source
from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError, InitgenError
from initgen.formats import FORMATS, Header
from initgen.formats.parts import open_parts

NPY = FORMATS["npy"]


def saved(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize("dtype", NPY.dtypes)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (100, 64), (0, 3), (12345, 1), (1,) * 32, (2,) * 12, (1,) * 64])
def test_the_header_is_the_one_that_numpy_saves(dtype, shape):
    array = np.zeros(shape, dtype)
    assert NPY.prefix([Header("w", shape, DTYPES[dtype])], "") == saved(array)[: -array.nbytes or None]


@pytest.mark.parametrize("size", [1, 12, 12345])
def test_the_header_is_numpys_at_every_length_of_it(size):
    """Each axis more adds three characters, so that every place relative to the padding is met."""
    for rank in range(1, 60):
        array = np.zeros((size, *(1,) * (rank - 1)), "f4")
        assert NPY.prefix([Header("w", array.shape, DTYPES["float32"])], "") == saved(array)[: -array.nbytes]


@pytest.mark.parametrize("size", [10**17, 10**18, 2**62])
def test_sizes_too_large_to_be_tried_have_numpys_header_too(size):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (size,)})
    assert NPY.prefix([Header("w", (size,), DTYPES["float32"])], "") == file.getvalue()


def head(text, version=b"\x01\x00", length=None):
    """A .npy file with this header text."""
    raw = text.encode() if isinstance(text, str) else text
    size = len(raw) if length is None else length
    return b"\x93NUMPY" + version + struct.pack("<H" if version == b"\x01\x00" else "<I", size) + raw


GOOD = saved(np.ones((10, 10), np.float32))

BROKEN = {
    "empty": b"",
    "one byte": b"\x93",
    "only magic": b"\x93NUMPY",
    "no length": b"\x93NUMPY\x01\x00",
    "wrong magic": b"PK\x03\x04" + GOOD[4:],
    "a pickle": b"\x80\x04\x95" + GOOD[3:],
    "version 9": b"\x93NUMPY\x09\x00" + GOOD[8:],
    "header cut off": GOOD[:40],
    "data cut off": GOOD[:-1],
    "no data": GOOD[:128],
    "objects": saved(np.array([{}, None], object), allow_pickle=True),
    "records": saved(np.zeros(3, [("a", "<f4"), ("b", "<i2")])),
    "text": saved(np.array(["a", "b"])),
    "dates": saved(np.array(["2020-01-01"], "M8[D]")),
    "void": saved(np.zeros(3, "V5")),
    "not a literal": head("{'descr': __import__('os').system('false')}\n"),
    "not a dict": head("[1, 2]\n"),
    "a key missing": head("{'descr': '<f4', 'shape': (1,)}\n") + b"\0" * 4,
    "a key too many": head("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}\n") + b"\0" * 4,
    "shape of text": head("{'descr': '<f4', 'fortran_order': False, 'shape': ('1',)}\n") + b"\0" * 4,
    "negative size": head("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}\n"),
    "two negative sizes": head("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2)}\n") + b"\0" * 16,
    "a dtype of nothing": head("{'descr': 'xyz', 'fortran_order': False, 'shape': (1,)}\n") + b"\0" * 4,
    "huge shape": head("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}\n"),
    "shape over 2^64": head("{'descr': '<f4', 'fortran_order': False, 'shape': (%s,)}\n" % ("9" * 30)),
    "shape of 5000 digits": head("{'descr': '<f4', 'fortran_order': False, 'shape': (%s,)}\n" % ("9" * 5000)),
    "header of 18 kB": head("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)" + " " * 18000 + "}\n") + b"\0" * 4,
    "length of 4 GB": head("{}", b"\x02\x00", 0xFFFFFFFF),
    "nested 4000 deep": head("(" * 4000 + ")" * 4000),
    "a bracket left open": head("{'descr': '<f4', 'fortran_order': False, 'shape': (1, }\n") + b"\0" * 4,
    "a text left open": head("{'descr': '<f4, 'fortran_order': False, 'shape': (1,), }\n") + b"\0" * 4,
    "a dtype of old": head("{'descr': '<a4', 'fortran_order': False, 'shape': (1,), }\n") + b"\0" * 4,
    "NUL bytes": head(b"\0" * 100),
    "not latin1 or utf8": head(b"{'descr': '\xff\xfe'}", b"\x03\x00"),
}


@pytest.mark.parametrize("content", [pytest.param(raw, id=name) for name, raw in BROKEN.items()])
def test_a_broken_file_is_an_error_that_names_it(content, tmp_path):
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    with pytest.raises(FormatError) as error:
        open_parts(str(path))
    assert error.value.message.startswith(str(path))
    assert "pickle" not in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize("content", [pytest.param(raw, id=name) for name, raw in BROKEN.items()])
def test_a_broken_stream_is_an_error_too(content):
    with pytest.raises(InitgenError):
        _ = [block() for block in stream_source(io.BytesIO(content), "standard input").blocks()]


def test_every_truncation_is_found(tmp_path):
    path = tmp_path / "cut.npy"
    for size in range(0, len(GOOD), 7):
        path.write_bytes(GOOD[:size])
        with pytest.raises(FormatError):
            open_parts(str(path))


def test_what_follows_the_array_is_said(tmp_path):
    path = tmp_path / "long.npy"
    path.write_bytes(GOOD + b"xyz")
    contents = open_parts(str(path))[0].contents
    assert contents.warnings == ("3 bytes follow the array",)


ARRAY = np.arange(60, dtype=np.float32).reshape(3, 4, 5) / 7

UNUSUAL = {
    "big-endian": ARRAY.astype(">f4"),
    "big-endian half": ARRAY.astype(">f2"),
    "big-endian double": ARRAY.astype(">f8"),
    "Fortran order": np.asfortranarray(ARRAY),
    "big-endian and Fortran": np.asfortranarray(ARRAY.astype(">f8")),
    "strided": np.repeat(ARRAY, 2, axis=2)[:, :, ::2],
    "reversed": ARRAY[::-1],
    "scalar": np.float32(3.5),
    "integers": np.arange(5),
    "booleans": np.array([True, False]),
}


@pytest.mark.parametrize("array", [pytest.param(array, id=name) for name, array in UNUSUAL.items()])
def test_arrays_of_any_order_are_read_right(array, tmp_path):
    path = str(tmp_path / "a.npy")
    np.save(path, array)
    (part,) = open_parts(path)
    (source,) = sources_of(part)
    np.testing.assert_array_equal(source.whole(), np.load(path))


@pytest.mark.parametrize("fortran", [False, True])
def test_a_header_of_python_2_is_read_without_a_warning(fortran, tmp_path):
    path = tmp_path / "old.npy"
    header = f"{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': (2L, 3L), }}\n"
    path.write_bytes(head(header) + np.arange(6, dtype="<f4").tobytes())
    (part,) = open_parts(str(path))
    (source,) = sources_of(part)
    expected = np.arange(6).reshape((2, 3), order="F" if fortran else "C")
    np.testing.assert_array_equal(source.whole(), expected)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_three_versions_are_read(version, tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, ARRAY, version=version)
    (part,) = open_parts(str(path))
    (source,) = sources_of(part)
    np.testing.assert_array_equal(source.whole(), ARRAY)
