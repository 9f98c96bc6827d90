"""Cases 48 to 52, and 54: files of weights that are damaged, or are meant to do harm."""

import io
import json
import os
import resource
import struct
import time

import numpy as np
import pytest

# What reads weights, and what follows the file's name.
READERS = [("stats",), ("identify",), ("verify",), ("diff", "same.npy"), ("spec",)]


@pytest.fixture
def unreadable(put, refused):
    """``unreadable(name, data, named)``: every command that reads weights refuses this file, soon, and says which it is."""

    def call(name, data, named=""):
        put(name, data)
        put("same.npy", _npy(np.zeros(3, np.float32)))
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        for command, *more in READERS:
            assert refused(command, name, *more, named=named).startswith(f"{name}: ")
        said = refused("sample", "--like", name, "--rule", "*=zeros", output="w.safetensors", named=named)
        assert said.startswith(f"{name}: ")
        assert time.process_time() - start < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB

    return call


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _of(*begin_end, dtype="F32", shape=(2,), metadata=None):
    header = {f"w{n}": {"dtype": dtype, "shape": list(shape), "data_offsets": at} for n, at in enumerate(begin_end)}
    return header if metadata is None else {"__metadata__": metadata, **header}


D = bytes(8)
SAFETENSORS = {
    "empty": b"",
    "7 bytes": bytes(7),
    "8 bytes of zero": bytes(8),
    "longer than the file": _safetensors(_of([0, 8]), D, length=10_000),
    "2^63": _safetensors(_of([0, 8]), D, length=2**63),
    "2^64 - 1": _safetensors(_of([0, 8]), D, length=2**64 - 1),
    "over 100 MB": _safetensors(_of([0, 8]), D, length=100_000_001),
    "not JSON": _safetensors(b"not JSON", D),
    "JSON, not a table": _safetensors(b"[1, 2]", D),
    "not UTF-8": _safetensors(b'{"\xff": 1}', D),
    "a hole": _safetensors(_of([0, 8], [16, 24]), D * 3),
    "a hole at the start": _safetensors(_of([8, 16]), D * 2),
    "overlap": _safetensors(_of([0, 8], [4, 12]), D * 2),
    "the same bytes twice": _safetensors(_of([0, 8], [0, 8]), D),
    "truncated": _safetensors(_of([0, 8]), D[:5]),
    "trailing bytes": _safetensors(_of([0, 8]), D + b"!"),
    "a shape that is not that of the data": _safetensors(_of([0, 8], shape=(3,)), D),
    "a shape that overflows": _safetensors(_of([0, 8], shape=(2**62, 2**62)), D),
    "a shape that wraps": _safetensors(_of([0, 8], shape=(2**63, 2, 2)), D),
    "a negative size": _safetensors(_of([0, 8], shape=(-2,)), D),
    "a size that is no number": _safetensors(_of([0, 8], shape=(2.0,)), D),
    "a negative offset": _safetensors(_of([-8, 0]), D),
    "an end before the start": _safetensors(_of([8, 0]), D),
    "unknown dtype": _safetensors(_of([0, 8], dtype="F31"), D),
    "metadata that is no text": _safetensors(_of([0, 8], metadata={"a": 1}), D),
    "metadata that is no table": _safetensors(_of([0, 8], metadata=[1]), D),
    "no dtype": _safetensors({"w": {"shape": [2], "data_offsets": [0, 8]}}, D),
    "depth 5000": _safetensors(b'{"w":' + b"[" * 5000 + b"]" * 5000 + b"}", D),
    "depth 100,000": _safetensors(b'{"w":' * 100_000, D),
    "of another format": _npy(np.zeros(2, np.float32)),
}


@pytest.mark.parametrize("case", SAFETENSORS)
def test_case_48_a_safetensors_that_is_not_whole_is_refused(case, unreadable):
    unreadable("bad.safetensors", SAFETENSORS[case])


def test_case_48_a_name_that_stands_twice_is_refused(unreadable):
    """The library takes the last of the two."""
    one = '"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}'
    unreadable("bad.safetensors", _safetensors(f"{{{one}, {one}}}".encode(), D))


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


def _header(text, version=1, data=D):
    body = text.encode("latin1")
    size = struct.pack("<H" if version == 1 else "<I", len(body))
    return b"\x93NUMPY" + bytes([version, 0]) + size + body + data


class Forbidden:
    """What a pickle would call."""

    def __reduce__(self):
        return os.mkdir, ("pwned",)


def _pickled():
    file = io.BytesIO()
    np.save(file, np.array([Forbidden()], dtype=object), allow_pickle=True)
    return file.getvalue()


NPY = {
    "empty": (b"", "it is empty"),
    "objects": (_pickled(), "not a tensor of numbers"),
    "bad magic": (b"\x93NUMPX" + _npy(np.zeros(2))[6:], "not a .npy file"),
    "a pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00.", "not a .npy file"),
    "text": (b"1 2 3\n", "not a .npy file"),
    "version 9": (_header(HEADER, 9), "version 9.0 of .npy is not known"),
    "version 1.5": (b"\x93NUMPY\x01\x05" + _header(HEADER)[8:], "version 1.5 of .npy is not known"),
    "negative shape": (_header(HEADER.replace("2,", "-2,")), "negative"),
    "truncated": (_npy(np.zeros(100))[:-1], "ends at byte 928, the file at 927"),
    "truncated header": (_npy(np.zeros(100))[:50], "header"),
    "magic alone": (b"\x93NUMPY", "version"),
    "18 kB of header": (_header(HEADER + " " * 18_000, 2), "header"),
    "4 GB of header": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "header"),
    "code for a header": (_header("__import__('os').mkdir('pwned')"), "header is damaged"),
    "a deep header": (_header("(" * 9000), "header is damaged"),
    "a shape of text": (_header(HEADER.replace("(2,)", "'2'")), "header is damaged"),
    "a shape of floats": (_header(HEADER.replace("2,", "2.0,")), "header is damaged"),
    "unknown dtype": (_header(HEADER.replace("<f4", "<f3")), "header is damaged"),
    "dtype that calls": (_header(HEADER.replace("'<f4'", "'O'")), "not a tensor of numbers"),
    "text values": (_npy(np.array(["a"])), "not a tensor of numbers"),
    "dates": (_npy(np.array(["2026-11-01"], "M8[D]")), "not a tensor of numbers"),
}


@pytest.mark.parametrize("case", NPY)
def test_case_50_a_npy_that_is_not_whole_is_refused_in_our_words(case, unreadable, run):
    data, named = NPY[case]
    unreadable("bad.npy", data, named)
    assert "pickle" not in run("stats", "bad.npy").err
    assert not os.path.exists("pwned")


@pytest.mark.parametrize("case", NPY)
def test_case_50_nor_from_standard_input(case, refused):
    refused("stats", "-", stdin=NPY[case][0], named="standard input: ")


@pytest.mark.parametrize("size", [10**12, 2**62, 2**63, 10**40])
@pytest.mark.parametrize("name", ["bad.npy", "bad.npz"])
def test_case_51_a_shape_is_held_against_the_size_of_the_file(size, name, unreadable):
    data = _header(HEADER.replace("2,", f"{size},"))
    if name == "bad.npz":
        import zipfile

        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("w.npy", data)
        data = file.getvalue()
    unreadable(name, data, "bytes" if name == "never" else "")


def test_case_51_of_a_stream_too(refused):
    for size in (10**12, 2**62, 2**63):
        refused("stats", "-", stdin=_header(HEADER.replace("2,", f"{size},")), named="standard input: ")


VALUES = np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30)


def test_case_52_bytes_that_follow_the_array_are_warned_of(put, run):
    put("w.npy", _npy(VALUES) + b"tail")
    done = run("stats", "w.npy")
    assert done.code == 0
    assert b"4 bytes follow the array" in done.out + done.err.encode()
    assert run("stats", "w.npy", "--fail-on", "remark").code == 1


def test_case_52_of_a_stream_they_are_an_error(refused):
    """Nobody can tell where the stream ends."""
    refused("stats", "-", stdin=_npy(VALUES) + b"tail", named="standard input: more bytes follow the array")


@pytest.mark.parametrize("order", ["fortran", "big-endian", "both", "version 2", "version 3"])
def test_case_52_other_orders_give_the_right_answer(order, put, made):
    array = VALUES.astype(">f4") if order in ("big-endian", "both") else VALUES
    array = np.asfortranarray(array) if order in ("fortran", "both") else array
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=(int(order[-1]), 0) if order[-1].isdigit() else None)
    put("w.npy", file.getvalue())
    put("plain.npy", _npy(VALUES))
    made("diff", "w.npy", "plain.npy")
    one, other = (
        json.loads(made("stats", name, "--json").out)["files"][0]["tensors"][0] for name in ("w.npy", "plain.npy")
    )
    assert one["std"] == other["std"]


def test_case_52_an_order_that_a_stream_cannot_give_is_a_clear_error(refused):
    refused("stats", "-", stdin=_npy(np.asfortranarray(VALUES)), named="Fortran order")


def test_case_52_records_are_refused(unreadable):
    unreadable("bad.npy", _npy(np.zeros(3, [("a", "<f4"), ("b", "<i4")])), "not a tensor of numbers")


@pytest.fixture
def h5(put):
    """``h5(make)``: the bytes of an HDF5 file in which ``make(file)`` has put something."""
    h5py = pytest.importorskip("h5py")

    def call(make):
        put("secret.bin", bytes(range(256)))
        with h5py.File("target.h5", "w") as file:
            file["w"] = np.zeros(64, np.float32)
        with h5py.File("made.h5", "w") as file:
            make(h5py, file)
        with open("made.h5", "rb") as file:
            data = file.read()
        for name in ("made.h5", "target.h5", "secret.bin"):
            if name != "target.h5":
                os.unlink(name)
        return data

    return call


def _intermediate(h5py, file):
    file.create_group("a")
    file["a/b"] = h5py.ExternalLink("target.h5", "/")


def _loop(h5py, file):
    file.create_group("a")
    file["a/again"] = file["a"]


def _external_storage(h5py, file):
    file.create_dataset("w", (64,), "<f4", external=[("secret.bin", 0, 256)])


def _virtual(h5py, file):
    layout = h5py.VirtualLayout((64,), "<f4")
    layout[:] = h5py.VirtualSource("target.h5", "w", (64,))
    file.create_virtual_dataset("w", layout)


def _bomb(h5py, file):
    file.create_dataset("w", (10**12,), "<f4", chunks=(1024,), compression="gzip")


def _filled_bomb(h5py, file):
    file.create_dataset("w", (10**5, 10**5), "<f4", chunks=(1000, 1000), fillvalue=1)


def _never_written(h5py, file):
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((10**12,)), create)


HDF5 = {
    "external link": (
        lambda h5py, file: file.__setitem__("w", h5py.ExternalLink("target.h5", "w")),
        "which initgen does not follow",
    ),
    "soft link": (
        lambda h5py, file: file.__setitem__("w", h5py.SoftLink("/elsewhere")),
        "which initgen does not follow",
    ),
    "soft link to itself": (
        lambda h5py, file: file.__setitem__("w", h5py.SoftLink("/w")),
        "which initgen does not follow",
    ),
    "intermediate link": (_intermediate, "a/b is a"),
    "a group inside itself": (_loop, "inside itself"),
    "external storage": (_external_storage, "other files, which initgen does not read"),
    "virtual dataset": (_virtual, "other files, which initgen does not read"),
    "shape bomb": (_bomb, "which initgen does not unpack"),
    "shape bomb of a fill value": (_filled_bomb, "which initgen does not unpack"),
    "declared and never written": (_never_written, "never written"),
}


@pytest.mark.parametrize("case", HDF5)
def test_case_54_an_h5_that_leads_elsewhere_is_refused_by_kind(case, h5, unreadable):
    make, named = HDF5[case]
    unreadable("bad.h5", h5(make), named)


@pytest.mark.parametrize("at", [0, 1, 8, 96, 500, 1000])
def test_case_54_an_h5_that_is_cut_off_is_refused(at, h5, unreadable):
    data = h5(lambda h5py, file: file.__setitem__("w", np.zeros(64, np.float32)))
    unreadable("bad.h5", data[:at])


@pytest.mark.parametrize("seed", range(8))
def test_case_54_an_h5_with_wrong_bytes_gives_an_answer_or_an_error(seed, h5, put, run):
    """`make fuzz` has millions of them."""
    data = bytearray(h5(lambda h5py, file: file.__setitem__("a/w", np.zeros(64, np.float32))))
    rng = np.random.default_rng(seed)
    for at in rng.integers(8, len(data), 3):
        data[at] = rng.integers(256)
    put("bad.h5", bytes(data))
    done = run("stats", "bad.h5")
    assert done.code in (0, 1, 2)
    if done.code == 2:
        assert done.err.startswith("error: bad.h5: ")
