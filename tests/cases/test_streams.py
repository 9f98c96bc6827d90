"""Cases 34 to 40: disks that fill up, processes that are ended, pipes that nobody reads.

Each has tests of its own in depth, call by call and moment by moment; here stands that the promise holds.
"""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

INITGEN = (sys.executable, "-m", "initgen")
SMALL = ("sample", "--scheme", "he_uniform", "--shape", "100x64")
LARGE = ("sample", "--scheme", "random_normal", "--shape", "10000x10000", "--threads", "1")  # 400 MB
# A process takes a third of a second; what is of one kind runs with the slow tests.
FORMATS = [
    "w.safetensors",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("w.npy", "w.npz", "w.h5", "set/")),
]


def _put_old(output, made):
    made(*SMALL, "--seed", "9", "-o", output)
    return output


@pytest.mark.parametrize("output", FORMATS)
def test_case_34_a_full_disk_is_said_and_the_old_file_stays(output, tmp_path, made, shell, says, snapshot):
    """A disk of 64 KiB that has an old file; one of 4 MB does not fit beside it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode
    ):
        pytest.skip("no right to mount a file system")
    try:
        _put_old(f"disk/{output}", made)
        before = snapshot()
        done = shell(f"$I {' '.join(SMALL[:-1])} 1000x1000 -o disk/{output} --force; echo $?")
        assert done.stdout == b"2\n"
        says(done.stderr.decode(), f"disk/{output.rstrip('/')}")
        assert snapshot() == before
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "pwrite", "posix_fallocate", "write"])
def test_case_34_so_it_is_wherever_the_system_says_it(call, code, made, refused, monkeypatch):
    if not hasattr(os, call):
        pytest.skip(f"there is no os.{call} here")
    output = _put_old("w.npz" if call == "write" else "w.safetensors", made)

    def full(*args, **options):
        raise OSError(code, os.strerror(code))

    if call == "write":  # of the files that are written from start to end
        import zipfile

        monkeypatch.setattr(zipfile.ZipFile, "open", full)
    else:
        monkeypatch.setattr(os, call, full)
    refused(*SMALL, "-o", output, "--force", named=f"{output}: {os.strerror(code)}")


@pytest.mark.parametrize("output", FORMATS)
def test_case_35_a_limit_on_the_size_of_files_is_said_and_kills_nobody(output, made, shell, says, snapshot):
    """`ulimit -f` counts blocks of 512 bytes; the system's answer is SIGXFSZ, or EFBIG to who ignores that."""
    _put_old(output, made)
    before = snapshot()
    done = shell(f"ulimit -f 100; $I {' '.join(SMALL[:-1])} 1000x1000 -o {output} --force; echo $?")
    assert done.stdout == b"2\n"
    says(done.stderr.decode(), output.rstrip("/"))
    assert "File too large" in done.stderr.decode()
    assert snapshot() == before


@pytest.fixture
def begun(tmp_path):
    """``begun(*args)``: a process that is drawing and writing, as its temporary file shows."""
    processes = []

    def start(*args):
        process = subprocess.Popen([*INITGEN, *args], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        processes.append(process)
        for _ in range(2000):
            if any(path.suffix == ".tmp" and path.stat().st_size for path in tmp_path.glob(".initgen-*")):
                return process
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        raise AssertionError("it does not begin")

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=30)


def test_case_36_after_sigkill_the_old_file_is_there_and_the_next_run_works(begun, tmp_path, made, snapshot):
    made(*SMALL, "-o", "w.npy")
    before = snapshot()
    process = begun(*LARGE, "-o", "w.npy", "--force")
    process.kill()
    process.wait(30)
    after = snapshot()
    assert {name: after[name] for name in before} == before
    assert all(name.startswith(".initgen-") and name.endswith(".tmp") for name in after.keys() - before.keys())
    made(*SMALL, "--seed", "1", "-o", "w.npy", "--force")
    assert sorted(os.listdir(tmp_path)) == ["w.npy"], "what the dead have left is cleared"


SIGNALS = [("SIGINT", 1), ("SIGTERM", 2)]
MORE = [("SIGINT", 2), ("SIGTERM", 1), ("SIGHUP", 1), ("SIGHUP", 2)]


@pytest.mark.parametrize(("name", "times"), [*SIGNALS, *(pytest.param(*each, marks=pytest.mark.slow) for each in MORE)])
def test_case_37_a_signal_removes_what_was_begun(name, times, begun, made, snapshot):
    number = getattr(signal, name)
    made(*SMALL, "-o", "w.npy")
    before = snapshot()
    process = begun(*LARGE, "-o", "w.npy", "--force")
    for _ in range(times):
        process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert b"Traceback" not in err
    assert out == b""
    assert snapshot() == before


def _first(*whats, then):
    """Commands by their first words; ``then`` those that are slow."""
    name = lambda what: " ".join(what.split()[:2])  # noqa: E731
    return [
        *(pytest.param(what, id=name(what)) for what in whats),
        *(pytest.param(what, id=name(what), marks=pytest.mark.slow) for what in then),
    ]


@pytest.mark.parametrize(
    "what", _first(" ".join(SMALL[:-1]) + " 3000x1000", then=["schemes", "--help", "stats w.npy", "spec --schema"])
)
def test_case_39_a_reader_that_leaves_is_no_error(what, made, shell):
    made(*SMALL, "-o", "w.npy")
    done = shell(f"{{ $I {what}; echo $? > code; }} | head -c 10; cat code")
    assert done.stderr == b""
    code = done.stdout[10:].decode().strip()
    # A text may be in the pipe as a whole before its reader leaves.
    assert code == "141" if "3000" in what else code in ("141", "0")


def test_case_39_nor_one_that_was_never_there(shell):
    """What fits a buffer fails in the last flush."""
    done = shell("{ sleep 1; $I completion bash; echo $? > code; } | true; cat code", wait=30)
    assert (done.stdout, done.stderr) == (b"141\n", b"")


FULL = ["--help", "--version", "identify w.npy", "diff w.npy w.npy", "spec w.npy", "stats w.npy --json"]
FULL += ["completion bash", "probe --depth 2 --width 8"]


@pytest.mark.parametrize("what", _first(" ".join(SMALL), "schemes", then=["stats w.npy", *FULL]))
def test_case_40_a_full_standard_output_is_an_error(what, made, shell):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    made(*SMALL, "-o", "w.npy")
    done = shell(f"$I {what} > /dev/full; echo $? >&2")
    assert done.stderr.decode().splitlines()[-2:] == ["error: standard output: No space left on device", "2"]
