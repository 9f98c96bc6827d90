"""A Dask cluster makes the bytes of one machine, whoever dies on the way; what cannot be done is one line."""

import errno
import os
import signal
import socket
import sys
import time

import pytest
from distributed import Client, LocalCluster

from initgen.core.errors import FormatError, InitgenError, OutputError
from initgen.engine import cluster as cluster_file
from initgen.engine import task as task_file
from initgen.engine.cluster import Cluster
from initgen.engine.directory import write_plan
from initgen.engine.files import plan_files
from initgen.specs.tensor import tensor_spec

SPECS = [
    tensor_spec("he_normal", (1200, 1000), name="large", dtype="float16"),
    tensor_spec("truncated_normal", (1000, 900), name="wide", dtype="float64", seed=3),
    tensor_spec("orthogonal", (40, 30), name="whole", seed=2),
    *(tensor_spec("glorot_uniform", (7, 9), name=f"block.{number}.w", seed=9, keyed=True) for number in range(60)),
    tensor_spec("zeros", (0, 4), name="empty"),
]
OUTPUTS = [("m.safetensors", None, None), ("m.h5", None, None), ("m/", None, 1_000_000), ("m/", "npy", None)]


def started(**options):
    return LocalCluster(threads_per_worker=1, dashboard_address=":0", protocol="tcp://", silence_logs=60, **options)


@pytest.fixture(scope="module")
def threads():
    """A cluster whose workers are threads: it starts at once, and sees what a test changes."""
    with started(n_workers=2, processes=False) as cluster:
        yield cluster


def files(top):
    found = {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    assert found
    return found


def make(directory, output="m.safetensors", form=None, size=None, specs=SPECS, **options):
    directory.mkdir(exist_ok=True)
    return write_plan(plan_files(specs, os.path.join(directory, output), form, size), **options)


@pytest.mark.parametrize(("output", "form", "size"), OUTPUTS)
@pytest.mark.parametrize("task", [1 << 16, pytest.param(64 << 20, marks=pytest.mark.slow)])
def test_a_cluster_makes_the_bytes_of_one_machine(output, form, size, task, threads, tmp_path):
    made = make(tmp_path / "there", output, form, size, filler=Cluster(threads.scheduler_address, task=task))
    own = make(tmp_path / "here", output, form, size)
    assert (made.action, made.nbytes) == (own.action, own.nbytes)
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_what_is_there_is_compared_without_the_cluster(tmp_path):
    make(tmp_path)
    nobody = Cluster("tcp://127.0.0.1:1")
    assert make(tmp_path, filler=nobody).action == "unchanged"
    with pytest.raises(OutputError, match="holds something else"):
        make(tmp_path, specs=SPECS[:1], filler=nobody)


def test_progress_tells_of_every_byte_and_every_file(told, threads, tmp_path):
    seen, begun, ended = [], {}, []
    progress = told(seen.append)
    progress.begin, progress.end = begun.__setitem__, ended.append
    make(tmp_path, "m/", None, 1_000_000, progress=progress, filler=Cluster(threads.scheduler_address, task=1 << 20))
    assert sum(seen) == sum(begun.values()) == sum(spec.nbytes for spec in SPECS)
    assert len(seen) > 5
    assert sorted(begun) == sorted(ended) == [f"{tmp_path}/m/model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]


def test_no_more_than_a_window_of_tasks_is_known_at_once(told, threads, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster_file, "_WINDOW", 9)
    known = []
    progress = told(lambda nbytes: known.append(len(threads.scheduler.tasks)))
    specs = [tensor_spec("ones", (5,), name=f"t{number}") for number in range(200)]
    make(tmp_path, "m/", "npy", specs=specs, progress=progress, filler=Cluster(threads.scheduler_address, task=1))
    assert len(known) == 200
    assert max(known) < 100  # the scheduler forgets those that have ended a moment later


def refused(directory, filler, **options):
    """The error of a run, of which nothing is left."""
    with pytest.raises(InitgenError) as raised:
        make(directory, filler=filler, fsync=False, **options)
    assert os.listdir(directory) == []
    for text in (raised.value.message, raised.value.hint):
        assert "\n" not in text
        assert len(text) < 200
    return f"{raised.value.message} ({raised.value.hint})"


def test_a_worker_that_does_not_see_the_file_says_so(threads, monkeypatch, tmp_path):
    def elsewhere(path, *rest):
        found = lay_out(path, *rest)
        os.rename(path, tmp_path / "unseen")
        return found

    lay_out = task_file.lay_out
    monkeypatch.setattr(task_file, "lay_out", elsewhere)
    said = refused(tmp_path / "out", Cluster(threads.scheduler_address))
    assert said.startswith("worker tcp://127.0.0.1:")
    assert f"does not see {tmp_path}/out/.initgen-" in said
    assert "all workers share" in said


@pytest.fixture
def faults(monkeypatch):
    """``faults(n, error)``: the first n writes of the workers fail."""

    def fail(times, error):
        left = iter(range(times))

        def pwrite(*args):
            if next(left, None) is not None:
                raise error
            return real(*args)

        real = os.pwrite
        monkeypatch.setattr(os, "pwrite", pwrite)

    return fail


def test_a_full_disk_is_said_with_the_file_and_the_worker(faults, threads, tmp_path):
    faults(10**6, OSError(errno.ENOSPC, "No space left on device"))
    said = refused(tmp_path / "out", Cluster(threads.scheduler_address))
    assert said.startswith(f"{tmp_path}/out/m.safetensors: No space left on device, on worker tcp://127.0.0.1:")


def test_a_fault_of_the_moment_is_tried_again(faults, threads, tmp_path):
    faults(3, OSError(errno.EIO, "Input/output error"))
    make(tmp_path / "there", filler=Cluster(threads.scheduler_address))
    make(tmp_path / "here")
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_an_error_that_nobody_foresaw_is_one_line(faults, threads, tmp_path):
    faults(10**6, MemoryError("two\nlines"))
    said = refused(tmp_path / "out", Cluster(threads.scheduler_address))
    assert said == f"{tmp_path}/out/m.safetensors: a worker failed: two ()"


def test_another_version_on_a_worker_is_named(threads, monkeypatch, tmp_path):
    text_of = task_file.text_of
    monkeypatch.setattr(task_file, "text_of", lambda *args, **more: text_of(*args, **more).replace('"0.', '"9.', 1))
    said = refused(tmp_path / "out", Cluster(threads.scheduler_address))
    assert "has initgen 0." in said
    assert "not 9." in said


def test_leaving_ends_the_tasks_and_removes_the_files(told, threads, tmp_path):
    def leave(nbytes):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, "m/", progress=told(leave), filler=Cluster(threads.scheduler_address, task=1 << 16))
    assert os.listdir(tmp_path) == []
    deadline = time.monotonic() + 10
    while threads.scheduler.tasks:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_cluster_without_workers_is_given_up(tmp_path):
    with started(n_workers=0, processes=False) as empty:
        said = refused(tmp_path / "out", Cluster(empty.scheduler_address, patience=0.3))
    assert said.endswith("the cluster has no workers, for 0.3 s now ()")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "blub", "tcp://", "ftp://x:1", ""])
def test_an_address_where_no_scheduler_is_says_so(address, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster_file, "_ANSWER", 0.3)
    assert refused(tmp_path / "out", Cluster(address)).startswith(f"--dask {address}: ")


def test_a_server_that_is_no_scheduler_is_not_waited_for(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster_file, "_ANSWER", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        assert refused(tmp_path / "out", Cluster(address)).startswith(f"--dask {address}: no scheduler answers")
        assert time.monotonic() - begun < 10


def test_a_scheduler_file_is_an_address(threads, tmp_path):
    from json import dumps

    (tmp_path / "scheduler.json").write_text(dumps({"address": threads.scheduler_address}))
    assert make(tmp_path / "out", filler=Cluster(str(tmp_path / "scheduler.json"))).action == "wrote"
    (tmp_path / "scheduler.json").write_text("{")
    assert "scheduler.json: " in refused(tmp_path / "empty", Cluster(str(tmp_path / "scheduler.json")))


def test_without_distributed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OutputError, match="needs distributed") as raised:
        Cluster("tcp://127.0.0.1:1")
    assert raised.value.hint == "pip install 'initgen[dask]'"


def test_what_is_written_from_start_to_end_is_refused():
    plan = plan_files(SPECS, "m.npz")
    with pytest.raises(FormatError, match="start to end"):
        Cluster("tcp://127.0.0.1:1").check(plan)


# Half a gigabyte of the slowest draws, in tasks of a quarter of a second: a worker that dies is in the middle of one.
LARGE = [tensor_spec("he_normal", (4000, 4000), name=f"w{number}", dtype="float64") for number in range(4)]


@pytest.mark.slow
def test_a_worker_that_is_killed_on_the_way_changes_no_byte(told, tmp_path):
    with started(n_workers=3, processes=True) as cluster, Client(cluster) as client:
        pids = client.run(os.getpid)
        killed = []

        def kill(nbytes):
            if not killed:
                victim = max(cluster.scheduler.workers.values(), key=lambda worker: len(worker.processing))
                killed.extend((victim.address, {task.key for task in victim.processing}))
                os.kill(pids[victim.address], signal.SIGKILL)

        filler = Cluster(cluster.scheduler_address, task=4 << 20)
        make(tmp_path / "there", "m/", None, 200_000_000, LARGE, progress=told(kill), filler=filler, fsync=False)
        address, keys = killed
        again = {
            key
            for key, start, finish, *_ in cluster.scheduler.transition_log
            if key in keys and (start, finish) == ("processing", "released")
        }
        assert again, "the worker died between two tasks"
        assert address not in cluster.scheduler.workers
    make(tmp_path / "here", "m/", None, 200_000_000, LARGE, fsync=False)
    assert files(tmp_path / "there") == files(tmp_path / "here")
