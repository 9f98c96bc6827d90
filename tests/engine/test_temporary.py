"""Temporaries: gone with the run that made them, and those of runs that were killed gone with the next."""

import errno
import os
import re
import signal
import subprocess
import sys

import pytest

from initgen.engine import temporary as module
from initgen.engine.temporary import clear, temporary

fcntl = pytest.importorskip("fcntl", reason="Windows has no locks that the system gives back")

KILLED = """
import sys, time
from initgen.engine.temporary import temporary
with temporary(sys.argv[1], folder=sys.argv[2] == "folder") as path:
    if sys.argv[2] == "folder":
        open(path + "/part", "w").close()
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["file", "folder"])
def kind(request):
    return request.param


@pytest.fixture
def running(kind, tmp_path):
    """A process that has a temporary, and the temporary's path."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), kind], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_it_is_there_while_the_block_runs_and_gone_after_it(kind, tmp_path):
    with temporary(str(tmp_path), folder=kind == "folder") as path:
        assert re.fullmatch(r"\.initgen-[0-9a-f]{16}\.tmp", os.path.basename(path))
        assert os.path.isdir(path) == (kind == "folder")
    assert not os.listdir(tmp_path)


def test_an_error_in_the_block_removes_it_too(kind, tmp_path):
    with pytest.raises(ZeroDivisionError), temporary(str(tmp_path), folder=kind == "folder"):
        raise ZeroDivisionError
    assert not os.listdir(tmp_path)


def test_what_was_renamed_stays(kind, tmp_path):
    with temporary(str(tmp_path), folder=kind == "folder") as path:
        os.rename(path, tmp_path / "final")
    assert os.listdir(tmp_path) == ["final"]


def test_one_of_a_process_that_lives_stays_and_one_of_a_killed_process_goes(running, tmp_path):
    process, path = running
    clear(str(tmp_path))
    assert os.path.exists(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert os.path.exists(path)
    with temporary(str(tmp_path)):
        assert not os.path.exists(path)


def test_nothing_else_of_such_a_name_is_touched(tmp_path):
    (tmp_path / ".initgen-notes.tmp").touch()
    (tmp_path / ".initgen-0123456789abcdef.tmp.bak").touch()
    (tmp_path / "kept").mkdir()
    os.mkfifo(tmp_path / ".initgen-0000000000000000.tmp")
    (tmp_path / ".initgen-0000000000000001.tmp").symlink_to("kept")
    before = sorted(os.listdir(tmp_path))
    clear(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == before


def test_a_directory_that_cannot_be_listed_is_none_to_clear(tmp_path):
    clear(str(tmp_path / "nowhere"))


def test_one_that_another_run_clears_before_it_is_locked_is_made_again(kind, tmp_path, monkeypatch):
    made, real = [], fcntl.flock

    def make(path, folder, make=module._make):
        make(path, folder)
        made.append(path)

    def flock(descriptor, how):
        if len(made) == 1 and how == fcntl.LOCK_SH:
            os.rmdir(made[0]) if kind == "folder" else os.unlink(made[0])
        real(descriptor, how)

    monkeypatch.setattr(module, "_make", make)
    monkeypatch.setattr(fcntl, "flock", flock)
    with temporary(str(tmp_path), folder=kind == "folder") as path:
        assert os.path.exists(path)
        assert path == made[1]
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_nothing_is_cleared(code, tmp_path, monkeypatch):
    def flock(descriptor, how):
        raise OSError(code, os.strerror(code))

    (tmp_path / ".initgen-0000000000000000.tmp").touch()
    monkeypatch.setattr(fcntl, "flock", flock)
    with temporary(str(tmp_path)) as path:
        assert os.path.exists(path)
    assert os.listdir(tmp_path) == [".initgen-0000000000000000.tmp"]


def test_another_fault_of_a_lock_leaves_nothing(kind, tmp_path, monkeypatch):
    def flock(descriptor, how):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output"), temporary(str(tmp_path), folder=kind == "folder"):
        pass
    assert not os.listdir(tmp_path)


def test_a_reader_of_hdf5_may_open_what_is_locked(tmp_path):
    import h5py

    with temporary(str(tmp_path)) as path:
        with h5py.File(path, "w", locking=False) as file:
            file["a"] = 1
        with h5py.File(path, "r", locking=True) as file:
            assert file["a"][()] == 1


def test_what_a_signal_cut_off_between_two_steps_is_removed_in_the_end(kind, tmp_path):
    begun = temporary(str(tmp_path), folder=kind == "folder")
    begun.__enter__()
    module.clear_own()
    assert not os.listdir(tmp_path)
    begun.__exit__(None, None, None)
    assert not module._own
