"""Cases 28, 29, 32 and 33: links, and places where nothing can be written."""

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

RIGHT = ("sample", "--scheme", "he_uniform", "--shape", "100x64")
OTHER = (*RIGHT, "--seed", "1")
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def beside(tmp_path, monkeypatch, made):
    """A file in another directory, and the place where the test runs."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    made(*OTHER, "-o", "elsewhere/real.npy")
    return tmp_path / "elsewhere" / "real.npy"


@pytest.mark.parametrize("target", ["elsewhere/real.npy", "absolute"])
def test_case_28_a_link_is_written_through_and_stays(target, beside, made):
    os.symlink(str(beside) if target == "absolute" else target, "w.npy")
    os.symlink("w.npy", "v.npy")
    made(*RIGHT, "-o", "v.npy", "--force")
    assert os.path.islink("w.npy")
    assert os.path.islink("v.npy")
    assert not beside.is_symlink()
    made(*RIGHT, "--check", "-o", "elsewhere/real.npy")
    assert sorted(os.listdir()) == ["elsewhere", "v.npy", "w.npy"]
    assert os.listdir("elsewhere") == ["real.npy"]


def test_case_28_a_link_to_another_file_is_not_replaced_without_force(beside, refused):
    os.symlink(beside, "w.npy")
    refused(*RIGHT, "-o", "w.npy", named="w.npy: exists and holds something else")


LINKS = {"dangling": "nowhere.npy", "dangling far": "/nonexistent/x.npy", "itself": "w.npy", "a directory": "elsewhere"}


@pytest.mark.parametrize("case", LINKS)
def test_case_28_a_link_to_no_file_is_refused(case, beside, refused):
    os.symlink(LINKS[case], "w.npy")
    refused(*RIGHT, "-o", "w.npy", "--force", named="w.npy: ")
    assert os.readlink("w.npy") == LINKS[case]


def test_case_28_a_circle_of_links_is_refused(beside, refused):
    os.symlink("v.npy", "w.npy")
    os.symlink("w.npy", "v.npy")
    refused(*RIGHT, "-o", "w.npy", "--force", named="w.npy: ")
    refused("stats", "w.npy", named="w.npy: ")


def test_case_28_a_directory_behind_a_link_takes_the_files(beside, made):
    os.symlink("elsewhere", "set")
    made(*RIGHT, "-o", "set/")
    assert os.path.islink("set")
    assert sorted(os.listdir("elsewhere")) == ["model.safetensors", "real.npy"]


def test_case_29_a_directory_that_becomes_a_link_meanwhile_does_not_lead_the_file_away(beside, monkeypatch, run):
    """Best effort: whoever swaps directories between two calls can move where the file appears, and nothing more.

    Nothing that is there is overwritten without --force, and no temporary is left in either place.
    """
    os.mkdir("out")
    os.mkdir("theirs")
    (beside.parent.parent / "theirs" / "w.npy").write_bytes(b"precious")
    real = os.fsync

    def swap(descriptor):
        real(descriptor)
        if os.path.isdir("out") and not os.path.islink("out"):
            os.rename("out", "moved")
            os.symlink("theirs", "out")

    monkeypatch.setattr(os, "fsync", swap)
    done = run(*RIGHT, "-o", "out/w.npy")
    assert done.code == 2
    assert done.err.startswith("error: out/w.npy: ")
    assert (beside.parent.parent / "theirs" / "w.npy").read_bytes() == b"precious"
    assert os.listdir("theirs") == ["w.npy"]


WRONG_PLACES = {
    "a directory with a suffix": ("d.npy", "d.npy: is a directory"),
    "a parent that is missing": ("nope/w.npy", "nope/w.npy: there is no directory nope"),
    "a parent that is a file": ("file/w.npy", "file/w.npy: there is no directory file"),
    "a parent of a parent that is a file": ("file/x/w.npy", "file/x/w.npy: there is no directory file/x"),
    "a directory whose parent is missing": ("nope/set/", "nope/set"),
    "a directory that is a file": ("file/", "file/: is not a directory"),
    "nothing": ("", "output = ''"),
    "NUL": ("a\0.npy", "output = 'a\\x00.npy'"),
}


@pytest.mark.parametrize("case", WRONG_PLACES)
def test_case_32_a_wrong_place_is_refused_before_anything_is_drawn(case, put, refused, tmp_path, monkeypatch):
    from initgen.engine.draw import Tensor

    put("file", "")
    (tmp_path / "d.npy").mkdir()
    monkeypatch.setattr(Tensor, "__call__", lambda *_: pytest.fail("something was drawn"))
    output, named = WRONG_PLACES[case]
    refused(*RIGHT, "-o", output, "--force", named=named)


@pytest.fixture
def as_nobody(run, monkeypatch):
    """``as_nobody(*args)``: a run by a user whom file modes bind, in a directory that all may enter."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        monkeypatch.chdir(place)

        def call(*args):
            if not AS_ROOT:
                return run(*args)
            if not hasattr(os, "setresuid"):
                pytest.skip("root cannot become another user and come back")
            # What is imported late may lie where only root may look.
            run(*RIGHT, "-o", "warm.npy")
            run(args[0], "warm.npy")
            os.unlink("warm.npy")
            os.setresuid(65534, 65534, 0)
            try:
                return run(*args)
            finally:
                os.setresuid(0, 0, 0)

        yield call


@pytest.mark.parametrize("place", ["d/w.npy", "d/set/", "d/"])
def test_case_33_a_directory_that_may_not_be_written_is_refused(place, as_nobody, says):
    os.mkdir("d", 0o555)
    done = as_nobody(*RIGHT, "-o", place)
    assert done.code == 2
    says(done.err, "d/")
    assert "not writable" in done.err
    assert os.listdir("d") == []


def test_case_33_a_file_that_may_not_be_written_is_replaced_if_asked(as_nobody):
    """As by mv and by git: its directory may be written, and it keeps its mode. Without --force it stays."""
    os.mkdir("d")
    os.chmod("d", 0o777)
    path = Path("d", "w.npy")
    path.write_bytes(b"precious")
    path.chmod(0o444)
    assert as_nobody(*RIGHT, "-o", path).code == 2
    assert path.read_bytes() == b"precious"
    assert as_nobody(*RIGHT, "-o", path, "--force").code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert np.load(path).shape == (100, 64)


@pytest.mark.parametrize("command", ["stats", "identify", "verify", "diff", "spec", "sample", "probe"])
def test_case_33_a_file_that_may_not_be_read_is_an_error(command, as_nobody, says):
    name = "w.toml" if command in ("sample", "probe") else "w.npy"
    Path(name).write_bytes(b"precious")
    os.chmod(name, 0)
    more = {"diff": [name], "sample": ["-o", "v.npy"]}.get(command, [])
    done = as_nobody(command, name, *more)
    assert (done.code, done.out) == (2, b"")
    says(done.err, f"{name}: Permission denied")


@pytest.mark.parametrize("place", ["d/w.npy", "d/set/", "d/"])
def test_case_33_a_file_system_that_is_read_only_is_refused(place, tmp_path, refused):
    disk = tmp_path / "d"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", disk]
    if not AS_ROOT or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    try:
        refused(*RIGHT, "-o", place, named="d/")
    finally:
        subprocess.run(["umount", disk], check=True)
