"""The .npz format: a zip of .npy files that numpy reads, the same bytes every time, and whatever a zip may claim."""

import io
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest

from initgen.checks.source import sources_of
from initgen.core.errors import FormatError
from initgen.engine.write import array, write
from initgen.formats import FORMATS
from initgen.formats.parts import open_parts
from initgen.specs.tensor import tensor_spec

NPZ = FORMATS["npz"]
SPECS = [
    tensor_spec("he_uniform", (30, 40), name="model/layers.0.weight", seed=1),
    tensor_spec("random_normal", (7,), name="größe", dtype="float16"),
    tensor_spec("zeros", (0, 3), name="empty", dtype="float64"),
    tensor_spec("constant:value=3", (), name="scalar"),
    tensor_spec("constant:value=7", (5,), name="ids", dtype="int64"),
    tensor_spec("ones", (3,), name="mask", dtype="bool"),
]
ARRAY = np.arange(60, dtype=np.float32).reshape(3, 4, 5) / 7
ARRAYS = {
    "plain": ARRAY,
    "fortran": np.asfortranarray(ARRAY),
    "big-endian": ARRAY.astype(">f8"),
    "big-endian and fortran": np.asfortranarray(ARRAY.astype(">f2")),
    "scalar": np.float32(3.5),
    "empty": np.zeros((0, 3), "f4"),
    "integers": np.arange(-5, 5),
    "big-endian integers": np.arange(5, dtype=">i2"),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "in/a/group": ARRAY[0],
}
# The zip format: APPNOTE.TXT of PKWARE, 4.3.7 and 4.3.12.
LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")


def saved(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def zipped(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, raw in entries:
            archive.writestr(zipfile.ZipInfo(name), raw, method)
    return file.getvalue()


def npy(value, **options):
    file = io.BytesIO()
    np.save(file, value, **options)
    return file.getvalue()


def read_all(path):
    """Every array of a file, through initgen."""
    (part,) = open_parts(str(path))
    return {source.stored.name: source.whole() for source in sources_of(part)}


def test_numpy_reads_what_is_written(tmp_path):
    path = tmp_path / "w.npz"
    write(SPECS, str(path), NPZ)
    with np.load(path, allow_pickle=False) as archive:
        assert archive.files == [spec.name for spec in SPECS]
        for spec in SPECS:
            found = archive[spec.name]
            assert (found.shape, found.dtype) == (spec.shape, spec.dtype.numpy)
            assert found.tobytes() == array(spec).tobytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None  # all checksums are right
        assert archive.read("ids.npy") == npy(np.full(5, 7))


def test_no_time_and_nothing_of_the_machine_is_in_the_file(tmp_path):
    path = tmp_path / "w.npz"
    write(SPECS[:1], str(path), NPZ)
    raw = path.read_bytes()
    _, _, flags, method, clock, date, *_ = LOCAL.unpack_from(raw)
    assert (flags, method) == (0, 0)
    central = CENTRAL.unpack_from(raw, raw.index(b"PK\x01\x02"))
    data = npy(array(SPECS[0]))
    assert central[5:7] == (clock, date) == (0, 1 << 5 | 1)  # 1980-01-01
    assert central[7:10] == (zlib.crc32(data), len(data), len(data))
    assert central[1] >> 8 == 3  # Unix, whatever made it
    assert central[15] == 0o644 << 16
    assert data in raw


def test_the_same_tensors_are_the_same_bytes_at_any_time_and_with_any_threads(tmp_path, monkeypatch):
    (tmp_path / "b").mkdir()
    specs = [*SPECS, tensor_spec("he_normal", (1200, 1000), name="large")]
    write(specs, str(tmp_path / "a.npz"), NPZ, threads=1)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setattr(time, "time", lambda: 2.0**31)
    monkeypatch.chdir(tmp_path / "b")
    write(specs, "c.npz", NPZ, threads=3)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b" / "c.npz").read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read(save, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(saved(save, **ARRAYS))
    found = read_all(path)
    assert list(found) == list(ARRAYS)
    for name, value in ARRAYS.items():
        assert found[name].shape == np.shape(value), name
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_method_of_packing_that_numpy_writes_is_read(method, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zipped([("folder/", b""), ("folder/a.npy", npy(ARRAY)), ("b", npy(ARRAY[0]))], method))
    found = read_all(path)
    assert list(found) == ["folder/a", "b"]
    np.testing.assert_array_equal(found["folder/a"], ARRAY)
    np.testing.assert_array_equal(found["b"], ARRAY[0])


def test_plain_arrays_are_read_in_place_and_others_are_not(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(saved(**ARRAYS))
    placed = {stored.name for stored in NPZ.read(str(path)).tensors if stored.extent}
    assert placed == {"plain", "scalar", "empty", "integers", "booleans", "complex", "in/a/group"}
    path.write_bytes(saved(np.savez_compressed, **ARRAYS))
    assert not any(stored.extent for stored in NPZ.read(str(path)).tensors)


def patched(raw, field, value):
    """A zip of one entry with a field of its central directory (APPNOTE 4.3.12) set."""
    at = raw.index(b"PK\x01\x02")
    fields = list(CENTRAL.unpack_from(raw, at))
    fields[field] = value
    return raw[:at] + CENTRAL.pack(*fields) + raw[at + CENTRAL.size :]


ONE = saved(a=np.ones(2, np.float32))
PACKED = saved(np.savez_compressed, a=np.ones(2, np.float32))
HUGE = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }"
FLAGS, METHOD, SIZE = 3, 4, 9

BROKEN = {
    "empty": b"",
    "not a zip": b"\x93NUMPY",
    "no arrays but a text": zipped([("readme.txt", b"hello")]),
    "objects": saved(a=np.array([{}, None], object)),
    "objects, packed": saved(np.savez_compressed, a=np.array([{}, None], object)),
    "records": saved(a=np.zeros(3, [("a", "<f4")])),
    "text": saved(a=np.array(["a"])),
    "encrypted": patched(ONE, FLAGS, 1),
    "encrypted, packed": patched(PACKED, FLAGS, 1),
    "an unknown method": patched(ONE, METHOD, 99),
    "packed by bzip2, which has no bounds": zipped([("a.npy", npy(ARRAY))], zipfile.ZIP_BZIP2),
    "a header of 2 GB": zipped(
        [("a.npy", b"\x93NUMPY\x02\x00\x00\x00\x00\x80" + bytes(1 << 20))], zipfile.ZIP_DEFLATED
    ),
    "a bomb by its directory": patched(PACKED, SIZE, 0xFFFFFFF0),
    "a shape of 4 TB": zipped([("a.npy", HUGE % 10**12)]),
    "a shape over 2^64": zipped([("a.npy", HUGE % 10**30)]),
    "an array cut off": zipped([("a.npy", npy(ARRAY)[:-1])]),
    "an array cut off, packed": zipped([("a.npy", npy(ARRAY)[:-1])], zipfile.ZIP_DEFLATED),
    "a header cut off": zipped([("a.npy", npy(ARRAY)[:40])]),
    "an entry without a byte": zipped([("a.npy", b"")]),
}


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(FormatError) as error:
        open_parts(str(path))
    assert error.value.message.startswith(str(path))
    assert "\n" not in error.value.message
    assert "pickle" not in error.value.message
    return error.value


@pytest.mark.parametrize("content", [pytest.param(raw, id=name) for name, raw in BROKEN.items()])
def test_a_broken_file_is_an_error_that_names_it(content, tmp_path):
    refused(tmp_path / "bad.npz", content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a.npy", "a.npy"), ("a", "a.npy")])
def test_two_arrays_of_one_name_are_refused(names, tmp_path):
    raw = zipped([(name, npy(ARRAY)) for name in names])
    assert "two arrays are called 'a'" in refused(tmp_path / "twice.npz", raw).message


class Trap:
    """Whoever unpickles it is told."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_objects_are_refused_without_being_made(tmp_path):
    refused(tmp_path / "bad.npz", saved(a=np.array([Trap()], object)))


@pytest.mark.parametrize("whole", [ONE, PACKED], ids=["stored", "packed"])
def test_every_truncation_is_found(whole, tmp_path):
    for size in range(len(whole)):
        refused(tmp_path / "cut.npz", whole[:size])


METHODS = {
    "stored": ONE,
    "packed": PACKED,
    "bzip2": zipped([("a.npy", npy(np.ones(2)))], zipfile.ZIP_BZIP2),
    "lzma": zipped([("a.npy", npy(np.ones(2)))], zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("whole", METHODS.values(), ids=METHODS)
def test_a_changed_byte_anywhere_is_an_answer_or_an_error_and_never_a_crash(whole, tmp_path):
    path = tmp_path / "bad.npz"
    said = []
    for at in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
            try:
                NPZ.read(str(path))  # as a file that may be what was asked for is read
                read_all(path)
            except FormatError as error:
                said.append(error.message)
    assert len(said) > len(whole)
    assert all(message.startswith(str(path)) and "\n" not in message for message in said)


def test_a_changed_value_of_an_array_that_is_unpacked_is_found_by_its_checksum(tmp_path):
    path = tmp_path / "bad.npz"
    data = npy(np.asfortranarray(ARRAY))
    path.write_bytes(zipped([("a.npy", data)]).replace(data[-8:], b"changed!"))
    with pytest.raises(FormatError, match="CRC"):
        read_all(path)


def test_zeros_that_numpy_packs_are_no_bomb(tmp_path):
    """Deflate packs them 1029 to 1: the most it can is 1032 (its specification allows 258 bytes for two bits)."""
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, a=np.zeros(15_000_000, np.float32))
    (stored,) = NPZ.read(str(path)).tensors
    assert stored.shape == (15_000_000,)
