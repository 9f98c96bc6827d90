"""What the fault loops found: errors that name the output, temporaries that are cleared, sets that are not mixed."""

import contextlib
import errno
import fcntl
import os

import pytest

from initgen.core.errors import OutputError
from initgen.engine import temporary
from initgen.engine.directory import matches_plan, store_at, write_plan
from initgen.engine.files import plan_files
from initgen.engine.shards import finish, write_part
from initgen.specs.tensor import tensor_spec

STALE = ".initgen-0123456789abcdef.tmp"


def plan_of(path, form=None, seed=0, size=2400):
    specs = [tensor_spec("he_uniform", (20, 30), name=name, seed=seed) for name in ("a/x", "a/y")]
    return plan_files(specs, str(path), form, size if str(path).endswith("/") and form is None else None)


def failing(code):
    def call(*args, **options):
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("output", ["w.npz", "w.safetensors", "m/"])
def test_a_disk_that_cannot_be_read_is_an_error_that_names_the_output(output, tmp_path, monkeypatch):
    plan = plan_of(f"{tmp_path}/{output}")
    write_plan(plan, fsync=False)
    monkeypatch.setattr(os, "pread", failing(errno.EIO))
    monkeypatch.setattr("initgen.engine.comparison.Comparison.write", failing(errno.EIO))
    for look in (write_plan, matches_plan):
        with pytest.raises(OutputError, match=rf"{output}.*: Input/output error"):
            look(plan)


@pytest.mark.parametrize("output", ["w.npz", "w.h5", "m/", "finished/"])
def test_a_run_that_changes_nothing_still_clears_what_a_killed_one_left(output, tmp_path):
    plan = plan_of(f"{tmp_path}/{output}")
    beside = tmp_path / (output if output.endswith("/") else "")
    if output == "finished/":
        write_part(plan, plan.files, store_at(plan.path, fsync=False))
        finish(plan, store_at(plan.path, fsync=False))
    else:
        write_plan(plan, fsync=False)
    (beside / STALE).touch()
    if output == "finished/":
        assert finish(plan, store_at(plan.path, fsync=False)).wrote == ()
    else:
        assert write_plan(plan).action == "unchanged"
    assert not (beside / STALE).exists()


def test_a_temporary_is_held_while_it_is_cleared(tmp_path, monkeypatch):
    """Its maker, between making and locking it, would take it for its own."""
    path = tmp_path / STALE
    path.touch()
    held = []

    def remove(*args):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)

    monkeypatch.setattr(temporary, "_remove", remove)
    temporary.clear(str(tmp_path))
    assert held == [True]


def test_a_lock_that_cannot_be_given_back_does_not_keep_the_temporary(tmp_path, monkeypatch):
    real = os.close

    def close(descriptor):
        real(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with temporary.temporary(str(tmp_path)):
        assert len(os.listdir(tmp_path)) == 1
        monkeypatch.setattr(os, "close", close)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["listdir", "stat"])
def test_files_of_another_set_are_removed_or_the_set_is_not_made(call, tmp_path, monkeypatch):
    """A directory that cannot be looked at is not one that is empty, nor a file in it one without a mode."""
    top = tmp_path / "m"
    write_plan(plan_of(f"{top}/", size=4800), fsync=False)
    write_plan(plan_of(f"{top}/", size=2400), force=True, fsync=False)
    (top / "model-00001-of-00002.safetensors").chmod(0o600)
    before = {name: (top / name).read_bytes() for name in os.listdir(top)}
    real, names = getattr(os, call), os.listdir

    def fail(path, *args, **options):
        ours = str(path).startswith(str(top)) and ".initgen-" not in str(path)
        if ours and (call == "listdir" or "00001" in str(path)) and any(".initgen-" in name for name in names(top)):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *args, **options)

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError, match="Input/output error"):
        write_plan(plan_of(f"{top}/", seed=1), force=True, fsync=False)
    monkeypatch.undo()
    assert {name: (top / name).read_bytes() for name in os.listdir(top)} == before


def test_folders_that_were_made_for_files_that_could_not_be_named_go_again(tmp_path, monkeypatch):
    (tmp_path / "config.json").touch()
    monkeypatch.setattr(os, "link", failing(errno.ENOSPC))
    with contextlib.suppress(OutputError):
        write_plan(plan_of(f"{tmp_path}/", "npy"), fsync=False)
    assert os.listdir(tmp_path) == ["config.json"]
