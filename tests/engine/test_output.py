"""Outputs appear whole or not at all: whatever fails, the old file is intact and nothing else is left behind."""

import errno
import os
import stat
import threading

import pytest

from initgen.core.errors import OutputError
from initgen.engine.output import check_space, in_units, target_of
from initgen.engine.write import write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec

SPEC = tensor_spec("he_uniform", (300, 400))
OTHER = tensor_spec("he_uniform", (300, 400), seed=1)
AS_ROOT = os.geteuid() == 0


def make(path, form="npy", spec=SPEC, **options):
    return write([spec], str(path), FORMATS[form], **options)


@pytest.fixture(params=[form.name for form in FORMATS])
def form(request):
    return request.param


CALLS = ["pwrite", "fsync", "replace", "link", "posix_fallocate", "chmod", "open"]


class Failing:
    """A function of os that fails from some call on."""

    def __init__(self, name, code, after=0):
        self.real, self.code, self.left = getattr(os, name), code, after

    def __call__(self, *args, **options):
        if self.left:
            self.left -= 1
            return self.real(*args, **options)
        raise OSError(self.code, os.strerror(self.code))


def outcome(path, form, force):
    try:
        return make(path, form, force=force).action
    except OutputError as error:
        return error.message


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("old", [True, False])
def test_a_failure_anywhere_leaves_what_was_there(call, code, old, form, tmp_path, monkeypatch):
    if FORMATS[form].sequential and call in ("pwrite", "posix_fallocate"):
        pytest.skip("a sequential format makes no such call")
    path = tmp_path / "file"
    if old:
        path.write_bytes(b"precious")
    reached = 0
    for after in range(20):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, Failing(call, code, after))
            said = outcome(path, form, old)
        if said == "wrote":
            break
        assert said == f"{path}: {os.strerror(code)}"
        reached += 1
        names = os.listdir(tmp_path)
        if names == ["file"] and path.read_bytes() != b"precious":
            # It failed after the new file had its name (the directory's fsync): then that is complete.
            assert (call, after) in {("fsync", 1), ("open", 2), ("open", 3), ("open", 4), ("open", 5)}
            assert make(path, form).action == "unchanged"
            path.write_bytes(b"precious") if old else path.unlink()
        else:
            assert names == (["file"] if old else [])
    assert reached or call == ("link" if old else "replace")
    assert after < 19


@pytest.mark.parametrize("step", [1, 1000, 65537])
def test_short_writes_are_carried_on(step, form, tmp_path, monkeypatch):
    make(tmp_path / "whole", form)
    real = os.pwrite
    short = tensor_spec("he_uniform", (30, 40)) if step == 1 else SPEC
    make(tmp_path / "small", form, short)
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: real(descriptor, data[:step], at))
    make(tmp_path / "parts", form, short)
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "small").read_bytes()


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_reserve_still_takes_the_file(code, form, tmp_path, monkeypatch):
    make(tmp_path / "a", form)
    monkeypatch.setattr(os, "posix_fallocate", Failing("posix_fallocate", code))
    make(tmp_path / "b", form)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_a_file_system_without_hard_links_still_takes_the_file(code, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", Failing("link", code))
    assert make(tmp_path / "a").action == "wrote"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0, 0o666)])
def test_a_new_file_has_the_mode_of_the_umask(mask, mode, form, tmp_path):
    before = os.umask(mask)
    try:
        make(tmp_path / "file", form)
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_replaced_file_keeps_its_mode(mode, form, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    make(path, form, force=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() != b"old"


def test_a_file_with_the_same_content_is_left_alone(form, tmp_path):
    path = tmp_path / "file"
    assert make(path, form).action == "wrote"
    before = path.stat()
    assert make(path, form).action == "unchanged"
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("content", [b"", b"something else", None])
def test_a_file_with_other_content_is_refused_without_force(content, form, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content) if content is not None else make(path, form, OTHER)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(OutputError) as error:
        make(path, form)
    assert error.value.message == f"{path}: exists and holds something else"
    assert "--force" in error.value.hint
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    make(path, form, force=True)
    assert make(path, form).action == "unchanged"


def test_one_changed_byte_is_other_content(form, tmp_path):
    path = tmp_path / "file"
    make(path, form)
    content = path.read_bytes()
    # The description and the last value; in HDF5 only what it holds counts.
    for at in ({len(content) - 1} if form != "hdf5" else set()) | {len(content) // 2}:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(OutputError, match="something else"):
            make(path, form)


def test_a_symbolic_link_is_written_through(form, tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "file"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("real/file")
    make(link, form, force=True)
    assert os.readlink(link) == "real/file"
    assert target.read_bytes() != b"old"
    assert os.listdir(tmp_path / "real") == ["file"]
    assert make(link, form).action == "unchanged"


def dangling(path):
    path.symlink_to("nowhere")


def looped(path):
    path.symlink_to(path.name)


def no_parent(path):
    return path / "file"


def parent_is_a_file(path):
    path.write_bytes(b"")
    return path / "file"


REFUSED = [
    (os.mkdir, "is a directory"),
    (os.mkfifo, "is not a regular file"),
    (dangling, "symbolic link"),
    (looped, "symbolic link"),
    (no_parent, "there is no directory"),
    (parent_is_a_file, "there is no directory"),
    (lambda path: path.with_name("n" * 300), "File name too long"),
    (lambda path: os.devnull, "is not a regular file"),
    (lambda path: "/dev/zero", "is not a regular file"),
    (lambda path: "", "is not a path"),
    (lambda path: "a\0b", "is not a path"),
]


@pytest.mark.parametrize(("prepare", "said"), REFUSED)
@pytest.mark.parametrize("force", [True, False])
def test_what_is_no_place_for_a_file_is_refused_at_once(prepare, said, force, tmp_path, monkeypatch):
    path = prepare(tmp_path / "p")
    path = tmp_path / "p" if path is None else path
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr("initgen.engine.write.put", None)  # nothing is drawn for it
    with pytest.raises(OutputError, match=said):
        make(path, force=force)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_directory_that_is_closed_is_refused_at_once(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        target_of(str(tmp_path / "file"))


def test_more_than_the_disk_has_is_refused_with_the_size(form, tmp_path):
    with pytest.raises(OutputError, match="needs 4 EB, and the disk has"):
        make(tmp_path / "file", form, tensor_spec("he_uniform", (10**9, 10**9)))
    assert os.listdir(tmp_path) == []
    check_space(target_of(str(tmp_path / "file")), 1)


@pytest.mark.parametrize("attempt", range(10))
def test_of_two_writers_without_force_exactly_one_wins(attempt, tmp_path):
    path, start = tmp_path / "file", threading.Barrier(2)
    said = {}

    def run(spec):
        start.wait()
        try:
            said[spec.seed] = make(path, spec=spec, threads=1).action
        except OutputError as error:
            said[spec.seed] = error.message

    threads = [threading.Thread(target=run, args=[spec]) for spec in (SPEC, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [seed for seed, what in said.items() if what == "wrote"]
    assert len(winners) == 1, said
    assert os.listdir(tmp_path) == ["file"]
    assert make(path, spec=(SPEC, OTHER)[winners[0]]).action == "unchanged"


def test_a_file_that_appears_meanwhile_is_not_replaced(told, tmp_path):
    path = tmp_path / "file"
    with pytest.raises(OutputError, match="appeared while it was being made") as error:
        make(path, progress=told(lambda nbytes: path.write_bytes(b"theirs")))
    assert "--force" in error.value.hint
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["file"]


def test_without_fsync_nothing_is_flushed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", Failing("fsync", errno.EIO))
    assert make(tmp_path / "file", fsync=False).action == "wrote"


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (25728, "25.7 kB"), (1 << 30, "1.07 GB"), (4 * 10**18, "4 EB")],
)
def test_sizes_are_said_in_units(nbytes, text):
    assert in_units(nbytes) == text
