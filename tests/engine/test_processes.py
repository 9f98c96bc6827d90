"""Work spread over forked processes: every task once, one error for all, and nobody left behind."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from initgen.core.errors import FormatError, OutputError
from initgen.engine import processes
from initgen.engine.processes import spread
from initgen.engine.write import differences, write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec

pytestmark = pytest.mark.skipif(not processes.LINUX, reason="forks on Linux alone")


@pytest.fixture
def forking(monkeypatch):
    """As in the command's own process; the test runner's threads do nothing meanwhile."""
    monkeypatch.setattr(processes, "alone", True)
    monkeypatch.setattr(processes, "LEAST", 0)
    monkeypatch.setattr(processes.threading, "active_count", lambda: 1)
    yield
    with pytest.raises(ChildProcessError):  # nobody is left
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 7, 30_000])  # a pipe holds 8,192 numbers
def test_every_task_is_done_once(count, workers, forking):
    done = list(spread(lambda task: [task, os.getpid()], lambda: iter(range(count)), 1, workers))
    assert sorted(task for task, _ in done) == list(range(count))
    assert len({pid for _, pid in done}) <= workers


def test_the_work_is_shared(forking):
    done = list(spread(lambda task: time.sleep(0.02) or os.getpid(), lambda: iter(range(20)), 1, 2))
    mine = done.count(os.getpid())
    assert len(set(done)) == 2
    assert 5 <= mine <= 15


ERRORS = [
    FormatError("w.npy: is damaged", "make it anew"),
    OSError(errno.ENOSPC, "No space left on device", "w.npy"),
    RuntimeError("ZeroDivisionError('division by zero')"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_an_error_is_the_answer_wherever_it_is_made(place, error, forking):
    here = os.getpid()

    def work(task):
        time.sleep(0.01)
        if (os.getpid() == here) == (place == "here"):
            raise (
                ZeroDivisionError("division by zero") if isinstance(error, RuntimeError) and place != "here" else error
            )
        return task

    with pytest.raises(type(error)) as raised:
        list(spread(work, lambda: iter(range(100)), 1, 2))
    assert str(raised.value) == str(error)
    assert vars(raised.value) == vars(error)


def test_a_process_that_is_killed_is_an_error_in_a_line(forking):
    here = os.getpid()

    def work(task):
        time.sleep(0.01)
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(OutputError, match="a process that was drawing was killed"):
        list(spread(work, lambda: iter(range(20)), 1, 2))


def test_who_leaves_early_leaves_nobody_behind(forking):
    here = os.getpid()
    found = spread(lambda task: time.sleep(0.05 if os.getpid() == here else 60), lambda: iter(range(1000)), 1, 3)
    next(found)
    started = time.monotonic()
    found.close()
    assert time.monotonic() - started < 30  # not when the others' tasks are done


@pytest.mark.parametrize("form", ["npy", "safetensors", "hdf5"])
def test_processes_and_threads_write_the_same_bytes_and_find_the_same_differences(form, forking, monkeypatch, tmp_path):
    specs = [tensor_spec("he_normal", (3000, 700), name="a"), tensor_spec("orthogonal", (60, 50), name="b")]
    specs += [tensor_spec("he_uniform", (8, 9), name=f"c{number}", seed=number) for number in range(300)]
    specs = specs[:1] if form == "npy" else specs
    paths = [tmp_path / "forked", tmp_path / "threads"]
    write(specs, str(paths[0]), FORMATS[form], threads=3)
    with monkeypatch.context() as patch:
        patch.setattr(processes, "alone", False)
        write(specs, str(paths[1]), FORMATS[form], threads=3)
    data = paths[0].read_bytes()
    assert data == paths[1].read_bytes()
    stored = {tensor.name: tensor.extent for tensor in FORMATS[form].read(str(paths[0])).tensors}
    extents = list(stored.values()) if form == "npy" else [stored[spec.name] for spec in specs]
    damaged = bytearray(data)
    for offset in (extents[0].offset + 5_000_001, extents[0].offset + 8_000_002, extents[-1].offset):
        damaged[offset] ^= 1
    paths[0].write_bytes(damaged)
    found = list(differences(specs, str(paths[0]), extents, 3))
    monkeypatch.setattr(processes, "alone", False)
    assert found == list(differences(specs, str(paths[0]), extents, 3))
    assert (found[0].name, found[0].count) == (specs[0].name, 2 + (form == "npy"))


def test_a_process_that_others_share_does_not_fork(monkeypatch):
    def who(task):
        time.sleep(0.005)
        return os.getpid()

    monkeypatch.setattr(processes, "LEAST", 0)
    assert not processes.alone
    assert set(spread(who, lambda: iter(range(50)), 1, 2)) == {os.getpid()}
    monkeypatch.setattr(processes, "alone", True)
    still = threading.Event()
    thread = threading.Thread(target=still.wait)
    thread.start()
    try:
        assert set(spread(who, lambda: iter(range(50)), 1, 2)) == {os.getpid()}
    finally:
        still.set()
        thread.join()


def hear_signals():
    """A background job of a shell starts with some of them ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, marks=pytest.mark.slow),
    ],
)
def test_a_command_that_is_ended_takes_its_processes_along(number, code, tmp_path):
    words = [sys.executable, "-m", "initgen", "sample", "-s", "he_normal", "--shape", "30000x30000", "--threads", "3"]
    command = subprocess.Popen(
        [*words, "-o", "w.npy", "--no-fsync"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=hear_signals,
    )
    children = f"/proc/{command.pid}/task/{command.pid}/children"
    until = time.monotonic() + 20
    found = []
    while len(found) < 2 and time.monotonic() < until:
        time.sleep(0.01)
        with open(children) as file:
            found = file.read().split()
    assert len(found) == 2
    if number == signal.SIGKILL:
        command.kill()
    else:
        os.killpg(command.pid, number)  # as a terminal does, and who ends a job: to all of them
    _, said = command.communicate()
    assert (command.returncode, said) == (code, b"interrupted\n" if number == signal.SIGINT else b"")
    while any(os.path.exists(f"/proc/{pid}") for pid in found) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in found)
    left = os.listdir(tmp_path)
    for name in left:
        os.unlink(tmp_path / name)  # gigabytes
    assert number == signal.SIGKILL or left == []


ORPHAN = """
import os, sys, time
from initgen.engine import processes
processes.alone, processes.LEAST = True, 0

def work(task):
    if os.getpid() != first:
        print(os.getpid(), flush=True)
    time.sleep(60)

first = os.getpid()
list(processes.spread(work, lambda: iter(range(10)), 1, 2))
"""


def test_when_the_first_process_is_killed_the_others_do_not_go_on():
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE) as process:
        other = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        try:
            with open(f"/proc/{other}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return  # ended; nobody has asked for its code
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.02)
    os.kill(other, signal.SIGKILL)
    raise AssertionError("it goes on")
