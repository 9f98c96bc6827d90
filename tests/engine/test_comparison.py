"""A comparison says equal only of a file that holds just what was written, and never touches it."""

import io
import os
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.engine.comparison import Comparison
from initgen.engine.write import matches, write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec


def compared(path, content, operations):
    """Whether a file with this content is what the operations write."""
    path.write_bytes(content)
    with open(path, "rb") as file:
        comparison = Comparison(file)
        play(comparison, operations)
        return comparison.equal


def play(file, operations):
    for at, data in operations:
        file.seek(at)
        assert file.write(data) == len(data)


def written(operations):
    """What the operations write into a real file: the oracle."""
    file = io.BytesIO()
    play(file, operations)
    return file.getvalue()


PLAIN = [(0, b"head"), (4, b"body"), (8, b"")]

CASES = {
    "the same": (PLAIN, b"headbody", True),
    "nothing, and an empty file": ([], b"", True),
    "nothing, and a file": ([], b"x", False),
    "another first byte": (PLAIN, b"Headbody", False),
    "another last byte": (PLAIN, b"headbodY", False),
    "a byte too few": (PLAIN, b"headbod", False),
    "a byte too many": (PLAIN, b"headbody\0", False),
    "an empty file": (PLAIN, b"", False),
    "a head that is written again": ([*PLAIN, (0, b"HEAD")], b"HEADbody", True),
    "the head as it was first": ([*PLAIN, (0, b"HEAD")], b"headbody", False),
    "wrong, right, wrong": ([(0, b"a"), (0, b"b"), (0, b"a")], b"b", False),
    "right, wrong, right": ([(0, b"b"), (0, b"a"), (0, b"b")], b"b", True),
    "a part of the wrong head written again": ([(0, b"head"), (0, b"HE")], b"HEXX", False),
    "more than the wrong head written again": ([(0, b"he"), (0, b"HEAD")], b"HEAD", True),
    "nothing written over the wrong head": ([(0, b"head"), (0, b"")], b"HEAD", False),
}


@pytest.mark.parametrize(
    ("operations", "content", "equal"), [pytest.param(*case, id=name) for name, case in CASES.items()]
)
def test_equal_is_what_would_have_been_written(operations, content, equal, tmp_path):
    assert compared(tmp_path / "file", content, operations) == equal == (written(operations) == content)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_called_equal_is_equal(tmp_path_factory, data):
    """Any writes anywhere, over a few bytes and two letters, so that they often agree."""
    operations, end = [], 0
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, end))
        piece = data.draw(st.binary(max_size=3).map(lambda raw: bytes(97 + byte % 2 for byte in raw)))
        operations.append((at, piece))
        end = max(end, at + len(piece))
    wanted = written(operations)
    content = data.draw(st.sampled_from([wanted, wanted[::-1], wanted + b"a", wanted[:-1], b"a" * len(wanted)]))
    if compared(tmp_path_factory.getbasetemp() / "file", content, operations):
        assert content == wanted


def test_seek_and_tell_are_those_of_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"headbody")
    with open(path, "rb") as file:
        comparison, real = Comparison(file), io.BytesIO()
        for offset, whence in [
            (0, os.SEEK_SET),
            (0, os.SEEK_CUR),
            (3, os.SEEK_SET),
            (0, os.SEEK_END),
            (-2, os.SEEK_END),
        ]:
            for each in (comparison, real):
                each.write(b"head")
            assert comparison.seek(offset, whence) == real.seek(offset, whence)
            assert comparison.tell() == real.tell()
        assert comparison.seekable()
        assert comparison.writable()
        assert not comparison.readable()


def test_a_zip_file_is_equal_to_itself_and_to_no_other(tmp_path):
    """zipfile goes back and writes each header again once it knows the checksum."""

    def pack(file, value):
        with zipfile.ZipFile(file, "w") as archive, archive.open(zipfile.ZipInfo("a"), "w") as entry:
            entry.write(value)

    path = tmp_path / "a.zip"
    pack(path, b"value")
    before = path.read_bytes()
    for value, equal in [(b"value", True), (b"other", False)]:
        with open(path, "rb") as file:
            comparison = Comparison(file)
            pack(comparison, value)
            assert comparison.equal == equal
    assert path.read_bytes() == before


def test_every_byte_of_an_npz_counts(tmp_path):
    path = tmp_path / "w.npz"
    specs = [tensor_spec("he_uniform", (2, 3), name="a"), tensor_spec("ones", (1,), name="b")]
    write(specs, str(path), FORMATS["npz"])
    raw = path.read_bytes()
    assert matches(specs, str(path), FORMATS["npz"])
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
        assert not matches(specs, str(path), FORMATS["npz"]), at
    for size in range(0, len(raw), 7):
        path.write_bytes(raw[:size])
        assert not matches(specs, str(path), FORMATS["npz"])
