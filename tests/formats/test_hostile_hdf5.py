"""HDF5 files of strangers: each thing that is refused, by its kind, before any data or any other file is opened."""

import ctypes
import os
import struct
import subprocess
import sys
import time
import zlib

import h5py
import numpy as np
import pytest

from initgen.checks.diff import diff
from initgen.checks.identity.identify import identify
from initgen.checks.source import sources_of
from initgen.checks.stats import stats
from initgen.checks.verify import verify
from initgen.core.errors import FormatError, InitgenError
from initgen.formats.parts import open_parts
from initgen.specs.derive import derive

DATA = (np.arange(600, dtype=np.float32) / 7).reshape(20, 30)


def patched(path, old, new):
    """Change bytes that no checksum covers."""
    content = path.read_bytes()
    assert content.count(old), old
    path.write_bytes(content.replace(old, new))


def external_link(path, secret):
    with h5py.File(path, "w") as file:
        file["w"] = h5py.ExternalLink(secret, "/weight")


def soft_link_to_the_root(path, secret):
    with h5py.File(path, "w") as file:
        file["g/up"] = h5py.SoftLink("/")


def soft_link_to_an_external_one(path, secret):
    with h5py.File(path, "w") as file:
        file["z"] = h5py.ExternalLink(secret, "/")
        file["a"] = h5py.SoftLink("/z/weight")


def name_that_is_a_path_over_an_external_link(path, secret):
    # HDF5 looks a name up as a path: what is listed as /zzz/w it would read from the other file.
    with h5py.File(path, "w", libver="earliest") as file:
        file["0zzz_w"] = DATA
        file["zzz"] = h5py.ExternalLink(secret, "/")
    patched(path, b"0zzz_w", b"/zzz/w")


def name_that_is_the_group_itself(path, secret):
    with h5py.File(path, "w", libver="earliest") as file:
        file["-"] = DATA
    patched(path, b"\0-\0\0\0\0\0\0", b"\0.\0\0\0\0\0\0")


def name_that_is_not_utf8(path, secret):
    with h5py.File(path, "w") as file:
        file[b"\xc3("] = DATA


def user_defined_link(path, secret):
    with h5py.File(path, "w", libver="latest") as file:
        file["ext"] = h5py.ExternalLink(secret, "/")
    content = bytearray(path.read_bytes())
    at = content.index(b"OHDR")
    end = at + 7 + content[at + 6]  # with a size of one byte, and no times
    assert content[at + 5] == 0
    content[content.index(b"@\x03ext")] = 65
    content[end : end + 4] = struct.pack("<I", lookup3(bytes(content[at:end])))
    path.write_bytes(content)


def external_storage(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (100,), "f4", external=[(secret, 0, 400)])


def virtual_dataset(path, secret):
    layout = h5py.VirtualLayout((20, 30), "f4")
    layout[...] = h5py.VirtualSource(secret, "weight", (20, 30))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("w", layout)


def virtual_dataset_of_a_pattern(path, secret):
    unlimited = h5py.h5s.UNLIMITED
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    target, source = (h5py.h5s.create_simple((20, 30), (most, 30)) for most in (unlimited, 20))
    target.select_hyperslab((0, 0), (unlimited, 1), (20, 1), (20, 30))
    create.set_virtual(target, secret.encode() + b"%b", b"weight", source)
    with h5py.File(path, "w", libver="latest") as file:
        space = h5py.h5s.create_simple((20, 30), (unlimited, 30))
        h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, space, create)


def group_in_itself(path, secret):
    with h5py.File(path, "w") as file:
        group = file.create_group("g")
        group["g"] = group


def nested_groups(path, secret):
    with h5py.File(path, "w", libver="latest") as file:
        group = file
        for _ in range(2000):
            group = group.create_group("a")


def one_dataset_of_many_names(path, secret):
    with h5py.File(path, "w", libver="latest") as file:
        file["w"] = np.zeros(1 << 16, "f4")
        for number in range(100):
            file[f"w{number}"] = file["w"]


def filter_of_a_plugin(path, secret):
    with h5py.File(path, "w") as file:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk((20, 30))
        create.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((20, 30)), create)


def filter_that_makes_as_much_as_it_says(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", data=DATA.astype("i4"), chunks=DATA.shape, scaleoffset=0)


def filter_twice(path, secret):
    with h5py.File(path, "w") as file:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk((20, 30))
        create.set_deflate(9)
        create.set_deflate(9)
        h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((20, 30)), create)


def two_gigabytes_in_two_megabytes(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", ((1 << 29) - 1,), "f4", chunks=(1 << 26,), compression="gzip")
        file["filler"] = np.zeros(1 << 19, "f4")


def many_chunks(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (1 << 25,), "i1", chunks=(1,))


def large_chunk_of_little_data(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (10,), "i1", maxshape=(None,), chunks=(1 << 31,), compression="gzip")


def huge_shape(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (2,) * 32, "f8", chunks=(2,) * 32)


def never_written(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (1 << 40,), ">f4")


def no_hdf5(path, secret):
    path.write_bytes(os.urandom(10_000))


KINDS = {
    external_link: "w is an external link, which initgen does not follow",
    soft_link_to_the_root: "g/up is a soft link, which initgen does not follow",
    soft_link_to_an_external_one: "a is a soft link, which initgen does not follow",
    name_that_is_a_path_over_an_external_link: "/zzz/w is listed by a name that is a path",
    name_that_is_the_group_itself: ". is listed by a name that is a path",
    name_that_is_not_utf8: "is a name that is not UTF-8",
    user_defined_link: "ext is a user-defined link, which initgen does not follow",
    external_storage: "w has external storage, in other files, which initgen does not read",
    virtual_dataset: "w is a virtual dataset, of other files, which initgen does not read",
    virtual_dataset_of_a_pattern: "w is a virtual dataset, of other files, which initgen does not read",
    group_in_itself: "g/g/ is a group under two names, or inside itself",
    nested_groups: "its groups nest over 256 deep, which initgen does not follow",
    one_dataset_of_many_names: "its tensors say to hold",
    filter_of_a_plugin: "w is packed by HDF5's filter 32015, which initgen does not unpack",
    filter_that_makes_as_much_as_it_says: "w is packed by HDF5's filter 6, which initgen does not unpack",
    filter_twice: "w is packed by a row of filters that nobody writes",
    two_gigabytes_in_two_megabytes: "w is packed in 0 bytes and says to hold 2147483644",
    many_chunks: "w says to be of 33554432 chunks, which initgen does not unpack",
    large_chunk_of_little_data: "w is packed in 0 bytes and says to hold 2147483648",
    huge_shape: "w is packed in 0 bytes and says to hold 34359738368",
    never_written: "w was declared and never written",
    no_hdf5: "is not HDF5",
}
QUESTIONS = [stats, verify, identify, derive, lambda path: diff(path, path)]


@pytest.fixture
def watched(tmp_path):
    """A file, and a call that says whether anybody opened it."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["weight"] = DATA
        file["w"] = DATA
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        pytest.skip("this system does not tell of opened files")
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(descriptor, os.fsencode(secret), 0x20) >= 0  # IN_OPEN

    def opened():
        try:
            return len(os.read(descriptor, 4096)) > 0
        except BlockingIOError:
            return False

    yield str(secret), opened
    os.close(descriptor)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_hostile_file_is_refused_by_kind_and_no_other_file_is_opened(make, watched, tmp_path):
    secret, opened = watched
    path = tmp_path / "bad.h5"
    make(path, secret)
    opened()  # forget what was opened to make it
    started = time.process_time()
    for ask in QUESTIONS:
        with pytest.raises(InitgenError) as error:
            ask(str(path))
        assert error.value.message.startswith(f"{path}")
        assert KINDS[make] in error.value.message
        assert "\n" not in error.value.message
    assert not opened()
    assert time.process_time() - started < 5
    with h5py.File(secret):
        pass
    assert opened()  # the watch works


def test_no_library_is_looked_for(tmp_path):
    """A filter's number, or bytes that are not HDF5's, have HDF5 load libraries from where HDF5_PLUGIN_PATH says."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "libh5evil.so").write_bytes(b"\x7fELF")
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        pytest.skip("this system does not tell of opened files")
    environment = os.environ | {"HDF5_PLUGIN_PATH": str(plugins)}

    def looked(code, *paths):
        descriptor = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(descriptor, os.fsencode(plugins), 0x20) >= 0
        subprocess.run([sys.executable, "-c", code, *paths], env=environment, capture_output=True, timeout=60)
        try:
            return bool(os.read(descriptor, 4096))
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)

    junk, plugin, cut = tmp_path / "junk.h5", tmp_path / "plugin.h5", tmp_path / "cut.h5"
    no_hdf5(junk, "")
    filter_of_a_plugin(plugin, "")
    cut.write_bytes(plugin.read_bytes()[:300])
    ask = "import sys, initgen\nfor path in sys.argv[1:]:\n try: initgen.stats(path)\n except Exception: pass"
    assert not looked(ask, str(junk), str(plugin))
    command = "import sys; from initgen.cli import script; sys.argv = ['initgen', 'stats', sys.argv[1]]; script()"
    for path in (junk, plugin, cut):
        assert not looked(command, str(path))
    assert looked("import h5py, sys; h5py.File(sys.argv[1])", str(junk))  # the watch works


def test_a_chunk_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path):
    path = str(tmp_path / "bomb.h5")
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("w", (1000,), "f4", chunks=(1000,), compression="gzip", shuffle=True)
        pack = zlib.compressobj(9)
        dataset.id.write_direct_chunk((0,), b"".join(pack.compress(bytes(1 << 24)) for _ in range(8)) + pack.flush())
    with pytest.raises(FormatError, match="w has a chunk that unpacks to more than it says"):
        stats(path)


def test_chunks_within_what_they_say_are_unpacked(tmp_path):
    """A chunk at the edge is whole; one that did not shrink is kept as it is; a checksum may come first or last."""
    path = str(tmp_path / "w.h5")
    noise = np.random.default_rng(0).integers(0, 255, 5000, np.uint8)
    with h5py.File(path, "w", userblock_size=1024) as file:
        file.create_dataset("noise", data=noise, chunks=(999,), compression="gzip", fletcher32=True)
        file.create_dataset("zeros", data=np.zeros(1 << 20, "f4"), chunks=(1 << 18,), compression="gzip", shuffle=True)
        file.create_dataset("short", data=noise[:3], chunks=(1000,), maxshape=(None,), compression="gzip")
    (part,) = open_parts(path)
    found = {source.stored.name: source.whole() for source in sources_of(part)}
    np.testing.assert_array_equal(found["noise"], noise)
    np.testing.assert_array_equal(found["short"], noise[:3])
    assert found["zeros"].shape == (1 << 20,)


def test_a_tensor_of_two_names_is_read(tmp_path):
    path = str(tmp_path / "w.h5")
    with h5py.File(path, "w") as file:
        file["embedding"] = DATA
        file["head"] = file["embedding"]
    assert [tensor.name for tensor in stats(path).tensors] == ["embedding", "head"]


ATTRIBUTES = {
    "array": lambda file: file.attrs.create("initgen", np.zeros(1 << 20, "S1")),
    "texts": lambda file: file.attrs.create("initgen", ["{}", "{}"]),
    "reference": lambda file: file.attrs.create("initgen", file["w"].ref),
    "region": lambda file: file.attrs.create("initgen", file["w"].regionref[0:2]),
    "records": lambda file: file.attrs.create("initgen", np.zeros(3, [("a", "f4"), ("b", "S3")])),
    "numbers of any length": lambda file: h5py.h5a.create(
        file.id, b"initgen", h5py.h5t.vlen_create(h5py.h5t.NATIVE_FLOAT), h5py.h5s.create(h5py.h5s.SCALAR)
    ),
    "empty": lambda file: file.attrs.create("initgen", h5py.Empty("S10")),
    "number": lambda file: file.attrs.create("initgen", 7),
}


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_an_attribute_that_is_no_text_is_not_looked_into(kind, tmp_path, monkeypatch):
    path = str(tmp_path / "w.h5")
    with h5py.File(path, "w", libver="latest") as file:
        file["w"] = DATA
        ATTRIBUTES[kind](file)
        file["w"].attrs["dtype"] = np.zeros(3)
    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", lambda *_: pytest.fail("it was read"))
    assert stats(path).passed
    with pytest.raises(InitgenError, match="carries no recipe"):
        verify(path)


def test_many_links_take_time_by_their_number(tmp_path):
    path = str(tmp_path / "w.h5")
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(3000):
            file.create_group(f"g{number}")
    started = time.process_time()
    (part,) = open_parts(path)
    assert len(part.contents.groups) == 3000
    assert time.process_time() - started < 5


def lookup3(data):
    """Bob Jenkins' hash, HDF5's checksum of metadata."""
    mask = 0xFFFFFFFF

    def turned(x, by):
        return (x << by | x >> (32 - by)) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    while len(data) > 12:
        x, y, z = struct.unpack("<III", data[:12])
        a, b, c, data = (a + x) & mask, (b + y) & mask, (c + z) & mask, data[12:]
        a = ((a - c) & mask) ^ turned(c, 4)
        c = (c + b) & mask
        b = ((b - a) & mask) ^ turned(a, 6)
        a = (a + c) & mask
        c = ((c - b) & mask) ^ turned(b, 8)
        b = (b + a) & mask
        a = ((a - c) & mask) ^ turned(c, 16)
        c = (c + b) & mask
        b = ((b - a) & mask) ^ turned(a, 19)
        a = (a + c) & mask
        c = ((c - b) & mask) ^ turned(b, 4)
        b = (b + a) & mask
    x, y, z = struct.unpack("<III", data.ljust(12, b"\0"))
    a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
    c = ((c ^ b) - turned(b, 14)) & mask
    a = ((a ^ c) - turned(c, 11)) & mask
    b = ((b ^ a) - turned(a, 25)) & mask
    c = ((c ^ b) - turned(b, 16)) & mask
    a = ((a ^ c) - turned(c, 4)) & mask
    b = ((b ^ a) - turned(a, 14)) & mask
    return ((c ^ b) - turned(b, 24)) & mask
