"""``sample --dask``: an option away from the same file, and nothing on stderr but what we say."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from distributed import LocalCluster

pytestmark = pytest.mark.slow  # a cluster costs seconds; tests/engine/test_cluster.py has the fast ones

ONE = ("sample", "-s", "he_normal", "--shape", "1200x1000")


@pytest.fixture(scope="module")
def address():
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0", silence_logs=60
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_is_an_option_away(address, run, tmp_path):
    there = run(*ONE, "-o", "there.npy", "--dask", address)
    assert (there.code, there.out) == (0, b"")
    assert there.err.startswith("wrote there.npy: weight 1200x1000 float32 he_normal")
    assert there.err.count("\n") == 1
    assert run(*ONE, "-o", "here.npy").code == 0
    assert (tmp_path / "there.npy").read_bytes() == (tmp_path / "here.npy").read_bytes()
    assert run(*ONE, "-o", "there.npy", "--dask", "nobody:1").err.startswith("unchanged there.npy")
    assert run(*ONE, "-o", "there.npy", "--dask", "nobody:1", "--check").code == 0


def test_a_program_is_told_how_far_the_cluster_is(address, run):
    result = run(*ONE, "-o", "m/", "--dask", address, "--json-progress", "-q")
    events = [json.loads(line) for line in result.err.splitlines()]
    assert [event["event"] for event in events if event["event"] != "progress"] == ["start", "begin", "end", "done"]
    assert events[-1]["bytes"] == events[-1]["total_bytes"] == 4_800_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "w.npz"), "w.npz: npz is written from start to end"),
        (("-o", "memory://bucket/w.npy"), "memory://bucket/w.npy: is no file that workers can share"),
        (("-o", "-"), "--dask needs a file or directory"),
        ((), "--dask needs a file or directory"),
        (("-o", "w.npy", "--dask", ""), "--dask : neither an address nor a scheduler file"),
        (("-o", "no/w.npy"), "no/w.npy: there is no directory no"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(options, said, address, run, tmp_path):
    result = run(*ONE, "--dask", address, *options)
    assert (result.code, result.out) == (2, b"")
    assert result.err.startswith(f"error: {said}")
    assert len(result.err.splitlines()) == 2 - ("no/" in said)
    assert os.listdir(tmp_path) == []


LARGE = ("sample", "-s", "he_normal", "--shape", "20000x5000", "--dtype", "float64", "--no-fsync")


@pytest.fixture
def large(tmp_path):
    """``large()``: a run that takes seconds, and what ends the processes of its cluster; the file is half made."""
    script = tmp_path / "cluster.py"
    script.write_text(
        "import sys, threading\nfrom distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=':0', silence_logs=60)\n"
        "    print(cluster.scheduler_address, flush=True)\n"
        "    sys.stdin.read()\n"
        "    cluster.close()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, script], **pipes) as cluster:
        address = cluster.stdout.readline().strip()
        (tmp_path / "out").mkdir()
        command = [sys.executable, "-m", "initgen", *LARGE, "-o", str(tmp_path / "out" / "w.npy"), "--dask", address]
        with subprocess.Popen(
            [*command, "--json-progress"],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            while '"event": "begin"' not in (line := process.stderr.readline()):
                assert line, process.wait()
            yield process, cluster
            process.kill()
        if cluster.poll() is None:
            cluster.communicate("", timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_leaves_nothing(number, large, tmp_path):
    process, _ = large
    process.send_signal(number)
    begun = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert time.monotonic() - begun < 10
    assert [line for line in err.splitlines() if "event" not in line] == (["interrupted"] if number == 2 else [])
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.slow
def test_a_scheduler_that_goes_is_a_line(large, tmp_path):
    process, cluster = large
    cluster.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    (said, hint) = [line for line in err.splitlines() if "event" not in line]
    assert said.endswith("the scheduler is gone")
    assert hint == "hint: nothing was written"
    assert os.listdir(tmp_path / "out") == []
