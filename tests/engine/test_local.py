"""A directory as a store: files that appear whole one by one, and whose bytes are looked at."""

import errno
import itertools
import os
import threading

import pytest

from initgen.core.errors import OutputError
from initgen.engine import output
from initgen.engine.files import plan_files
from initgen.engine.local import Directory
from initgen.engine.progress import SILENT, Progress
from initgen.engine.write import write
from initgen.specs.tensor import tensor_spec


def file_of(name="a/x", seed=0):
    (file,) = plan_files([tensor_spec("he_uniform", (20, 30), name=name, seed=seed)], "m/", "npy").files
    return file


@pytest.fixture
def store(tmp_path):
    return Directory(f"{tmp_path}/m/", threads=1)


def test_a_file_is_there_with_the_bytes_that_writing_it_alone_gives(store, tmp_path):
    assert list(store.names()) == []
    size = store.write(file_of(), SILENT, force=False)
    alone = write(file_of().specs, str(tmp_path / "alone.npy"), file_of().form).nbytes
    assert (tmp_path / "m/a/x.npy").read_bytes() == (tmp_path / "alone.npy").read_bytes()
    assert size == alone == os.stat(tmp_path / "m/a/x.npy").st_size
    assert list(store.names()) == ["a/x.npy"]
    assert os.listdir(tmp_path / "m/a") == ["x.npy"]


def test_nothing_has_the_name_before_it_is_whole(store, told, tmp_path):
    seen = []
    store.write(file_of(), told(lambda nbytes: seen.append(list(store.names()))), force=False)
    assert seen
    assert not any(seen)


DAMAGE = {
    "a byte of data": lambda raw: raw[:500] + bytes([raw[500] ^ 1]) + raw[501:],
    "a byte of the header": lambda raw: raw[:70] + bytes([raw[70] ^ 1]) + raw[71:],
    "the last byte": lambda raw: raw[:-1],
    "a byte more": lambda raw: raw + b"\0",
    "everything": lambda raw: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_does_not_match_and_is_replaced_only_by_force(damage, store, tmp_path):
    store.write(file_of(), SILENT, force=False)
    path = tmp_path / "m/a/x.npy"
    good = path.read_bytes()
    assert store.matches(file_of(), SILENT)
    path.write_bytes(DAMAGE[damage](good))
    assert not store.matches(file_of(), SILENT)
    with pytest.raises(OutputError, match=r"a/x\.npy: exists and holds something else"):
        store.write(file_of(), SILENT, force=False)
    assert path.read_bytes() == DAMAGE[damage](good)
    store.write(file_of(), SILENT, force=True)
    assert path.read_bytes() == good


def test_checking_and_writing_tell_of_every_byte_once(store):
    class Heard(Progress):
        def __init__(self):
            self.said = []

        def begin(self, path, nbytes):
            self.said.append(("begin", path, nbytes))

        def __call__(self, nbytes):
            self.said.append(("bytes", nbytes))

        def end(self, path):
            self.said.append(("end", path))

    path = os.path.join(store.path, "a/x.npy")
    for step in (
        lambda heard: store.write(file_of(), heard, force=False),
        lambda heard: store.matches(file_of(), heard),
    ):
        heard = Heard()
        step(heard)
        assert heard.said == [("begin", path, 2400), ("bytes", 2400), ("end", path)]


def test_links_to_directories_are_followed_and_hidden_names_left_out(store, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "m/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "m")
    (tmp_path / "m/.initgen-0.tmp").write_text("of a run that died")
    (tmp_path / "m/b").mkdir()
    os.mkfifo(tmp_path / "m/b/pipe")
    store.write(file_of(), SILENT, force=False)
    assert list(store.names()) == ["a/x.npy"]
    assert (tmp_path / "elsewhere/x.npy").is_file()


def test_a_directory_that_is_closed_to_us_and_a_link_to_itself_are_passed_over(store, tmp_path, monkeypatch):
    store.write(file_of(), SILENT, force=False)
    (tmp_path / "m/lost+found").mkdir()
    (tmp_path / "m/loop").symlink_to("loop")
    listed = os.listdir

    def refuse(path):
        if "lost+found" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", refuse)  # root, who may run the tests, could look into any
    assert list(store.names()) == ["a/x.npy"]


def test_several_may_make_the_same_directories_at_once(tmp_path):
    names = [f"{top}/b/c/{number}" for top, number in itertools.product("xy", range(4))]
    gate = threading.Barrier(len(names))
    errors = []

    def make(name):
        try:
            own = Directory(f"{tmp_path}/m/", threads=1)
            gate.wait(10)
            own.write(file_of(name), SILENT, force=False)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=make, args=(name,)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    assert sorted(Directory(f"{tmp_path}/m/").names()) == sorted(f"{name}.npy" for name in names)


def test_a_file_in_place_of_a_directory_is_one_error(store, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/a").write_text("mine")
    with pytest.raises(OutputError, match="m/a: "):
        store.write(file_of(), SILENT, force=True)
    assert (tmp_path / "m/a").read_text() == "mine"
    (tmp_path / "m/x.npy").mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        store.write(file_of("x"), SILENT, force=True)
    with pytest.raises(OutputError, match="is not a directory"):
        Directory(str(tmp_path / "m/a"))
    with pytest.raises(OutputError, match="there is no directory"):
        Directory(str(tmp_path / "no/m"))


def test_small_files_are_held_against_their_bytes(store, tmp_path):
    store.write_bytes("config.json", b"{}", force=False)
    assert store.holds("config.json", b"{}")
    assert not store.holds("config.json", b"{} ")
    assert not store.holds("config.json", b"{")
    store.write_bytes("config.json", b"{}", force=False)
    with pytest.raises(OutputError, match=r"config\.json: exists and holds something else"):
        store.write_bytes("config.json", b"[]", force=False)
    store.write_bytes("config.json", b"[]", force=True)
    assert (tmp_path / "m/config.json").read_bytes() == b"[]"
    for _ in range(2):
        store.remove("config.json")
    assert list(store.names()) == []


def test_the_room_that_counts_is_that_of_the_directory_itself(store, tmp_path, monkeypatch):
    """It may be the root of a disk of its own."""
    asked = []

    class Disk:
        f_bavail, f_frsize = 10, 100

    monkeypatch.setattr(output.os, "statvfs", lambda path: asked.append(path) or Disk)
    store.check_room(1000)
    (tmp_path / "m").mkdir()
    with pytest.raises(OutputError, match="needs 1 kB, and the disk has 1 kB free"):
        store.check_room(1001)
    assert asked == [str(tmp_path), str(tmp_path / "m")]
